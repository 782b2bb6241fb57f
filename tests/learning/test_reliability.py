"""Verdicts on sources: planted agents that know, guess or say the contrary."""

from __future__ import annotations

import numpy as np
import pytest

from mechpert_al.consensus import Knowledge
from mechpert_al.evaluation.degradation import degraded
from mechpert_al.learning import Reliability, reliability
from mechpert_al.learning.reliability import CHANCE, INFORMATIVE, MISLEADING, OPEN
from mechpert_al.testing import toy_screen
from mechpert_al.virtual import VirtualLab

LAB = VirtualLab(seed=3, n_genes=150, n_readouts=120)
MEASURED = np.random.default_rng(0).permutation(150)[:60]
PROFILES = LAB.effects().values.astype(np.float64)[MEASURED]


def verdicts(known: Knowledge, n: int = 60) -> dict[str, str]:
    return {
        one.source: one.verdict for one in reliability(known, MEASURED[:n], PROFILES[:n], seed=1)
    }


def test_agents_that_know_are_informative_and_guessers_are_not() -> None:
    known = Knowledge.from_panel(LAB.panel(quality=0.8), LAB.network(0.8))
    assert set(verdicts(known).values()) == {INFORMATIVE}
    guessers = Knowledge.from_panel(LAB.panel(quality=0.0), LAB.network(0.8))
    found = verdicts(guessers)
    assert found.pop("prior network") == INFORMATIVE
    assert INFORMATIVE not in found.values()
    assert list(found.values()).count(CHANCE) >= 4


def test_an_agent_that_says_the_contrary_is_misleading() -> None:
    known = Knowledge.from_panel(LAB.panel(quality=0.8))
    found = verdicts(degraded(known, "one_inverted", 0))
    assert found["agent:agent1"] == MISLEADING
    assert found["agent:agent2"] == INFORMATIVE


def test_guessers_are_rarely_called_informative() -> None:
    """By construction in 2.5 % of cases; 160 verdicts on guessers."""
    called = []
    for seed in range(40):
        lab = VirtualLab(seed=seed, n_genes=60, n_readouts=40)
        known = Knowledge.from_panel(lab.panel(quality=0.0, draw=seed))
        rows = np.arange(0, 60, 2)
        profiles = lab.effects().values.astype(np.float64)[rows]
        said = reliability(known, rows, profiles, seed=seed)
        called += [one.verdict == INFORMATIVE for one in said if one.source != "consensus"]
    assert len(called) == 160
    assert sum(called) <= 12  # 99.9 % point of a binomial with p = .025


def test_little_measured_is_not_known_yet() -> None:
    known = Knowledge.from_panel(LAB.panel(quality=0.0))
    assert set(verdicts(known, 3).values()) == {OPEN}
    assert CHANCE not in verdicts(known, 12).values()


def test_agreement_is_the_mean_of_direction_times_correlation() -> None:
    """Recomputed pair by pair from the panel's hypotheses."""
    world = toy_screen(seed=6)
    known, rows = world.knowledge, np.arange(0, len(world.genes), 2)
    profiles = world.profiles[rows]
    centred = profiles - profiles.mean(axis=0)
    correlation = np.corrcoef(np.hstack([centred, -centred]))  # rows of mean 0: no second centring
    place = {world.genes[row]: k for k, row in enumerate(rows)}
    pairs = [
        one.direction * correlation[place[one.target], place[one.regulator]]
        for one in world.panel.hypotheses
        if one.agent == "alpha" and one.target in place and one.regulator in place
    ]
    found = {one.source: one for one in reliability(known, rows, profiles)}["agent:alpha"]
    assert found.n_pairs == len(pairs) > 5
    assert found.agreement == pytest.approx(np.mean(pairs), abs=0.02)
    assert found.agreement_low is not None
    assert found.agreement_low < found.agreement < found.agreement_high


def test_sentences_say_the_numbers() -> None:
    told = Reliability("agent:a", INFORMATIVE, 30, 0.312, -0.05, 0.1, 12, 0.25, 0.1, 0.4).sentence
    assert told == (
        "agent:a: informative. Through it, 30 measured anchors predict each other with r = 0.31 "
        "(shuffled names: -0.05 to 0.10); 12 measured hypotheses agree by 0.25 [0.10, 0.40]."
    )
    assert Reliability("consensus", OPEN, 2).sentence == (
        "consensus: not known yet (2 measured anchors)."
    )
