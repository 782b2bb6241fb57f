"""The bench: it scores as the comparison does, and what is stated of agents holds in its labs."""

from dataclasses import replace

import numpy as np
import pytest

from mechpert_al.evaluation.metrics import PRIMARY, Judge
from mechpert_al.evaluation.screen import Screen, Split
from mechpert_al.power.bench import AgentQuality, Bench
from mechpert_al.prediction.kriging import KrigingRegressor
from mechpert_al.virtual import VirtualLab

LAB = VirtualLab(2, 120, 100)
BENCH = Bench(LAB)
KERNEL = BENCH.consensus((AgentQuality(0.6),) * 3, 0.7).kernel


@pytest.mark.parametrize("listed", [None, 0.2])
def test_scores_are_those_of_the_comparison(listed):
    """The judge of real screens, given the same split and anchors, says the same of each gene."""
    bench = Bench(LAB, listed)
    table = LAB.effects() if listed is None else None
    if table is None:
        from mechpert_al.virtual.resemblance import ranked

        table = ranked(LAB.effects(), listed)
    judge = Judge(Screen.of("lab", table, LAB.genes), Split(0, bench.pool, bench.test))
    for anchors in (bench.design(KERNEL, 20), bench.random(20, 3)):
        predicted = judge.predict(KrigingRegressor(KERNEL), anchors)
        expected = judge.score([predicted])[0][PRIMARY]
        np.testing.assert_allclose(bench.scores(KERNEL, anchors), expected, atol=1e-6)


def test_the_test_is_never_measured():
    assert not set(BENCH.pool) & set(BENCH.test)
    assert sorted([*BENCH.pool, *BENCH.test]) == list(range(120))
    assert len(BENCH.test) == 48
    for anchors in (BENCH.design(KERNEL, 30), BENCH.random(30, 0)):
        assert len(set(anchors.tolist())) == 30
        assert set(anchors) <= set(BENCH.pool)
    assert not np.array_equal(BENCH.test, replace(BENCH, split=1).test)


def test_random_anchors_of_one_draw_are_nested():
    assert BENCH.random(30, 1)[:10].tolist() == BENCH.random(10, 1).tolist()
    assert BENCH.random(10, 1).tolist() != BENCH.random(10, 2).tolist()


def test_a_design_goes_on_from_what_is_given():
    whole = BENCH.design(KERNEL, 20)
    rest = BENCH.design(KERNEL, 12, whole[:8])
    assert rest.tolist() == whole[8:].tolist()


@pytest.mark.parametrize("precision", [0.2, 0.5, 0.9])
def test_agents_are_as_good_as_stated(precision):
    """Over their proposals: precision, and about 7.5 for each target."""
    right, named = [], []
    for seed in range(4):
        bench = Bench(replace(LAB, seed=seed))
        for layer in bench.consensus((AgentQuality(precision),) * 2, 0.0).layers.values():
            pairs = layer.toarray() > 0
            right.append(bench.lab.related[pairs].sum())
            named.append(pairs.sum())
    assert sum(right) / sum(named) == pytest.approx(precision, abs=0.05)
    assert np.mean(named) / 120 == pytest.approx(7.5, rel=0.1)


def test_invented_genes_are_lost_proposals():
    whole = AgentQuality(0.6).traits(LAB)
    half = AgentQuality(0.6, hallucination=0.5).traits(LAB)
    assert half.recall == pytest.approx(whole.recall / 2)
    assert half.precision == whole.precision


def test_agents_below_chance_guess():
    traits = AgentQuality(0.001).traits(LAB)
    assert traits.precision == pytest.approx(LAB.base_rate)
    assert traits.nearness == 0


def test_more_cells_score_better():
    weak = Bench(replace(LAB, model=replace(LAB.model, strength=0.1)))
    anchors = weak.design(KERNEL, 25)
    few, many = (weak.score(KERNEL, anchors, weak.profiles(n)) for n in (3, 1000))
    assert many > few + 0.05
