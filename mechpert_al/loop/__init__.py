"""The loop: propose, measure, learn, propose again; and the campaign that keeps it in a folder."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mechpert_al.loop.campaign import Campaign
    from mechpert_al.loop.learner import DesignLearner
    from mechpert_al.loop.rounds import Round, run_rounds

_HOMES = {
    "Campaign": "campaign",
    "DesignLearner": "learner",
    "Round": "rounds",
    "run_rounds": "rounds",
}

__all__ = ["Campaign", "DesignLearner", "Round", "run_rounds"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
