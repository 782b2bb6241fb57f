"""Choosing the consensus settings on one screen, so that another can judge them.

Only `development` genes are tested here (see `evaluation.screen.splits`), so that a screen which
chooses may still confirm on the genes it never looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.design.strategy import DEFAULT_STRATEGY, DesignState, build_strategy
from mechpert_al.effects.table import EffectTable
from mechpert_al.evaluation.metrics import PRIMARY, Judge
from mechpert_al.evaluation.protocol import STATED_BUDGET
from mechpert_al.evaluation.screen import Screen, splits
from mechpert_al.prediction.catalogue import DEFAULT_PREDICTOR, build_predictor

#: The settings that are tried.
MIN_AGENTS = (1, 2, 3)
MIN_CONFIDENCE = (0.0, 0.2, 0.4)
#: A setting replaces the default only if it is better by more than this.
MARGIN = 0.005
N_SPLITS = 6


@dataclass(frozen=True)
class Choice:
    """Chosen settings, and what each one that was tried scored.

    Parameters
    ----------
    min_agents, min_confidence
        The agreement filter that was chosen.
    tried
        One row a setting and screen: settings, score.
    """

    min_agents: int
    min_confidence: float
    tried: tuple[dict[str, Any], ...]

    def applied(self, knowledge: Knowledge) -> Knowledge:
        """The knowledge with the chosen agreement filter."""
        return _filtered(knowledge, self.min_agents, self.min_confidence)

    def __str__(self) -> str:
        return f"agreement of {self.min_agents} agents, confidence from {self.min_confidence:g}"


def choose_settings(
    screens: Sequence[tuple[str, EffectTable]],
    knowledge: Knowledge,
    *,
    test_fraction: float = 0.4,
    seed: int = 0,
) -> Choice:
    """The agreement filter whose default design and prediction score best on these screens.

    Parameters
    ----------
    screens
        Named screens that may choose; never those that judge.
    knowledge
        The panel's knowledge, unfiltered.
    """
    judges = [
        [
            Judge(screen, split)
            for split in splits(screen, N_SPLITS, test_fraction, seed, "development")
        ]
        for screen in (Screen.of(name, effects, knowledge.genes) for name, effects in screens)
    ]
    tried: list[dict[str, Any]] = []
    for min_agents in MIN_AGENTS[: len(knowledge.consensus.layers)]:
        for min_confidence in MIN_CONFIDENCE:
            variant = _filtered(knowledge, min_agents, min_confidence)
            for one in judges:
                tried.append(
                    {
                        "min_agents": min_agents,
                        "min_confidence": min_confidence,
                        "dataset": one[0].screen.name,
                        "score": _score(variant, one, seed),
                    }
                )
    means: dict[tuple[int, float], float] = {}
    for row in tried:
        key = (row["min_agents"], row["min_confidence"])
        means[key] = means.get(key, 0.0) + row["score"] / len(screens)
    default = (MIN_AGENTS[0], MIN_CONFIDENCE[0])
    best = max(means, key=lambda key: means[key])
    chosen = best if means[best] > means[default] + MARGIN else default
    return Choice(*chosen, tuple(tried))


def _filtered(knowledge: Knowledge, min_agents: int, min_confidence: float) -> Knowledge:
    return knowledge.with_consensus(
        replace(knowledge.consensus, min_agents=min_agents, min_confidence=min_confidence)
    )


def _score(knowledge: Knowledge, judges: Sequence[Judge], seed: int) -> float:
    """Mean primary score of the default design and prediction over the splits of a screen."""
    strategy = build_strategy(DEFAULT_STRATEGY)
    scores = []
    for judge in judges:
        pool = judge.split.pool
        state = DesignState(knowledge, pool, seed=seed)
        anchors = np.array(strategy.select(state, min(STATED_BUDGET, len(pool))).picks, dtype=int)
        predictor = build_predictor(DEFAULT_PREDICTOR, knowledge)
        scores.append(np.nanmean(judge.score([judge.predict(predictor, anchors)])[0][PRIMARY]))
    return float(np.mean(scores))
