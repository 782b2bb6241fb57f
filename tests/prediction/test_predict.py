"""Predicting in one call: numbers, neighbours and reasons."""

from __future__ import annotations

import json
from pathlib import Path

import anndata
import numpy as np
import pytest

from mechpert_al.consensus import coverage
from mechpert_al.effects import EffectTable
from mechpert_al.errors import DataError, UsageError
from mechpert_al.prediction import predict
from mechpert_al.prediction.catalogue import build_predictor, predictor_names
from mechpert_al.testing import ToyScreen, toy_screen


@pytest.fixture(scope="module")
def world() -> ToyScreen:
    return toy_screen(seed=5)


@pytest.fixture(scope="module")
def measured(world: ToyScreen) -> EffectTable:
    return world.effects.take(world.genes[20:5:-2])  # not in the panel's order


@pytest.mark.parametrize("name", [*predictor_names(), "agent:beta"])
def test_numbers_are_those_of_the_predictor(
    world: ToyScreen, measured: EffectTable, name: str
) -> None:
    known = world.knowledge
    if "co_kriging" in name:
        known = known.with_other_line(world.other_line).on_readouts(measured.readouts)
    found = predict(measured, known, predictor=name)
    anchors = [world.genes.index(gene) for gene in measured.perturbations]
    model = build_predictor(name, known)
    model.fit(np.array(anchors)[:, None], world.profiles[anchors])
    targets = [world.genes.index(gene) for gene in found.targets]
    assert set(found.targets) == set(world.genes) - set(measured.perturbations)
    np.testing.assert_allclose(found.deviation, model.deviation(targets), atol=1e-5)
    np.testing.assert_allclose(found.centre, world.profiles[anchors].mean(axis=0), atol=1e-5)
    assert found.readouts == world.effects.readouts
    assert found.predictor == name
    assert set(found.anchors) == set(measured.perturbations)


def test_coverage_and_support(world: ToyScreen, measured: EffectTable) -> None:
    found = predict(measured, world.knowledge)
    anchors = np.array([world.genes.index(gene) for gene in measured.perturbations])
    expected = coverage(world.knowledge.kernel, anchors)
    links = world.knowledge.consensus.symmetric.toarray()
    for place, target in enumerate(found.targets):
        number = world.genes.index(target)
        assert found.coverage[place] == pytest.approx(expected[number])
        assert found.is_supported[place] == (links[number, anchors] > 0).any()
    np.testing.assert_allclose(found.expected_correlation**2, found.coverage)
    assert found.is_supported.any()
    assert not found.is_supported.all()


def test_neighbours_are_the_strongest_weights_and_what_was_said(
    world: ToyScreen, measured: EffectTable
) -> None:
    found = predict(measured, world.panel)
    anchors = sorted(world.genes.index(gene) for gene in measured.perturbations)
    model = build_predictor("kriging", world.knowledge)
    model.fit(np.array(anchors)[:, None], world.profiles[anchors])
    for target in found.targets:
        listed = [one for one in found.neighbours if one.target == target]
        weights = model.weights([world.genes.index(target)])[0]
        order = np.argsort(-np.abs(weights), kind="stable")
        order = [place for place in order if weights[place] != 0][:10]
        assert [one.anchor for one in listed] == [world.genes[anchors[i]] for i in order]
        assert [one.weight for one in listed] == pytest.approx(list(weights[order]), rel=1e-4)
        for one in listed:
            pair = {one.target, one.anchor}
            said = {
                h.agent
                for h in world.panel.hypotheses
                if {h.target, h.regulator} == pair and h.agent != "plain"
            }
            assert set(one.agents) == said
            assert one.mechanisms == (("made up",) if said else ())
    lonely = world.genes[-1]
    assert not [one for one in found.neighbours if one.target == lonely]


def test_chosen_targets(world: ToyScreen, measured: EffectTable) -> None:
    wanted = [world.genes[3], measured.perturbations[0], world.genes[1]]
    found = predict(measured, world.panel, targets=wanted)
    assert found.targets == tuple(wanted)
    whole = predict(measured, world.panel)
    place = whole.targets.index(world.genes[3])
    np.testing.assert_allclose(found.deviation[0], whole.deviation[place], atol=1e-12)


def test_an_unmeasured_row_is_no_anchor(world: ToyScreen, measured: EffectTable) -> None:
    values = np.array(measured.values)
    values[2] = np.nan
    holed = EffectTable(measured.perturbations, measured.readouts, values)
    found = predict(holed, world.panel)
    gone = measured.perturbations[2]
    assert gone in found.targets
    assert gone not in found.anchors
    assert any(gone in notice for notice in found.notices)
    rest = [gene for gene in measured.perturbations if gene != gone]
    expected = predict(world.effects.take(rest), world.panel)
    np.testing.assert_allclose(found.deviation, expected.deviation, atol=1e-12)
    np.testing.assert_allclose(found.coverage, expected.coverage, atol=1e-12)


def test_what_a_fit_left_out_is_said(world: ToyScreen, measured: EffectTable) -> None:
    values = np.array(measured.values)
    values[np.random.default_rng(0).random(values.shape) < 0.7] = np.nan
    holed = EffectTable(measured.perturbations, measured.readouts, values)
    found = predict(holed, world.panel)
    assert any("Wiener step was left out" in notice for notice in found.notices)
    assert np.isfinite(found.deviation).all()


def test_impossible_requests(world: ToyScreen, measured: EffectTable) -> None:
    with pytest.raises(UsageError, match="NOBODY"):
        predict(measured, world.panel, targets=["NOBODY"])
    with pytest.raises(UsageError, match="nothing is left"):
        predict(world.effects, world.panel)
    with pytest.raises(UsageError, match="prior network"):
        predict(measured, world.panel, predictor="prior_kriging")
    strangers = EffectTable(("ELSEWHERE1",), ("R0",), np.zeros((1, 1)))
    with pytest.raises(DataError, match="none of its 1 perturbations"):
        predict(strangers, world.panel)


def test_the_file_holds_it_all(world: ToyScreen, measured: EffectTable, tmp_path: Path) -> None:
    found = predict(measured, world.panel)
    found.write(tmp_path / "predicted.h5ad")
    table = anndata.read_h5ad(tmp_path / "predicted.h5ad")
    np.testing.assert_allclose(table.X, found.deviation, rtol=1e-6)
    np.testing.assert_allclose(table.layers["profile"], found.centre + found.deviation, rtol=1e-5)
    np.testing.assert_allclose(table.var["centre"], found.centre)
    np.testing.assert_allclose(table.obs["coverage"], found.coverage)
    assert list(table.obs["perturbation"]) == list(found.targets)
    about = json.loads(table.uns["mechpert_al"])
    assert about["predictor"] == "kriging"
    assert set(about["anchors"]) == set(measured.perturbations)
    first = json.loads(table.obs["neighbours"].iloc[0])
    assert {"anchor", "weight", "agents", "mechanisms"} <= set(first[0])
    assert len(found.frame()) == len(found.targets)
