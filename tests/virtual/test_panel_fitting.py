"""Agents measured by a screen: known ones are recognised, copies of real ones look the same."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mechpert_al.agents import read_panel
from mechpert_al.effects import read_effects
from mechpert_al.errors import DataError
from mechpert_al.virtual import VirtualLab
from mechpert_al.virtual.agents import AgentTraits, graded
from mechpert_al.virtual.fitting import LabFit
from mechpert_al.virtual.odds import proportional_odds
from mechpert_al.virtual.panel_fitting import fit_literature, fit_panel

LAB = VirtualLab(4, 200, 200)
#: Another lab of the same kind: what is known of the first is learned from it.
KIND = LabFit(replace(LAB, seed=40), None, (), (), (), (), 0.0)


def panel(agreement=0.6, **traits):
    whole = {**vars(LAB.traits(0.5)), **traits}
    return LAB.panel(traits=[AgentTraits(**whole)] * 3, agreement=agreement)


# ---------------------------------------------------------------------- known agents
@pytest.mark.parametrize("quality", [0.2, 0.5, 0.8])
def test_precision_and_recall_are_recognised(quality):
    known = LAB.traits(quality)
    fit = fit_panel(LAB.panel(quality), LAB.effects(), KIND)
    assert list(fit.traits) == ["agent1", "agent2", "agent3"]
    assert fit.typical.precision == pytest.approx(known.precision, abs=0.12)
    assert fit.heard["agent1"].per_target == pytest.approx(7.5, rel=0.15)
    for one in fit.traits.values():  # as many proposals in the fitted lab as were heard
        n_related = KIND.lab.base_rate * (KIND.lab.n_genes - 1)
        named = one.recall * n_related / one.precision
        assert named == pytest.approx(7.5, rel=0.2)


@pytest.mark.parametrize("agreement", [0.1, 0.5, 0.9])
def test_agreement_is_recognised(agreement):
    fit = fit_panel(panel(agreement), LAB.effects(), KIND)
    assert fit.agreement == pytest.approx(agreement, abs=0.15)


def test_calibration_and_invention_are_recognised():
    mute, usual, inventive = (
        fit_panel(panel(**traits), LAB.effects(), KIND)
        for traits in ({"calibration": 0.0}, {}, {"hallucination": 0.3})
    )
    assert mute.typical.calibration < 0.2
    assert usual.typical.calibration > 0.7
    assert mute.typical.grading == 0
    assert usual.typical.hallucination == 0
    assert inventive.typical.hallucination == pytest.approx(0.3, abs=0.05)


def test_grading_is_recognised():
    plain, steep = (
        fit_panel(panel(grading=grading), LAB.effects(), KIND) for grading in (0.0, 0.9)
    )
    assert steep.heard["agent1"].slope > 1.3 * plain.heard["agent1"].slope
    assert steep.typical.grading > plain.typical.grading + 0.2


def test_what_was_heard_is_counted_again():
    spoken, effects = panel(), LAB.effects()
    one = fit_panel(spoken, effects, KIND).heard["agent2"]
    correlation = np.corrcoef(effects.values.astype(float) - effects.values.mean(axis=0))
    place = effects.row_of
    said = [h for h in spoken.hypotheses if h.agent == "agent2"]
    met = np.array([correlation[place[h.target], place[h.regulator]] for h in said])
    stated = np.array([h.confidence for h in said])
    assert one.n_proposals == len(said)
    assert one.mean == pytest.approx(met.mean(), abs=1e-5)
    assert one.spread == pytest.approx(met.std(), abs=1e-5)
    assert one.slope == pytest.approx(stats.linregress(stated, met).slope, abs=1e-5)


def test_few_measured_proposals_say_nothing():
    with pytest.raises(DataError, match="proposals whose two genes"):
        fit_panel(panel(), LAB.effects().take(LAB.genes[:20]), KIND)


# ---------------------------------------------------------------------- literature
@pytest.mark.parametrize("informativeness", [0.0, 0.4, 0.8])
def test_an_informative_literature_is_recognised(informativeness):
    network = LAB.network(informativeness, mean_degree=12)
    found = fit_literature(network, LAB.effects(), KIND)
    assert found["informativeness"] == pytest.approx(informativeness, abs=0.15)
    assert found["mean_degree"] == pytest.approx(network.degree.mean(), rel=0.01)


# ---------------------------------------------------------------------- parts
@pytest.mark.parametrize("grading", [0.0, 0.6, 1.0])
def test_grading_keeps_the_confidences_and_orders_them(grading):
    random = np.random.default_rng(0)
    stated, near = random.beta(2, 3, 4000), random.normal(size=4000)
    found = graded(stated, near, grading)
    np.testing.assert_array_equal(np.sort(found), np.sort(stated))
    rank = stats.spearmanr(found, near).statistic
    assert rank == pytest.approx(6 / np.pi * np.arcsin(grading / 2), abs=0.05)
    if grading == 0:
        np.testing.assert_array_equal(found, stated)


@pytest.mark.parametrize("expected", [0.0, 0.3, 5.0, 40.0, 79.0, 200.0])
def test_odds_are_in_proportion_and_add_up(expected):
    weights = np.random.default_rng(1).lognormal(0, 2, 100)
    weights[::5] = 0
    odds = proportional_odds(weights, expected)
    assert odds.sum() == pytest.approx(min(expected, 80))
    assert (odds <= 1).all()
    assert not odds[::5].any()
    free = (odds > 0) & (odds < 1)
    if free.any():
        np.testing.assert_allclose(odds[free] / weights[free], odds[free][0] / weights[free][0])
        assert (weights[odds == 1] >= weights[free].max()).all()


@pytest.mark.slow
def test_the_shipped_panel_is_recognised(real_data):
    """In a lab like K562: agents as good as they were found, whose copies look the same."""
    effects = read_effects(real_data / "replogle2022_k562_up1000.h5ad")
    shipped = read_panel("essential585")
    kind = replace(KIND, lab=VirtualLab(0, 585, 400), listed=1000 / 7225)
    fit = fit_panel(shipped, effects, kind)
    copy = kind.lab.panel(traits=list(fit.traits.values()), agreement=fit.agreement)
    again = fit_panel(copy, kind.screen(kind.lab), kind)
    for real, simulated in zip(fit.heard.values(), again.heard.values(), strict=True):
        assert simulated.per_target == pytest.approx(real.per_target, rel=0.1)
        assert simulated.mean == pytest.approx(real.mean, abs=0.03)
        assert simulated.spread == pytest.approx(real.spread, abs=0.04)
        assert simulated.slope == pytest.approx(real.slope, abs=0.12)
    assert again.agreement == pytest.approx(fit.agreement, abs=0.1)
    assert 0.5 < fit.typical.precision < 0.75
