"""The default virtual lab beside a real screen: the same in scale, number by number.

The real file holds ranks of up-regulated genes and no magnitudes, so the simulated effects are
ranked in the same way before anything is compared. The wide tolerances are meant: one lab differs
from the next by about as much.
"""

from typing import NamedTuple

import numpy as np
import pytest

from mechpert_al.agents import Panel, read_panel
from mechpert_al.effects import EffectTable, read_effects
from mechpert_al.evaluation import compare
from mechpert_al.networks import read_network
from mechpert_al.virtual import VirtualLab

#: Share of the readouts that the real file ranks.
LISTED = 1000 / 7225
RELATED = 0.2


class Side(NamedTuple):
    """A screen with its panel, and the correlations of its centred profiles."""

    effects: EffectTable
    panel: Panel
    correlation: np.ndarray

    @property
    def pairs(self) -> np.ndarray:
        return self.correlation[np.triu_indices(len(self.correlation), 1)]

    @property
    def others(self) -> np.ndarray:
        """Correlations with every other gene, ascending in each row."""
        without_self = self.correlation - 2 * np.eye(len(self.correlation))
        return np.sort(without_self, axis=1)[:, 1:]

    def named(self) -> np.ndarray:
        """Measured correlations of what the first voter proposed."""
        row = self.effects.row_of
        agent = self.panel.voters[0]
        pairs = [
            (row[h.target], row[h.regulator]) for h in self.panel.hypotheses if h.agent == agent
        ]
        return self.correlation[tuple(np.array(pairs).T)]


def ranked(effects: EffectTable) -> EffectTable:
    """1 − rank/n for the most up-regulated readouts of each perturbation, 0 for the others."""
    n = round(LISTED * effects.n_readouts)
    values = np.zeros(effects.values.shape, dtype=np.float32)
    top = np.argsort(-effects.values, axis=1, kind="stable")[:, :n]
    np.put_along_axis(values, top, (1 - np.arange(n) / n)[None].astype(np.float32), axis=1)
    return EffectTable(effects.perturbations, effects.readouts, values)


def side(effects: EffectTable, panel: Panel) -> Side:
    centred = effects.values - effects.values.mean(axis=0)
    return Side(effects, panel, np.corrcoef(centred))


@pytest.fixture(scope="module")
def real(real_data) -> Side:
    panel = read_panel("essential585")
    effects = read_effects(real_data / "replogle2022_k562_up1000.h5ad")
    return side(effects.take(panel.candidates), panel)


@pytest.fixture(scope="module")
def lab() -> VirtualLab:
    return VirtualLab(seed=0, n_genes=585, n_readouts=600)


@pytest.fixture(scope="module")
def simulated(lab) -> Side:
    return side(ranked(lab.effects()), lab.panel())


def test_correlations_are_spread_alike(real, simulated):
    levels = [0.05, 0.25, 0.5, 0.75, 0.9]
    ours, theirs = (np.quantile(one.pairs, levels) for one in (simulated, real))
    np.testing.assert_allclose(ours, theirs, atol=0.06)
    assert np.quantile(simulated.pairs, 0.99) == pytest.approx(
        np.quantile(real.pairs, 0.99), abs=0.1
    )


@pytest.mark.parametrize("place", [-1, -10], ids=["nearest", "tenth"])
def test_genes_have_neighbours_alike(real, simulated, place):
    """Median and quartiles of the correlation with the nearest, and the tenth nearest, gene."""
    ours, theirs = (
        np.quantile(one.others[:, place], [0.25, 0.5, 0.75]) for one in (simulated, real)
    )
    np.testing.assert_allclose(ours, theirs, atol=0.1)


def test_as_many_perturbations_stand_alone(real, simulated):
    """Silent ones, and those that resemble no other."""
    alone = [(one.others[:, -1] < 0.25).mean() for one in (simulated, real)]
    assert alone[0] == pytest.approx(alone[1], abs=0.1)


def test_spectra_are_alike(real, simulated):
    """Share of the variance in the first 5, 20 and 100 components."""
    shares = []
    for one in (simulated, real):
        centred = one.effects.values - one.effects.values.mean(axis=0)
        squares = np.linalg.svd(centred, compute_uv=False) ** 2
        shares.append(np.cumsum(squares / squares.sum())[[4, 19, 99]])
    np.testing.assert_allclose(*shares, atol=0.15)


def test_agents_propose_alike(real, simulated):
    """How many, how many of them right, and how near the others are."""
    (n_ours, n_theirs), (right, theirs_right), (near, theirs_near) = (
        [function(one.named()) for one in (simulated, real)]
        for function in (
            len,
            lambda named: (named > RELATED).mean(),
            lambda named: named[named < RELATED].mean(),
        )
    )
    assert n_ours == pytest.approx(n_theirs, rel=0.1)
    assert right == pytest.approx(theirs_right, abs=0.1)
    assert near == pytest.approx(theirs_near, abs=0.06)
    assert near > 0.02 > simulated.pairs[simulated.pairs < RELATED].mean()


def test_designs_and_predictions_score_alike(real, simulated, lab, real_data):
    """The default predictor on 50 and 200 anchors, chosen by the default design and at random."""
    network = read_network(real_data / "human_ppi_string_humap_reactome.tsv.gz")
    sides = {"real": (real, network), "simulated": (simulated, lab.network(mean_degree=20))}
    means = {}
    for name, (one, prior) in sides.items():
        result = compare(
            one.effects,
            one.panel,
            network=prior,
            strategies=["expected_coverage"],
            predictors=["kriging"],
            budgets=(50, 200),
            n_splits=2,
            random_draws=4,
        )
        for row in result.rows(metric="pearson_centred"):
            means[name, row["strategy"], row["budget"]] = row["mean"]
    for strategy in ("expected_coverage", "random"):
        for budget in (50, 200):
            assert means["simulated", strategy, budget] == pytest.approx(
                means["real", strategy, budget], abs=0.06
            ), (strategy, budget, means)
    gains = [means[name, "expected_coverage", 50] - means[name, "random", 50] for name in sides]
    assert min(gains) > 0.03
