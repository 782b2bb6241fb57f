"""The loop: propose, measure, learn, propose again."""

from __future__ import annotations

from mechpert_al.loop.learner import DesignLearner
from mechpert_al.loop.rounds import Round, run_rounds

__all__ = ["DesignLearner", "Round", "run_rounds"]
