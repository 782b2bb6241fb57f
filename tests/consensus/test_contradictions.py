"""Which targets measurements contradict, worked out by hand."""

import numpy as np
import pytest
from scipy import sparse

from mechpert_al.consensus import ConsensusNetwork, coverage
from mechpert_al.consensus.contradictions import IMPLIED, alike, doubts, measured_correlation

GENES = tuple("ABCDEFGHKL")
A, B, C, D, E, F, G, H, K, L = range(10)


def network(*said: tuple[int, int, float]) -> ConsensusNetwork:
    """One agent that proposes the second gene for the first, with a confidence."""
    layer = np.zeros((10, 10))
    for target, gene, confidence in said:
        layer[target, gene] = confidence
    return ConsensusNetwork(GENES, {"x": sparse.csr_array(layer)}, {"x": np.ones(10, dtype=bool)})


def profiles(correlation: dict[tuple[int, int], float], n: int = 6) -> np.ndarray:
    """Profiles of n genes that correlate exactly as given (else 0), before they are centred."""
    wanted = np.eye(n)
    for (one, other), value in correlation.items():
        wanted[one, other] = wanted[other, one] = value
    raw = np.random.default_rng(0).normal(size=(400, n))
    basis, _ = np.linalg.qr(raw - raw.mean(axis=0))
    return np.linalg.cholesky(wanted) @ basis.T


def found(known: ConsensusNetwork, correlation, anchors=range(6), **settings):
    """Doubts after the first six genes were measured."""
    return doubts(known, known.kernel, list(anchors), profiles(correlation), **settings)


# ---------------------------------------------------------------------- correlations
def test_correlations_are_those_of_centred_profiles():
    values = np.random.default_rng(3).normal(size=(7, 50))
    expected = np.corrcoef(values - values.mean(axis=0))
    np.testing.assert_allclose(measured_correlation(values), expected, atol=1e-9)


def test_correlations_leave_out_what_was_not_measured():
    values = np.random.default_rng(4).normal(size=(6, 80))
    values[np.random.default_rng(5).random(values.shape) < 0.3] = np.nan
    centred = values - np.nanmean(values, axis=0)
    both = ~np.isnan(centred[1] + centred[4])
    expected = np.corrcoef(centred[1, both], centred[4, both])[0, 1]
    assert measured_correlation(values)[1, 4] == pytest.approx(expected)


# ---------------------------------------------------------------------- contradicted
def test_a_measured_target_unlike_what_was_proposed_for_it():
    """A and B were tied with confidence .9; they do not correlate. C and D do, as was said."""
    known = network((A, B, 0.9), (C, D, 0.9), (G, C, 0.5))
    (doubt,) = [one for one in found(known, {(C, D): 0.7}) if one.reason == "contradicted"]
    assert doubt.target == A
    (pair,) = doubt.pairs
    assert (pair.one, pair.other) == (A, B)
    assert pair.implied == pytest.approx(IMPLIED * 0.9)
    assert pair.is_contradicted
    assert doubt.weight == pytest.approx(pair.implied - pair.measured)


def test_two_neighbours_of_an_unmeasured_target_that_are_unlike():
    known = network((G, A, 0.9), (G, B, 0.8), (H, C, 0.9), (H, D, 0.9))
    contradicted = [one for one in found(known, {(C, D): 0.8}) if one.reason == "contradicted"]
    assert [one.target for one in contradicted] == [G]
    (pair,) = contradicted[0].pairs
    assert pair.implied == pytest.approx(IMPLIED**2 * 0.9 * 0.8)


def test_faint_claims_cannot_be_contradicted():
    known = network((A, B, 0.1), (G, C, 0.4), (G, D, 0.4))
    assert not [one for one in found(known, {}) if one.reason == "contradicted"]


def test_what_was_met_in_part_is_no_contradiction():
    """More than a third of what was implied is enough."""
    met, missed = IMPLIED * 0.9 / 2, IMPLIED * 0.9 / 10
    for value, is_contradicted in ((met, False), (missed, True)):
        rows = profiles({(A, B): value})
        rows = np.vstack([rows, -rows])  # centring over genes changes nothing then
        wide = ConsensusNetwork(
            tuple(f"G{i}" for i in range(12)),
            {"x": sparse.csr_array(([0.9], ([0], [1])), shape=(12, 12))},
            {"x": np.ones(12, dtype=bool)},
        )
        told = doubts(wide, wide.kernel, range(12), rows)
        assert any(one.reason == "contradicted" for one in told) is is_contradicted


def test_the_most_disappointing_come_first():
    known = network((A, B, 0.4), (C, D, 0.9), (G, A, 0.7), (G, C, 0.7))
    weights = [one.weight for one in found(known, {}) if one.reason == "contradicted"]
    assert len(weights) == 3
    assert weights == sorted(weights, reverse=True)


def test_evidence_names_measured_genes_and_correlations_only():
    """What an agent is told holds no other agent's confidence, and no unmeasured gene."""
    known = network((G, A, 0.91), (G, B, 0.83), (G, H, 0.77))
    (doubt,) = [one for one in found(known, {(A, B): -0.31}) if one.reason == "contradicted"]
    expected = measured_correlation(profiles({(A, B): -0.31}))[A, B]
    assert f"A and B {expected:+.2f}" in doubt.text
    assert not any(text in doubt.text for text in ("0.91", "0.83", "0.77", " H "))


# ---------------------------------------------------------------------- uncovered
def test_targets_that_nothing_covers_come_last_and_least_covered_first():
    known = network((A, B, 0.9), (G, C, 0.9), (H, K, 0.9))
    told = found(known, {(A, B): 0.8, (D, E): 0.6})
    covered = coverage(known.kernel, np.arange(6))
    bare = [one.target for one in told if one.reason == "uncovered"]
    assert set(bare) == {t for t in range(6, 10) if covered[t] < 0.1}
    assert L in bare
    assert G not in bare
    assert [one.reason for one in told] == sorted(one.reason for one in told)
    assert [covered[t] for t in bare] == sorted(covered[t] for t in bare)
    assert all("A B" in one.text and "D E" in one.text for one in told[-len(bare) :])


def test_groups_are_found_by_average_linkage():
    correlation = np.eye(5)
    correlation[0, 1] = correlation[1, 0] = 0.5
    correlation[2, 3] = correlation[3, 2] = 0.4
    correlation[3, 4] = correlation[4, 3] = 0.2  # to the pair 2, 3 on average 0.1: not in it
    assert alike(correlation) == [[0, 1], [2, 3]]


# ---------------------------------------------------------------------- limits
def test_few_anchors_contradict_nobody():
    known = network((A, B, 0.9))
    assert doubts(known, known.kernel, [A, B, C, D], profiles({}, 4)) == []


def test_no_more_targets_than_wanted():
    known = network((A, B, 0.9), (C, D, 0.9), (E, F, 0.9))
    everything = found(known, {})
    assert len(everything) > 2
    assert found(known, {}, most=2) == everything[:2]


def test_the_order_of_the_anchors_does_not_matter():
    known = network((A, B, 0.9), (C, D, 0.9), (G, A, 0.8), (G, C, 0.8))
    rows = profiles({(A, B): 0.1, (C, D): 0.5})
    order = np.array([4, 2, 0, 5, 1, 3])
    one = doubts(known, known.kernel, range(6), rows)
    other = doubts(known, known.kernel, order, rows[order])
    assert [(d.target, d.reason, d.text) for d in one] == [
        (d.target, d.reason, d.text) for d in other
    ]
