"""Fitting a virtual lab: what a screen says is read off, the rest is matched."""

from dataclasses import replace

import numpy as np
import pytest

from mechpert_al.effects import EffectTable, read_effects
from mechpert_al.errors import DataError
from mechpert_al.virtual import ResponseModel, VirtualLab
from mechpert_al.virtual.fitting import fit_lab
from mechpert_al.virtual.resemblance import (
    distance,
    listed_share,
    profile_correlations,
    ranked,
    side_by_side,
    statistics,
)

LAB = VirtualLab(7, 120, 150)
QUICK = {"n_points": 8, "n_steps": 12}


# ---------------------------------------------------------------------- the numbers themselves
def test_statistics_counted_again():
    """Each from its definition, with NumPy's own correlation and a plain loop over clusters."""
    effects = LAB.effects()
    found = statistics(effects)
    correlation = np.corrcoef(effects.values.astype(float) - effects.values.mean(axis=0))
    n = len(correlation)
    pairs = [correlation[i, j] for i in range(n) for j in range(i)]
    assert found["pairs, quantile 0.9"] == pytest.approx(np.quantile(pairs, 0.9), abs=1e-5)
    others = [np.sort(np.delete(correlation[i], i))[::-1] for i in range(n)]
    nearest, tenth = [one[0] for one in others], [one[9] for one in others]
    assert found["nearest gene, quantile 0.5"] == pytest.approx(np.median(nearest), abs=1e-5)
    assert found["tenth nearest gene, quantile 0.25"] == pytest.approx(
        np.quantile(tenth, 0.25), abs=1e-5
    )
    values = np.linalg.svd(correlation, compute_uv=False)
    assert found["spectrum, first 5"] == pytest.approx(values[:5].sum() / n, abs=1e-5)
    sizes = np.log([np.sqrt((row.astype(float) ** 2).mean()) for row in effects.values])
    expected = np.quantile(sizes - np.median(sizes), 0.9)
    assert found["size of profiles, log, quantile 0.9"] == pytest.approx(expected, abs=1e-5)


def test_clusters_are_what_was_put_in():
    """Two tight groups of 12 and 20 among 8 that stand alone."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(10), [12, 20, *[1] * 8])
    programmes = random.normal(size=(10, 3000))
    values = programmes[groups] + 0.3 * random.normal(size=(40, 3000))
    table = EffectTable([f"G{i}" for i in range(40)], [f"R{i}" for i in range(3000)], values)
    found = statistics(table)
    sizes = np.sort(np.array([12, 20, *[1] * 8])[groups])
    for level in (0.25, 0.5, 0.75):
        name = f"cluster of a gene, log size, quantile {level:g}"
        assert found[name] == pytest.approx(np.quantile(np.log(sizes), level))


def test_missing_values_are_left_out_of_correlations():
    values = LAB.effects().values.copy()
    holes = np.random.default_rng(1).random(values.shape) < 0.3
    values[holes] = np.nan
    table = EffectTable(LAB.genes, LAB.readouts, values)
    correlation = profile_correlations(table)
    centred = values - np.nanmean(values, axis=0)
    for i, j in ((0, 1), (5, 70), (100, 119)):
        both = ~np.isnan(centred[i] + centred[j])
        expected = np.corrcoef(centred[i, both], centred[j, both])[0, 1]
        assert correlation[i, j] == pytest.approx(expected, abs=1e-5)


def test_too_few_perturbations_say_nothing():
    with pytest.raises(DataError, match="too few"):
        statistics(VirtualLab(0, 20, 50).effects())


# ---------------------------------------------------------------------- ranks
def test_a_screen_of_ranks_is_recognised():
    effects = LAB.effects()
    assert listed_share(effects) is None
    assert listed_share(ranked(effects, 0.2)) == pytest.approx(0.2)
    positive = EffectTable(LAB.genes, LAB.readouts, np.maximum(effects.values, 0) ** 2)
    assert listed_share(positive) is None


def test_ranks_are_those_of_the_largest_values():
    effects = LAB.effects()
    listed = ranked(effects, 0.1).values
    for row, ranks in zip(effects.values, listed, strict=True):
        order = np.argsort(-row)
        np.testing.assert_allclose(ranks[order[:15]], 1 - np.arange(15) / 15, atol=1e-6)
        assert not ranks[order[15:]].any()


# ---------------------------------------------------------------------- fitting
def test_what_the_screen_says_is_read_off():
    """Cells, silent share and strengths, from cells and standard errors, of a known lab."""
    model = ResponseModel(
        silent_fraction=0.3, strength=0.3, strength_spread=0.4, common=0, cell_spread=0.6
    )
    lab = VirtualLab(3, 300, 300, 80, model)
    fit = fit_lab(lab.effects(), **QUICK)
    assert set(fit.read_off) == {
        "n_cells", "silent_fraction", "strength", "strength_spread", "cell_spread",
    }  # fmt: skip
    assert fit.lab.n_cells == pytest.approx(80, rel=0.15)
    assert fit.lab.model.cell_spread == pytest.approx(0.6, rel=0.15)
    true = lab.responses.strengths
    assert fit.lab.model.silent_fraction == pytest.approx((true == 0).mean(), abs=0.08)
    sizes = np.sqrt((lab.responses.effects**2).mean(axis=1))[true > 0]
    assert fit.lab.model.strength == pytest.approx(np.median(sizes), rel=0.1)
    assert fit.lab.model.strength_spread == pytest.approx(np.log(sizes).std(), abs=0.1)
    assert not fit.notices


def test_what_ranks_do_not_tell_is_said():
    table = ranked(LAB.effects(), 0.15)
    fit = fit_lab(EffectTable(table.perturbations, table.readouts, table.values), **QUICK)
    assert fit.read_off == ()
    assert {"strength", "strength_spread", "n_cells"} <= set(fit.assumed)
    assert "ranks and no magnitudes" in " ".join(fit.notices)
    assert fit.listed == pytest.approx(0.15, abs=0.01)
    assert listed_share(fit.screen(fit.lab)) == pytest.approx(fit.listed, abs=0.01)


@pytest.mark.parametrize(
    "model",
    [
        ResponseModel(n_modules=60, shared=0.85, factor_share=0.1, module_spread=0.3),
        ResponseModel(n_modules=10, shared=0.4, silent_fraction=0.35, factor_share=0.6),
    ],
    ids=["many tight modules", "few loose ones"],
)
def test_the_fitted_lab_is_nearer_than_the_default(model):
    """Seen from labs that the fit never used, on both sides."""
    real = VirtualLab(50, 150, 150, model=model).effects()
    bare = EffectTable(real.perturbations, real.readouts, real.values)
    fit = fit_lab(bare, n_points=32, n_steps=60)
    default = replace(fit.lab, model=ResponseModel())
    far = [
        distance(statistics(replace(default, seed=seed).effects()), statistics(bare))
        for seed in range(101, 107)
    ]
    assert fit.misfit < 0.7 * np.mean(far)


def test_the_same_screen_gives_the_same_lab_in_any_order_of_rows():
    effects = LAB.effects()
    other = effects.take(sorted(effects.perturbations, reverse=True))
    one, two = (fit_lab(table, **QUICK) for table in (effects, other))
    assert one.lab == two.lab


def test_side_by_side_holds_every_statistic():
    real = statistics(LAB.effects())
    seen = [statistics(replace(LAB, seed=seed).effects()) for seed in (1, 2, 3)]
    rows = side_by_side(real, seen)
    assert [row.name for row in rows] == list(real)
    for row in rows:
        values = [one[row.name] for one in seen]
        assert (row.low, row.high) == (min(values), max(values))
        assert row.simulated == pytest.approx(np.mean(values))
        assert row.real == real[row.name]


@pytest.mark.slow
def test_k562_is_resembled(real_data):
    """On labs that the fit has not seen: within its tolerances, and nearer than the default."""
    real = read_effects(real_data / "replogle2022_k562_up1000.h5ad")
    fit = fit_lab(real, n_readouts=600, n_steps=60)
    default = VirtualLab(0, 585, 600)
    far = [
        distance(statistics(fit.screen(replace(default, seed=seed))), statistics(real))
        for seed in range(101, 104)
    ]
    assert fit.misfit < 1  # statistics lie within their tolerances, on the whole
    assert fit.misfit < 0.7 * np.mean(far)
