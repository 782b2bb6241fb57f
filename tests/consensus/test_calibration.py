import dataclasses
import itertools

import numpy as np
import pytest

from mechpert_al.agents.panel import Agent, Hypothesis, Panel
from mechpert_al.consensus.calibration import EDGES, calibration
from mechpert_al.effects import EffectTable, read_effects
from mechpert_al.errors import DataError

GENES = tuple(f"GENE{number}" for number in range(20))


def panel_of(hypotheses) -> Panel:
    agents = {name: Agent(name, "mechanism") for name in ("a", "b")}
    everything = frozenset(GENES)
    return Panel("made up", agents, GENES, tuple(hypotheses), {"a": everything, "b": everything})


@pytest.fixture
def effects() -> EffectTable:
    values = np.random.default_rng(5).normal(size=(18, 30)).astype(np.float32)
    return EffectTable(GENES[:18], tuple(f"R{number}" for number in range(30)), values)


@pytest.fixture
def hypotheses() -> list[Hypothesis]:
    generator = np.random.default_rng(6)
    pairs = [(t, r) for t in GENES for r in GENES if t != r and generator.random() < 0.6]
    return [
        Hypothesis(
            "ab"[int(generator.integers(2))],
            target,
            regulator,
            int(generator.choice([1, -1])),
            float(generator.choice([0.05, 0.2, 0.21, 0.4, 0.55, 0.8, 0.9, 1.0])),
            "",
        )
        for target, regulator in pairs
    ]


def test_means_are_those_of_numpy(effects, hypotheses):
    found = calibration(panel_of(hypotheses), effects)
    values = effects.values.astype(float)
    correlation = np.corrcoef(values - values.mean(axis=0))
    assert found.n_measured == 18
    upper = [correlation[i, j] for i in range(18) for j in range(i)]
    assert found.background == pytest.approx(np.mean(upper))
    assert [(row.agent, row.above, row.up_to) for row in found.rows] == [
        (agent, low, high) for agent in "ab" for low, high in itertools.pairwise(EDGES)
    ]
    n_pairs = 0
    for row in found.rows:
        expected = [
            one.direction * correlation[GENES.index(one.target), GENES.index(one.regulator)]
            for one in hypotheses
            if one.agent == row.agent
            and row.above < one.confidence <= row.up_to
            and not {one.target, one.regulator} & {"GENE18", "GENE19"}
        ]
        assert row.n_pairs == len(expected)
        assert row.mean == pytest.approx(np.mean(expected))
        assert row.low < row.mean < row.high
        n_pairs += row.n_pairs
    assert 0 < n_pairs < len(hypotheses)


def test_the_interval_is_that_of_a_cluster_bootstrap(effects, hypotheses):
    row = calibration(panel_of(hypotheses), effects).rows[0]
    values = effects.values.astype(float)
    correlation = np.corrcoef(values - values.mean(axis=0))
    clusters = {}
    for one in hypotheses:
        t, r = GENES.index(one.target), GENES.index(one.regulator)
        if one.agent == "a" and one.confidence <= 0.2 and max(t, r) < 18:
            clusters.setdefault(t, []).append(one.direction * correlation[t, r])
    generator, groups = np.random.default_rng(0), list(clusters.values())
    means = []
    for _ in range(4000):
        drawn = generator.integers(len(groups), size=len(groups))
        means.append(np.mean([value for number in drawn for value in groups[number]]))
    assert (row.low, row.high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.02)


def test_the_same_seed_gives_the_same_and_another_one_another(effects, hypotheses):
    panel = panel_of(hypotheses)
    assert calibration(panel, effects, seed=1) == calibration(panel, effects, seed=1)
    assert calibration(panel, effects, seed=1) != calibration(panel, effects, seed=2)


def test_classes_without_a_measured_pair_have_no_mean(effects):
    panel = panel_of([Hypothesis("a", "GENE0", "GENE1", 1, 0.9, "")])
    rows = {(row.agent, row.up_to): row for row in calibration(panel, effects).rows}
    alone = rows["a", 1.0]
    assert (alone.n_pairs, alone.n_targets, alone.low, alone.high) == (1, 1, None, None)
    assert alone.mean is not None
    assert dataclasses.astuple(rows["b", 1.0])[3:] == (0, 0, None, None, None)


def test_a_screen_of_other_genes_is_refused(hypotheses):
    other = EffectTable(("X1", "X2"), ("R1",), np.zeros((2, 1), dtype=np.float32))
    with pytest.raises(DataError):
        calibration(panel_of(hypotheses), other)


def test_confidence_of_the_shipped_panel_is_worth_something(real_data):
    from mechpert_al.agents import read_panel

    panel = read_panel("essential585")
    found = calibration(panel, read_effects(real_data / "replogle2022_k562_up1000.h5ad"))
    assert abs(found.background) < 0.02
    for agent in panel.agents:
        means = [row.mean for row in found.rows if row.agent == agent]
        assert means == sorted(means)
        assert means[0] < 0.12
        assert means[-1] > 0.4


def test_curves_and_their_error_are_those_of_a_plain_computation(effects, hypotheses):
    """Pool adjacent violators by hand; the error class by class."""
    values = effects.values.astype(float)
    correlation = np.corrcoef(values - values.mean(axis=0))
    row = {gene: number for number, gene in enumerate(effects.perturbations)}
    for curve in calibration(panel_of(hypotheses), effects).curves:
        own = [
            (one.confidence, one.direction * correlation[row[one.target], row[one.regulator]])
            for one in hypotheses
            if one.agent == curve.agent and one.target in row and one.regulator in row
        ]
        assert curve.n_pairs == len(own)
        stated = sorted({confidence for confidence, _ in own})
        blocks = []
        for confidence in stated:
            told = [agreement for c, agreement in own if c == confidence]
            blocks.append([sum(told), len(told), 1])
            while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
                last = blocks.pop()
                blocks[-1] = [mine + its for mine, its in zip(blocks[-1], last, strict=True)]
        expected = [total / count for total, count, steps in blocks for _ in range(steps)]
        assert curve.confidence == tuple(stated)
        np.testing.assert_allclose(curve.agreement, expected, atol=1e-12)
        gap = 0.0
        for low, high in itertools.pairwise(EDGES):
            inside = [(c, agreement) for c, agreement in own if low < c <= high]
            gap += abs(sum(c for c, _ in inside) - sum(agreement for _, agreement in inside))
        assert curve.error == pytest.approx(gap / len(own))
        assert curve.error_low < curve.error_high


def test_an_agent_without_measured_pairs_has_an_empty_curve(effects):
    only = Hypothesis("a", GENES[19], GENES[18], 1, 0.5, "")
    first, second = calibration(panel_of([only]), effects).curves
    assert (first.agent, second.agent) == ("a", "b")
    assert (first.n_pairs, first.confidence, first.error) == (0, (), None)
