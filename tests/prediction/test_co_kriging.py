"""Co-kriging against one dense solve of the joint Gaussian process, and what it must reduce to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mechpert_al.consensus import Knowledge, coverage
from mechpert_al.consensus.knowledge import OTHER_LINE_WEIGHT
from mechpert_al.consensus.other_line import LineProfiles, line_correlation
from mechpert_al.effects import EffectTable
from mechpert_al.errors import DataError, UsageError
from mechpert_al.evaluation.compare import screen_of
from mechpert_al.evaluation.controls import permuted_other_line
from mechpert_al.evaluation.metrics import PRIMARY, Judge
from mechpert_al.evaluation.screen import Screen, splits
from mechpert_al.prediction import KrigingRegressor, build_predictor, predict
from mechpert_al.prediction.co_kriging import CoKrigingRegressor
from mechpert_al.prediction.expectation import (
    GROWTH,
    JOINT_FLOOR,
    JOINT_LEVEL,
    JOINT_SELECTED,
    JOINT_SPREAD,
    MOST_REACH,
    WIDTH,
    expectation,
)
from mechpert_al.testing import ToyScreen, toy_screen

#: ρ, s, λ and σ² as the method's page has them.
RHO, S, LAMBDA, SIGMA2 = 0.2, 0.7, 1.0, 1.0


@pytest.fixture(scope="module")
def world() -> ToyScreen:
    return toy_screen(seed=2)


@pytest.fixture(scope="module")
def known(world: ToyScreen) -> Knowledge:
    told = world.knowledge.with_other_line(world.other_line)
    return told.on_readouts(world.effects.readouts)


@pytest.fixture(scope="module")
def anchors() -> np.ndarray:
    return np.arange(1, 33, 3)


@pytest.fixture(scope="module")
def targets(anchors: np.ndarray) -> np.ndarray:
    return np.setdiff1d(np.arange(33), anchors)


def line_of(known: Knowledge) -> LineProfiles:
    assert known.line is not None
    return known.line


def unit_rows(profiles: np.ndarray) -> np.ndarray:
    """Centred rows at unit norm, centred again as far as norms differ (complete profiles)."""
    centred = profiles - profiles.mean(axis=0)
    norms = np.linalg.norm(centred, axis=1)
    unit = centred / norms[:, None]
    v = norms.var() / norms.mean() ** 2
    return unit - v / (v + 0.1) * unit.mean(axis=0)


class Dense:
    """The joint process as one matrix over all points, solved anew for every question."""

    def __init__(self, known: Knowledge, anchors: np.ndarray, u: np.ndarray) -> None:
        line = line_of(known)
        self.K, self.X, self.A = known.kernel, line.numbers, anchors
        noisy = self.K + SIGMA2 * np.eye(len(self.K))
        self.between = RHO * noisy
        self.V = np.block(
            [
                [noisy[np.ix_(anchors, anchors)], self.between[np.ix_(anchors, self.X)]],
                [self.between[np.ix_(self.X, anchors)], noisy[np.ix_(self.X, self.X)]],
            ]
        )
        self.M = np.vstack([u, S * line.unit])

    def deviation(self, targets: np.ndarray) -> np.ndarray:
        cross = np.hstack([self.K[np.ix_(targets, self.A)], self.between[np.ix_(targets, self.X)]])
        return cross @ np.linalg.solve(self.V, filtered(self.M))

    def left_out(self, place: int) -> np.ndarray:
        """Anchor number `place` predicted without its point in this line."""
        kept = np.delete(np.arange(len(self.M)), place)
        solved = np.linalg.solve(self.V[np.ix_(kept, kept)], filtered(self.M[kept]))
        return self.V[place, kept] @ solved


def filtered(M: np.ndarray) -> np.ndarray:
    R = M @ M.T
    return R @ np.linalg.solve(R + LAMBDA * np.eye(len(R)), M)


# ---------------------------------------------------------------------- the formula
def test_is_the_joint_process_solved_at_once(
    world: ToyScreen, known: Knowledge, anchors: np.ndarray, targets: np.ndarray
) -> None:
    profiles = world.profiles[anchors]
    model = build_predictor("co_kriging", known).fit(anchors[:, None], profiles)
    dense = Dense(known, anchors, unit_rows(profiles))
    np.testing.assert_allclose(
        model.deviation(targets), model.scale_ * dense.deviation(targets), atol=1e-10
    )
    everybody = np.arange(33)  # anchors themselves too
    np.testing.assert_allclose(
        model.deviation(everybody), model.scale_ * dense.deviation(everybody), atol=1e-10
    )


def test_profiles_of_the_line_are_centred_unit_and_beside_the_right_readouts(
    world: ToyScreen, known: Knowledge
) -> None:
    other = world.other_line
    values = np.nan_to_num(other.values.astype(float))  # a whole table: by hand
    whole = replace(other, values=values)
    line = line_of(world.knowledge.with_other_line(whole).on_readouts(world.effects.readouts))
    rows = [whole.row_of[world.genes[i]] for i in line.numbers]
    columns = [whole.readouts.index(name) for name in world.effects.readouts[1:]]
    believed = len(columns) / (len(columns) + 20)
    np.testing.assert_allclose(
        line.unit[:, 1:], believed * unit_rows(values[np.ix_(rows, columns)]), atol=1e-6
    )
    np.testing.assert_array_equal(line.unit[:, :1], 0)
    assert len(rows) == 30


def test_one_shared_readout_does_not_outweigh_the_anchors(
    world: ToyScreen, anchors: np.ndarray, targets: np.ndarray
) -> None:
    """Over one readout every unit profile is +1 or −1: it must not be believed like a whole one."""
    other = world.other_line
    one = EffectTable(other.perturbations, other.readouts[:1], other.values[:, :1])
    known = world.knowledge.with_other_line(one).on_readouts(world.effects.readouts)
    assert np.abs(line_of(known).unit).sum(axis=1).max() <= 2 / 21
    place = world.effects.readouts.index(one.readouts[0])
    errors = {}
    for name in ("co_kriging", "kriging"):
        model = build_predictor(name, known).fit(anchors[:, None], world.profiles[anchors])
        told = model.predict(targets[:, None])[:, place]
        errors[name] = ((told - world.profiles[targets, place]) ** 2).mean()
    assert errors["co_kriging"] < 1.5 * errors["kriging"]


def test_knock_downs_without_a_value_at_shared_readouts_are_left_out_by_name(
    world: ToyScreen,
) -> None:
    other = world.other_line
    values = other.values.copy()
    values[2, :-1] = np.nan  # all but the readout of its own
    silent = other.perturbations[2]
    known = world.knowledge.with_other_line(replace(other, values=values), "line.h5ad")
    line = line_of(known.on_readouts(world.effects.readouts))
    assert world.genes.index(silent) not in line.numbers
    assert len(line.numbers) == 29
    (said,) = [text for text in line.notices if "left out" in text]
    assert said.startswith("line.h5ad: 1 of its knock-downs")
    assert silent in said


def test_scale_is_by_leave_one_out_of_this_line_alone(
    world: ToyScreen, known: Knowledge, anchors: np.ndarray, targets: np.ndarray
) -> None:
    profiles = world.profiles[anchors]
    model = CoKrigingRegressor(known.kernel, known.line).fit(anchors[:, None], profiles)
    dense = Dense(known, anchors, unit_rows(profiles))
    left_out = np.array([dense.left_out(place) for place in range(len(anchors))])
    np.testing.assert_allclose(model.left_out(), left_out, atol=1e-10)
    centred = profiles - profiles.mean(axis=0)
    expected = (1 + LAMBDA) * np.linalg.norm(centred, axis=1).mean()
    prior = 10 * (dense.deviation(targets) ** 2).sum(axis=1).mean()
    scale = ((left_out * centred).sum() + prior * expected) / ((left_out**2).sum() + prior)
    assert model.scale_ == pytest.approx(scale)


# ---------------------------------------------------------------------- what it reduces to
def test_lines_that_share_nothing_denoise_each_other_only(
    world: ToyScreen, known: Knowledge, anchors: np.ndarray, targets: np.ndarray
) -> None:
    profiles = world.profiles[anchors]
    model = CoKrigingRegressor(known.kernel, known.line, shared=0).fit(anchors[:, None], profiles)
    M = np.vstack([unit_rows(profiles), S * line_of(known).unit])
    K = known.kernel
    among = K[np.ix_(anchors, anchors)] + np.eye(len(anchors))
    expected = K[np.ix_(targets, anchors)] @ np.linalg.solve(among, filtered(M)[: len(anchors)])
    np.testing.assert_allclose(model.deviation(targets), model.scale_ * expected, atol=1e-10)


@pytest.mark.parametrize("missing", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("wiener", [1.0, None])
def test_without_weight_and_shared_part_it_is_kriging(
    world: ToyScreen,
    known: Knowledge,
    anchors: np.ndarray,
    targets: np.ndarray,
    missing: float,
    wiener: float | None,
) -> None:
    profiles = world.profiles[anchors]
    profiles[np.random.default_rng(0).random(profiles.shape) < missing] = np.nan
    alone = KrigingRegressor(known.kernel, wiener=wiener).fit(anchors[:, None], profiles)
    model = CoKrigingRegressor(known.kernel, known.line, shared=0, line_weight=0, wiener=wiener)
    model.fit(anchors[:, None], profiles)
    np.testing.assert_allclose(model.deviation(targets), alone.deviation(targets), atol=1e-9)
    np.testing.assert_allclose(model.weights(targets), alone.weights(targets), atol=1e-9)
    np.testing.assert_allclose(model.offset(targets), 0, atol=1e-12)
    assert set(alone.notices_) <= set(model.notices_)


def test_a_gene_that_only_the_other_line_measured_is_told_by_it(world: ToyScreen) -> None:
    """A gene without any link: kriging says nothing of it, the other line does."""
    lonely = 31
    known = world.knowledge.with_other_line(world.other_line)
    known = known.on_readouts(world.effects.readouts)
    assert lonely in line_of(known).numbers
    anchors = np.arange(0, 30, 2)
    model = CoKrigingRegressor(world.knowledge.kernel, known.line)  # a kernel of names alone
    model.fit(anchors[:, None], world.profiles[anchors])
    alone = KrigingRegressor(world.knowledge.kernel).fit(anchors[:, None], world.profiles[anchors])
    assert not alone.deviation([lonely]).any()
    truth = world.profiles[lonely] - world.profiles.mean(axis=0)
    said = model.deviation([lonely])[0]
    assert np.corrcoef(said[1:], truth[1:])[0, 1] > 0.3
    np.testing.assert_allclose(model.weights([lonely]) @ model.deviations_ + model.offset([lonely]),
                               model.deviation([lonely]), atol=1e-9)  # fmt: skip


# ---------------------------------------------------------------------- missing values
def test_where_values_are_missing_each_readout_is_solved_for_itself(
    world: ToyScreen, known: Knowledge, anchors: np.ndarray, targets: np.ndarray
) -> None:
    """With the Wiener step left out, each readout is a Gaussian process of the known anchors."""
    random = np.random.default_rng(1)
    profiles = world.profiles[anchors]
    profiles[random.random(profiles.shape) < 0.75] = np.nan
    model = CoKrigingRegressor(known.kernel, known.line).fit(anchors[:, None], profiles)
    assert model.correlation_ is None
    assert any("Wiener step was left out" in notice for notice in model.notices_)
    line, found = line_of(known), model.deviation(targets)
    there = line.numbers
    noisy = known.kernel + np.eye(33)
    x = S * line.over(model.has_readout_).unit
    for column in range(0, model.unit_.shape[1], 7):
        here = anchors[~np.isnan(model.deviations_[:, column])]
        u = model.unit_[~np.isnan(model.deviations_[:, column]), column]
        V = np.block(
            [
                [noisy[np.ix_(here, here)], RHO * noisy[np.ix_(here, there)]],
                [RHO * noisy[np.ix_(there, here)], noisy[np.ix_(there, there)]],
            ]
        )
        cross = np.hstack(
            [known.kernel[np.ix_(targets, here)], RHO * noisy[np.ix_(targets, there)]]
        )
        expected = model.scale_ * cross @ np.linalg.solve(V, np.append(u, x[:, column]))
        place = np.flatnonzero(model.has_readout_)[column]
        np.testing.assert_allclose(found[:, place], expected, atol=1e-10)


def test_a_few_holes_change_little(
    world: ToyScreen, known: Knowledge, anchors: np.ndarray, targets: np.ndarray
) -> None:
    profiles = world.profiles[anchors]
    whole = CoKrigingRegressor(known.kernel, known.line).fit(anchors[:, None], profiles)
    holed = profiles.copy()
    holed[2, 7] = np.nan
    model = CoKrigingRegressor(known.kernel, known.line).fit(anchors[:, None], holed)
    told = np.array([t for t in targets if whole.deviation([t]).any()])
    one, other = whole.deviation(told), model.deviation(told)
    assert not np.array_equal(one, other)
    alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(one, other, strict=True)]
    assert min(alike) > 0.9


def test_holes_of_the_other_line_are_counted(known: Knowledge, world: ToyScreen) -> None:
    values = world.other_line.values
    rows = [
        world.other_line.row_of[gene] for gene in world.genes if gene in world.other_line.row_of
    ]
    n_missing = int(np.isnan(values[rows][:, :-1]).sum())
    blank, holes = line_of(known).notices
    assert "1 of 60 (R0)" in blank
    assert holes.endswith(f"{n_missing} of {30 * 59}")
    model = CoKrigingRegressor(known.kernel, known.line)
    model.fit(np.arange(5)[:, None], world.profiles[:5])
    assert {blank, holes} <= set(model.notices_)


# ---------------------------------------------------------------------- in the evaluation
def other_screen(world: ToyScreen, line: LineProfiles | None = None) -> Screen:
    return Screen.of("toy", world.effects, world.genes, line)


def test_the_reduced_judge_agrees_with_whole_profiles(world: ToyScreen, known: Knowledge) -> None:
    screen = other_screen(world, known.line)
    split = next(splits(screen, 1, 0.4, 0))
    anchors = split.pool[:8]
    reduced = Judge(screen, split).predict(build_predictor("co_kriging", known), anchors)
    assert reduced.is_reduced
    whole = build_predictor("co_kriging", known).fit(anchors[:, None], screen.measure(anchors))
    expected = whole.deviation(split.test)
    everything = np.arange(60)[None].repeat(len(split.test), axis=0)
    values = np.einsum("tkd,td->tk", screen.basis_at(everything), reduced.deviation)
    np.testing.assert_allclose(values, expected, atol=1e-8)
    scores = Judge(screen, split).score([reduced])[0]
    truth = world.profiles[split.test] - world.profiles[split.pool].mean(axis=0)
    by_hand = [
        np.corrcoef(a, b)[0, 1] if a.any() else 0.0 for a, b in zip(expected, truth, strict=True)
    ]
    np.testing.assert_allclose(scores[PRIMARY], by_hand, atol=1e-8)


def test_coordinates_that_do_not_span_the_line_are_refused(
    world: ToyScreen, known: Knowledge
) -> None:
    for screen in (other_screen(world), other_screen(world, replace(line_of(known)))):
        split = next(splits(screen, 1, 0.4, 0))
        with pytest.raises(ValueError, match="do not span"):
            Judge(screen, split).predict(build_predictor("co_kriging", known), split.pool[:5])


def test_what_the_line_tells_alone_is_computed_once(
    world: ToyScreen, known: Knowledge, anchors: np.ndarray, targets: np.ndarray
) -> None:
    model = CoKrigingRegressor(known.kernel, known.line)
    model.fit(anchors[:5, None], world.profiles[anchors[:5]])
    told = model._told
    found = model.fit(anchors[:, None], world.profiles[anchors]).deviation(targets)
    assert model._told is told
    fresh = CoKrigingRegressor(known.kernel, known.line)
    np.testing.assert_array_equal(
        fresh.fit(anchors[:, None], world.profiles[anchors]).deviation(targets), found
    )
    model.set_params(shared=0.5).fit(anchors[:, None], world.profiles[anchors])
    assert model._told is not told
    assert not np.allclose(model.deviation(targets), found)


def test_permuted_genes_of_the_other_line_lose_the_gain(world: ToyScreen, known: Knowledge) -> None:
    screen = other_screen(world, known.line)
    met: dict[str, list[float]] = {"joint": [], "permuted": [], "alone": []}
    for split in splits(screen, 8, 0.4, 0):
        judge = Judge(screen, split)
        wrong = permuted_other_line(known, split.number)
        models = {
            "joint": build_predictor("co_kriging", known),
            "permuted": build_predictor("co_kriging", wrong),
            "alone": build_predictor("kriging", world.knowledge),
        }
        for name, model in models.items():
            scores = judge.score([judge.predict(model, split.pool[:8])])[0][PRIMARY]
            met[name].append(float(scores.mean()))
    joint, permuted, alone = (np.mean(met[name]) for name in ("joint", "permuted", "alone"))
    assert joint > alone + 0.1
    assert joint - permuted > 0.8 * (joint - alone)  # what is left denoises, whatever the names


def test_the_permutation_moves_kernel_and_profiles_together(known: Knowledge) -> None:
    wrong = permuted_other_line(known, 3)
    line, moved = line_of(known), line_of(wrong)
    assert moved.unit is line.unit
    assert sorted(moved.numbers) == sorted(line.numbers)
    assert (moved.numbers != line.numbers).any()
    assert wrong.other_line is not None
    assert known.other_line is not None
    here = line_correlation(known.other_line, known.genes)
    there = line_correlation(wrong.other_line, known.genes)
    np.testing.assert_allclose(
        there[np.ix_(moved.numbers, moved.numbers)],
        here[np.ix_(line.numbers, line.numbers)],
        atol=1e-6,
    )


# ---------------------------------------------------------------------- what is refused
def test_readouts_that_share_no_name_are_refused(world: ToyScreen) -> None:
    other = world.other_line
    ids = tuple(f"ENSG{i}" for i in range(other.n_readouts))
    renamed = EffectTable(other.perturbations, ids, other.values)
    known = world.knowledge.with_other_line(renamed)
    with pytest.raises(DataError, match=r"none of its 60 readouts .* among the 60") as refused:
        known.on_readouts(world.effects.readouts)
    assert "--readout-names" in refused.value.hint


def test_the_screen_itself_is_no_other_line(world: ToyScreen) -> None:
    part = world.effects.take(world.genes[5:20])
    for line in (world.effects, part):
        known = world.knowledge.with_other_line(line, "line.h5ad")
        with pytest.raises(DataError, match=r"line.h5ad: .* it is the same measurement"):
            screen_of("screen", world.effects, known)
        with pytest.raises(DataError, match="the same measurement"):
            predict(world.effects.take(world.genes[:12]), known)
    values = world.effects.values.copy()
    values[3, 3] += 1
    known = world.knowledge.with_other_line(replace(world.effects, values=values))
    assert screen_of("screen", world.effects, known).line is not None


def test_a_later_line_takes_the_place_of_an_earlier_one(world: ToyScreen) -> None:
    first = world.knowledge.with_other_line(world.other_line, "first.h5ad")
    second = first.with_other_line(world.other_line, "second.h5ad")
    assert not any("first.h5ad" in text for text in second.notices)
    assert sum("second.h5ad" in text for text in second.notices) >= 1


def test_a_predictor_that_reads_no_profiles_says_so_and_needs_no_shared_readouts(
    world: ToyScreen,
) -> None:
    other = world.other_line
    ids = tuple(f"ENSG{i}" for i in range(other.n_readouts))
    known = world.knowledge.with_other_line(
        EffectTable(other.perturbations, ids, other.values), "line.h5ad"
    )
    measured = world.effects.take(world.genes[:12])
    found = predict(measured, known, predictor="neighbours")
    assert any(text.startswith("line.h5ad: neighbours does not read") for text in found.notices)
    with pytest.raises(DataError, match=r"line.h5ad: none of its 60 readouts"):
        predict(measured, known)


def test_a_line_without_any_candidate_is_refused(world: ToyScreen) -> None:
    mouse = EffectTable(("Zfp1", "Zfp2"), ("R1",), np.ones((2, 1)))
    with pytest.raises(DataError, match=r"mouse.h5ad: none of its 2 .* among the 33 candidates"):
        world.knowledge.with_other_line(mouse, "mouse.h5ad")


def test_no_other_line_is_said_with_the_option_that_gives_one(world: ToyScreen) -> None:
    with pytest.raises(UsageError) as refused:
        build_predictor("co_kriging", world.knowledge)
    assert "--other-line" in refused.value.hint


def test_unknown_readouts_and_other_numbers_of_them_are_refused(
    world: ToyScreen, known: Knowledge
) -> None:
    unknown = build_predictor("co_kriging", world.knowledge.with_other_line(world.other_line))
    with pytest.raises(ValueError, match="on_readouts"):
        unknown.fit(np.arange(4)[:, None], world.profiles[:4])
    model = build_predictor("co_kriging", known)
    with pytest.raises(ValueError, match=r"y has 59 readouts, the other line's profiles 60"):
        model.fit(np.arange(4)[:, None], world.profiles[:4, 1:])


def test_further_candidates_need_the_readouts_again(known: Knowledge) -> None:
    more = known.extended(["STRANGER1"])
    assert more.line is None
    assert more.n_genes - 1 in line_of(more.on_readouts(["R5", "R6"])).numbers


# ---------------------------------------------------------------------- names and reports
def test_the_fair_baseline_is_the_same_on_the_similarity_kernel(
    world: ToyScreen, known: Knowledge, anchors: np.ndarray, targets: np.ndarray
) -> None:
    assert known.other_line is not None
    joined = known.similarity_network.kernel + OTHER_LINE_WEIGHT * line_correlation(
        known.other_line, known.genes
    )
    root = np.sqrt(np.diag(joined))
    own = CoKrigingRegressor(joined / np.outer(root, root), known.line)
    own.fit(anchors[:, None], world.profiles[anchors])
    named = build_predictor("similarity_co_kriging", known)
    named.fit(anchors[:, None], world.profiles[anchors])
    np.testing.assert_allclose(named.deviation(targets), own.deviation(targets), atol=1e-9)


def test_a_prediction_says_what_comes_from_the_other_line(
    world: ToyScreen, known: Knowledge
) -> None:
    measured = world.effects.take(world.genes[:24:2])
    found = predict(measured, world.knowledge, other_line=world.other_line)
    assert found.predictor == "co_kriging"
    anchors = np.arange(0, 24, 2)
    model = build_predictor("co_kriging", known)
    model.fit(anchors[:, None], measured.values)
    rows = [world.genes.index(gene) for gene in found.targets]
    np.testing.assert_allclose(found.deviation, model.deviation(rows), atol=1e-9)
    by_anchors = model.weights(rows) @ model.deviations_
    sizes = (found.deviation**2).sum(axis=1)
    assert (sizes == 0).any()  # a gene that nobody links and the other line did not measure
    parts = (by_anchors * found.deviation).sum(axis=1)
    share = np.where(sizes > 0, 1 - parts / np.where(sizes > 0, sizes, 1), 0)
    assert found.from_other_line is not None
    np.testing.assert_allclose(found.from_other_line, share, atol=1e-9)
    np.testing.assert_allclose(found.frame()["from_other_line"], share)
    np.testing.assert_allclose(found.to_anndata().obs["from_other_line"], share)
    assert "and the other line" in found.promise
    assert any("30 of 33 candidates were measured there" in text for text in found.notices)
    alone = predict(measured, world.knowledge)
    assert alone.predictor == "kriging"
    assert alone.from_other_line is None
    assert "from_other_line" not in alone.frame()


def test_what_is_expected_follows_from_anchors_left_out_of_this_line(
    world: ToyScreen, known: Knowledge, anchors: np.ndarray
) -> None:
    profiles = world.profiles[anchors]
    model = CoKrigingRegressor(known.kernel, known.line).fit(anchors[:, None], profiles)
    u = unit_rows(profiles)
    dense = Dense(known, anchors, u)
    met = []
    for place, own in enumerate(u):
        said = dense.left_out(place)
        met.append(said @ own / np.linalg.norm(said) / np.linalg.norm(own))
    K, n = known.kernel, len(anchors)
    own = []
    for place, anchor in enumerate(anchors):
        rest = np.delete(anchors, place)
        own.append(np.sqrt(coverage(K, rest)[anchor]))
    others = np.setdiff1d(np.arange(33), anchors)
    reach = (np.sqrt(coverage(K, anchors)[others]).mean() / np.mean(own)) ** GROWTH
    assert reach < MOST_REACH
    told = expectation(model)
    assert told is not None
    assert told.mean == pytest.approx(
        np.mean(met) * reach * (JOINT_LEVEL - JOINT_SELECTED / np.sqrt(n))
    )
    half = WIDTH * np.sqrt(JOINT_FLOOR**2 + JOINT_SPREAD**2 / n)
    assert told.high - told.mean == pytest.approx(half)


def test_anchors_far_apart_do_not_raise_the_expectation_without_end(world: ToyScreen) -> None:
    """Each anchor alone in its module: left out, nothing covers it; the rest is well covered."""
    module = np.arange(33) % 11
    kernel = np.where(module[:, None] == module, 0.6, 0.001) + 0.4 * np.eye(33)
    anchors = np.arange(11)
    known = world.knowledge.with_other_line(world.other_line).on_readouts(world.effects.readouts)
    model = CoKrigingRegressor(kernel, known.line).fit(anchors[:, None], world.profiles[anchors])
    told = expectation(model)
    assert told is not None
    met = model.left_out_correlations().mean()
    level = JOINT_LEVEL - JOINT_SELECTED / np.sqrt(11)
    assert told.mean == pytest.approx(met * MOST_REACH * level)
    assert -1 <= told.low <= told.mean <= told.high <= 1


def test_too_many_candidates_for_all_pairs_are_refused(
    world: ToyScreen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mechpert_al.consensus.kernel.DENSE_LIMIT", 20)
    with pytest.raises(UsageError, match="33 are too many"):
        world.knowledge.with_other_line(world.other_line)
