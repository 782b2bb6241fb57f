"""Panels made worse on purpose: what is spoiled, and what is left as it was."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from mechpert_al.errors import UsageError
from mechpert_al.evaluation.degradation import degraded, random_proposals
from mechpert_al.evaluation.metrics import PRIMARY
from mechpert_al.evaluation.protocol import Protocol
from mechpert_al.evaluation.robustness import PLAIN, margin, non_inferiority
from mechpert_al.evaluation.screen import Split
from mechpert_al.evaluation.split_scores import Cell, SplitScores
from mechpert_al.evaluation.statements import ScoreTable
from mechpert_al.testing import toy_screen


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.sampled_from([0.0, 0.3, 1.0]))
def test_random_proposals_keep_confidences_and_targets(seed: int, share: float) -> None:
    random = np.random.default_rng(seed)
    dense = np.round(random.uniform(-1, 1, (15, 15)), 2) * (random.random((15, 15)) < 0.4)
    np.fill_diagonal(dense, 0)
    layer = sparse.csr_array(dense)
    spoiled = random_proposals(layer, share, np.random.default_rng(seed)).toarray()
    assert (np.diag(spoiled) == 0).all()
    for before, after in zip(dense, spoiled, strict=True):
        assert sorted(before[before != 0]) == sorted(after[after != 0])
    if share == 0:
        np.testing.assert_array_equal(spoiled, dense)


def test_a_share_of_all_proposals_is_replaced() -> None:
    random = np.random.default_rng(0)
    dense = (random.random((300, 300)) < 0.02) * random.uniform(0.1, 1, (300, 300))
    np.fill_diagonal(dense, 0)
    spoiled = random_proposals(sparse.csr_array(dense), 0.25, random).toarray()
    kept = ((spoiled != 0) & (dense == spoiled)).sum() / (dense != 0).sum()
    assert 0.72 < kept < 0.79


def test_each_kind_spoils_what_it_says() -> None:
    known = toy_screen(seed=5).knowledge
    before = {name: layer.toarray() for name, layer in known.consensus.layers.items()}

    def after(kind: str, seed: int = 0) -> dict[str, np.ndarray]:
        worse = degraded(known, kind, seed)
        for name, layer in worse.consensus.layers.items():  # the same wherever they stand
            np.testing.assert_array_equal(
                worse.agents[name].layers[name].toarray(), layer.toarray()
            )
        return {name: layer.toarray() for name, layer in worse.consensus.layers.items()}

    for seed, (own, other) in enumerate((("alpha", "beta"), ("beta", "alpha"))):
        inverted = after("one_inverted", seed)
        np.testing.assert_array_equal(inverted[own], -before[own])
        np.testing.assert_array_equal(inverted[other], before[other])
        copied = after("one_copied", seed)
        for name in before:
            np.testing.assert_array_equal(copied[name], before[own])
        one = after("one_random", seed)
        assert (one[own] != before[own]).any()
        np.testing.assert_array_equal(one[other], before[other])
    shuffled = after("shuffled")
    for name, layer in shuffled.items():
        np.testing.assert_array_equal(layer != 0, before[name] != 0)
        assert sorted(layer.ravel()) == sorted(before[name].ravel())
        assert (layer != before[name]).any()
    permuted = after("permuted")["alpha"]
    assert (permuted != before["alpha"]).any()
    assert sorted(map(sorted, permuted.tolist())) == sorted(map(sorted, before["alpha"].tolist()))
    assert degraded(known, "random:1", 0).similarity is not known.similarity
    np.testing.assert_array_equal(after("random:0.5", 7)["alpha"], after("random:0.5", 7)["alpha"])


@pytest.mark.parametrize("kind", ["random", "random:2", "random:x", "rotten", "shuffled:0.5"])
def test_unknown_kinds_are_refused(kind: str) -> None:
    with pytest.raises(UsageError) as caught:
        degraded(toy_screen().knowledge, kind, 0)
    assert kind in str(caught.value)
    with pytest.raises(UsageError):
        Protocol(("random",), degraded=kind)


# ---------------------------------------------------------------------- the statement
def score_table(values: dict[tuple[str, str, int], float], budgets: tuple[int, ...]) -> ScoreTable:
    """Every gene of a cell scores its value, with the same noise in every cell."""
    genes = tuple(f"G{number:02d}" for number in range(30))
    protocol = Protocol(("random",), budgets=budgets, n_splits=3)
    results = []
    for number in range(3):
        split = Split(number, np.arange(3), np.arange(30))
        noise = np.random.default_rng(number).normal(scale=0.1, size=30)
        one = SplitScores("toy", split, genes)
        for (strategy, predictor, rounds), value in values.items():
            for budget in budgets:
                cell = Cell("toy", strategy, predictor, budget, rounds)
                one.scores[cell] = {PRIMARY: value + noise}
        results.append(one)
    return ScoreTable("toy", results, protocol)


def test_the_best_plain_method_is_the_rival() -> None:
    plain = dict(zip(PLAIN, (0.20, 0.31, 0.10, 0.15), strict=True))
    values = {(*pair, 1): value for pair, value in plain.items()}
    table = score_table({**values, ("adaptive_coverage", "adaptive_kriging", 5): 0.285}, (20, 50))
    rows = list(non_inferiority(table))
    assert [row["budget"] for row in rows] == [20, 50]
    for row in rows:
        assert row["best"] == "prior_coverage + prior_kriging"
        assert row["difference"]["value"] == pytest.approx(-0.025)
        assert row["difference"]["low"] == pytest.approx(-0.025)  # the same noise: paired
    assert rows[0]["margin"] == 0.03
    assert rows[0]["holds"]  # −.025 ≥ −.03 at N = 20
    assert rows[1]["margin"] == 0.02
    assert not rows[1]["holds"]


def test_nothing_is_stated_where_a_plain_method_is_missing() -> None:
    values = {(*pair, 1): 0.2 for pair in PLAIN[:3]}
    table = score_table({**values, ("adaptive_coverage", "adaptive_kriging", 1): 0.3}, (20,))
    assert list(non_inferiority(table)) == []
    assert asdict(Protocol(("random",)))["degraded"] is None


def test_margins_are_those_stated() -> None:
    assert [margin(budget) for budget in (10, 20, 49, 50, 200)] == [0.03] * 3 + [0.02] * 2
