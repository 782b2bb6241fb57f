"""Simulated agents that are asked again: what each kind does with evidence."""

import numpy as np
import pytest

from mechpert_al.consensus.contradictions import Doubt, Pair, doubts
from mechpert_al.virtual import VirtualLab
from mechpert_al.virtual.agents import simulated_consensus
from mechpert_al.virtual.evidence import PERSISTENCE, AskedAgain, permuted, reconsidered, refilled

LAB = VirtualLab(5, 100, 150)
TRAITS = (LAB.traits(0.5),) * 2


@pytest.fixture(scope="module")
def network():
    return simulated_consensus(LAB, TRAITS, agreement=0.5, draw=0)


@pytest.fixture(scope="module")
def asked(network):
    anchors = np.arange(0, 100, 2)
    found = doubts(network, network.kernel, anchors, LAB.effects().values[anchors])
    assert {one.reason for one in found} >= {"contradicted"}
    return found


def rows(network, name="agent1"):
    return network.layers[name].toarray()


def answered(reading, network, asked, round_number=1):
    return AskedAgain(LAB, TRAITS, 0.5, reading).answer(network, asked, round_number)


# ---------------------------------------------------------------------- one answer
def test_a_proposal_is_weighed_by_its_own_measured_correlation():
    answer = np.array([0, 0.4, 0.6, 0.8, 0.5])
    pairs = [Pair(0, 1, 0.3, -0.1), Pair(0, 2, 0.3, 0.5), Pair(0, 3, 0.3, 0.2)]
    np.testing.assert_allclose(reconsidered(answer, 0, pairs), [0, 0, 0.8, 0.8, 0.5])


def test_of_two_that_are_unlike_the_less_confident_goes():
    answer = np.array([0, 0.4, 0.6, 0, 0])
    np.testing.assert_allclose(reconsidered(answer, 0, [Pair(1, 2, 0.3, 0.0)]), [0, 0, 0.6, 0, 0])


def test_company_counts_beside_confidence():
    """1 is the most confident but unlike 2 and 3, which are alike: 1 goes, they rise."""
    answer = np.array([0, 0.5, 0.45, 0.45, 0])
    pairs = [Pair(1, 2, 0.3, -0.1), Pair(1, 3, 0.3, -0.1), Pair(2, 3, 0.3, 0.6)]
    weighed = reconsidered(answer, 0, pairs)
    assert weighed[1] == 0
    assert weighed[2] == weighed[3] == pytest.approx(0.45 + 0.5 * 0.55)


def test_evidence_on_what_was_not_proposed_changes_nothing():
    answer = np.array([0, 0.5, 0, 0.4, 0])
    pairs = [Pair(0, 2, 0.3, 0.9), Pair(1, 4, 0.3, -0.5)]
    np.testing.assert_array_equal(reconsidered(answer, 0, pairs), answer)


def test_places_are_refilled_with_the_next_best_and_never_with_what_was_withdrawn():
    kept = np.array([0, 0, 0.6, 0, 0, 0])
    withdrawn = np.array([0, 1, 0, 1, 0, 0], dtype=bool)
    thought_of = np.array([0.2, 0.9, 0.8, 0, 0.4, 0.3])
    expected = [0, 0, 0.6, 0, 0.4, 0.3]
    np.testing.assert_array_equal(refilled(kept, thought_of, withdrawn), expected)
    nothing = np.zeros(6)
    np.testing.assert_array_equal(refilled(kept, nothing, withdrawn), kept)
    np.testing.assert_array_equal(refilled(kept, thought_of, np.zeros(6, dtype=bool)), kept)


# ---------------------------------------------------------------------- whole answers
@pytest.mark.parametrize("reading", ["ignored", "used", "permuted"])
def test_only_targets_that_were_asked_about_change(reading, network, asked):
    after = answered(reading, network, asked)
    others = np.setdiff1d(np.arange(100), [one.target for one in asked])
    for name in network.layers:
        np.testing.assert_array_equal(rows(after, name)[others], rows(network, name)[others])


def test_decisions_persist_as_often_as_stated(network, asked):
    """Of those that would be made otherwise, a quarter is."""
    after = rows(answered("ignored", network, asked))
    fresh = simulated_consensus(LAB, TRAITS, agreement=0.5, draw=1).layers["agent1"].toarray()
    targets = [one.target for one in asked]
    before = rows(network)[targets]
    differs = before != fresh[targets]
    changed = (after[targets] != before)[differs].mean()
    n = differs.sum()
    assert changed == pytest.approx(1 - PERSISTENCE, abs=4 * np.sqrt(0.25 * 0.75 / n))


def test_reading_changes_only_answers_on_which_there_is_evidence(network, asked):
    """There, what is withdrawn is named in the evidence, and as much comes at most."""
    ignored, used = (rows(answered(reading, network, asked)) for reading in ("ignored", "used"))
    named = {one.target: {gene for pair in one.pairs for gene in pair[:2]} for one in asked}
    changed = np.flatnonzero((ignored != used).any(axis=1))
    assert set(changed) <= {target for target, genes in named.items() if genes}
    assert len(changed)
    for target in changed:
        gone = np.flatnonzero((ignored[target] > 0) & (used[target] == 0))
        come = np.flatnonzero((ignored[target] == 0) & (used[target] > 0))
        assert set(gone) <= named[target]
        assert len(come) <= len(gone)


def test_nothing_asked_nothing_changed(network):
    assert answered("used", network, []) is network


def test_used_evidence_makes_answers_truer_and_permuted_evidence_does_not(asked, network):
    """Share of the withdrawn proposals that were wrong, over contradicted targets."""
    contradicted = [one for one in asked if one.reason == "contradicted"]
    wrong = {}
    for reading in ("used", "permuted"):
        withdrawn = (rows(answered("ignored", network, contradicted)) > 0) & (
            rows(answered(reading, network, contradicted)) == 0
        )
        assert withdrawn.sum() >= 10
        wrong[reading] = 1 - LAB.related[withdrawn].mean()
    assert wrong["used"] > wrong["permuted"] + 0.1


# ---------------------------------------------------------------------- the control
def test_permuted_evidence_keeps_pairs_and_values_apart(asked):
    told = {one.target: one.pairs for one in asked if one.pairs}
    other = permuted(told, 0, 1)
    for target, pairs in told.items():
        assert [pair[:3] for pair in pairs] == [pair[:3] for pair in other[target]]
    before = {pair[:2]: pair.measured for pairs in told.values() for pair in pairs}
    after = {pair[:2]: pair.measured for pairs in other.values() for pair in pairs}
    assert sorted(before.values()) == sorted(after.values())
    assert np.mean([before[pair] != after[pair] for pair in before]) > 0.9


def test_no_dice_no_difference(network):
    doubt = Doubt(3, "uncovered", (), "")
    one, two = (answered("used", network, [doubt], 2) for _ in range(2))
    for name in network.layers:
        np.testing.assert_array_equal(rows(one, name), rows(two, name))
