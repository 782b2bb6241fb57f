"""The judge: scores recomputed target by target with SciPy, with and without missing values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import pearsonr

from mechpert_al.effects import EffectTable
from mechpert_al.evaluation.metrics import METRICS, Judge, centred_rows, retrieval, unit_rows
from mechpert_al.evaluation.screen import Screen, Split, splits
from mechpert_al.prediction.base import ProfileRegressor
from mechpert_al.prediction.catalogue import build_predictor
from mechpert_al.testing import ToyScreen, toy_screen

SCORED = [metric for metric in METRICS if metric != "supported_fraction"]


@pytest.fixture(scope="module")
def world() -> ToyScreen:
    return toy_screen(n_readouts=70)


def with_holes(world: ToyScreen, missing: float, seed: int = 0) -> EffectTable:
    values = np.array(world.effects.values)
    random = np.random.default_rng(seed)
    values[random.random(values.shape) < missing] = np.nan
    values[4, 12:] = np.nan  # a target with too few readouts, whenever it is one
    values[:, 7] = np.nan  # a readout that nobody measured
    return EffectTable(world.effects.perturbations, world.effects.readouts, values)


def one_split(effects: EffectTable, world: ToyScreen) -> tuple[Screen, Split]:
    screen = Screen.of("toy", effects, world.genes)
    (split,) = splits(screen, 1, 0.4, seed=3)
    return screen, split


def by_scipy(screen: Screen, split: Split, model: ProfileRegressor) -> dict[str, np.ndarray]:
    """All scores of a fitted predictor on whole profiles, one target at a time."""
    profiles = screen.profiles
    pool = profiles[screen.row_of[split.pool]]
    reference = np.array(
        [c[~np.isnan(c)].mean() if (~np.isnan(c)).any() else np.nan for c in pool.T]
    )
    deviation = model.deviation(split.test)
    scores: dict[str, list[float]] = {metric: [] for metric in SCORED}
    for place, target in enumerate(split.test):
        truth = profiles[screen.row_of[target]] - reference
        known = ~np.isnan(truth)
        if known.sum() < 20:
            for values in scores.values():
                values.append(np.nan)
            continue
        scores["pearson_centred"].append(correlation(deviation[place, known], truth[known]))
        widest = np.flatnonzero(known)[np.argsort(-np.abs(truth[known]), kind="stable")]
        for k in (20, 50):
            top = widest[:k]
            score = correlation(deviation[place, top], truth[top]) if len(top) == k else np.nan
            scores[f"pearson_top{k}"].append(score)
        left = profiles[screen.row_of[target]] - model.centre_
        scores["mse_ratio"].append(
            float(((left - deviation[place])[known] ** 2).sum() / (left[known] ** 2).sum())
        )
        scores["retrieval"].append(rank(screen, split, reference, deviation[place], place))
    return {metric: np.array(values) for metric, values in scores.items()}


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return 0.0 if np.ptp(one) < 1e-12 or np.ptp(other) < 1e-12 else float(pearsonr(one, other)[0])


def rank(
    screen: Screen, split: Split, reference: np.ndarray, predicted: np.ndarray, own: int
) -> float:
    """Share of the other true profiles that are less like the prediction; ties count half."""
    similarity = []
    for target in split.test:
        truth = screen.profiles[screen.row_of[target]] - reference
        known = ~np.isnan(truth)
        similarity.append(round(correlation(predicted[known], truth[known]), 10))
    others = np.delete(similarity, own)
    return float((others < similarity[own]).mean() + (others == similarity[own]).mean() / 2)


def judged(judge: Judge, model: ProfileRegressor, anchors: np.ndarray) -> dict[str, np.ndarray]:
    return judge.score([judge.predict(model, anchors)])[0]


@pytest.mark.parametrize("name", ["kriging", "neighbours", "mean", "similarity_list"])
@pytest.mark.parametrize("missing", [None, 0.1, 0.5])
def test_scores_by_scipy(world: ToyScreen, name: str, missing: float | None) -> None:
    effects = world.effects if missing is None else with_holes(world, missing)
    screen, split = one_split(effects, world)
    model = build_predictor(name, world.knowledge)
    for n_anchors in (3, 10):
        anchors = split.pool[:n_anchors]
        scores = judged(Judge(screen, split), model, anchors)
        whole = build_predictor(name, world.knowledge)
        whole.fit(anchors[:, None], screen.profiles[screen.row_of[anchors]])
        expected = by_scipy(screen, split, whole)
        assert set(scores) == set(SCORED)
        for metric in SCORED:
            np.testing.assert_allclose(scores[metric], expected[metric], atol=1e-8, err_msg=metric)


class Whole(ProfileRegressor):
    """A predictor that does not follow rotations (or does not say so): judged on whole profiles."""

    is_rotation_equivariant = False

    def __init__(self, inner: ProfileRegressor) -> None:
        self.inner = inner

    def _fit(self) -> None:
        self.inner.fit(self.anchors_[:, None], self.deviations_ + self.centre_)

    def _deviation(self, targets: np.ndarray) -> np.ndarray:
        return self.inner.deviation(targets)


@pytest.mark.parametrize("name", ["kriging", "neighbours", "mean", "ridge"])
def test_reduced_whole_and_masked_judges_agree(world: ToyScreen, name: str) -> None:
    """On complete data the judge in few dimensions gives what the judge of whole profiles gives."""
    screen, split = one_split(world.effects, world)
    judge = Judge(screen, split)
    model = build_predictor(name, world.knowledge)
    anchors = split.pool[::2]
    few, many = judge.predict(model, anchors), judge.predict(Whole(model), anchors)
    assert few.is_reduced
    assert few.deviation.shape == (len(split.test), len(world.genes) + 1)
    assert not many.is_reduced
    assert many.deviation.shape == (len(split.test), 70)
    one, other = judge.score([few, many])
    for metric in SCORED:
        np.testing.assert_allclose(one[metric], other[metric], atol=1e-8, err_msg=metric)


def test_many_at_once_are_scored_like_one(world: ToyScreen) -> None:
    """Reduced and whole predictions may be mixed, more of them than are scored at once."""
    screen, split = one_split(world.effects, world)
    judge = Judge(screen, split)
    model = build_predictor("kriging", world.knowledge)
    predicted = [
        judge.predict(Whole(model) if i % 3 == 0 else model, split.pool[i % 7 : i % 7 + 5])
        for i in range(120)
    ]
    together = judge.score(predicted)
    for i in (0, 1, 49, 50, 51, 119):
        (alone,) = judge.score([predicted[i]])
        for metric in SCORED:
            np.testing.assert_allclose(together[i][metric], alone[metric], atol=1e-12)
    assert judge.score([]) == []


class Constant(ProfileRegressor):
    """Deviates by the same amount everywhere, another one for each target."""

    is_rotation_equivariant = False

    def __init__(self, size: float = 0.1) -> None:
        self.size = size

    def _deviation(self, targets: np.ndarray) -> np.ndarray:
        return np.outer(1 + targets, np.full(self.deviations_.shape[1], self.size))


class RoundingError(Constant):
    """Deviates by what rounding leaves of nothing."""

    def _deviation(self, targets: np.ndarray) -> np.ndarray:
        return 1e-17 * np.random.default_rng(0).normal(
            size=(len(targets), self.deviations_.shape[1])
        )


@pytest.mark.parametrize("model", [Constant(), Constant(1e-8), RoundingError()])
@pytest.mark.parametrize("missing", [None, 0.3])
def test_constant_predictions_score_nothing(
    world: ToyScreen, model: Constant, missing: float | None
) -> None:
    effects = world.effects if missing is None else with_holes(world, missing)
    screen, split = one_split(effects, world)
    scores = judged(Judge(screen, split), model, split.pool[:5])
    scored = ~np.isnan(scores["pearson_centred"])
    assert scored.sum() >= len(split.test) - 1
    for metric, expected in (("pearson_centred", 0), ("pearson_top20", 0), ("retrieval", 0.5)):
        np.testing.assert_allclose(scores[metric][scored], expected, atol=1e-9, err_msg=metric)


def test_rounding_errors_of_a_linear_predictor_score_nothing(world: ToyScreen) -> None:
    """The mean of all anchors' deviations is 0 but for rounding: no score may come of it."""

    class EverybodyAlike(ProfileRegressor):
        def _deviation(self, targets: np.ndarray) -> np.ndarray:
            return np.tile(self.deviations_.mean(axis=0), (len(targets), 1))

    screen, split = one_split(world.effects, world)
    scores = judged(Judge(screen, split), EverybodyAlike(), split.pool)
    np.testing.assert_array_equal(scores["pearson_centred"], 0)
    np.testing.assert_array_equal(scores["pearson_top50"], 0)
    np.testing.assert_array_equal(scores["retrieval"], 0.5)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("missing", [None, 0.3])
def test_units_do_not_matter(world: ToyScreen, scale: float, missing: float | None) -> None:
    effects = world.effects if missing is None else with_holes(world, missing)
    table = EffectTable(effects.perturbations, effects.readouts, effects.values * scale)
    plain, scaled = (
        judged(
            Judge(*one_split(one, world)),
            build_predictor("kriging", world.knowledge),
            one_split(one, world)[1].pool[:8],
        )
        for one in (effects, table)
    )
    for metric in SCORED:
        np.testing.assert_allclose(scaled[metric], plain[metric], atol=1e-5, err_msg=metric)


def test_a_perfect_prediction(world: ToyScreen) -> None:
    class Knows(ProfileRegressor):
        is_rotation_equivariant = False

        def __init__(self, profiles: Any = None) -> None:
            self.profiles = profiles

        def _deviation(self, targets: np.ndarray) -> np.ndarray:
            return self.profiles[targets] - self.centre_

    screen, split = one_split(world.effects, world)
    model = Knows(world.profiles)
    # the centre is the anchors' mean: all of the pool, so that it is the judge's own reference
    scores = judged(Judge(screen, split), model, split.pool)
    for metric in ("pearson_centred", "pearson_top20", "pearson_top50", "retrieval"):
        np.testing.assert_allclose(scores[metric], 1, atol=1e-6)
    np.testing.assert_allclose(scores["mse_ratio"], 0, atol=1e-9)


def test_the_reference_is_the_pool_for_every_strategy(world: ToyScreen) -> None:
    """The truth is centred alike for all; a predictor's own centre cannot move a correlation."""
    screen, split = one_split(world.effects, world)

    class Fixed(ProfileRegressor):
        is_rotation_equivariant = False

        def _deviation(self, targets: np.ndarray) -> np.ndarray:
            return np.sin(np.outer(1 + targets, np.arange(70)))

    judge = Judge(screen, split)
    one, other = (judged(judge, Fixed(), anchors) for anchors in (split.pool[:3], split.pool[-5:]))
    np.testing.assert_array_equal(one["pearson_centred"], other["pearson_centred"])
    assert not np.allclose(one["mse_ratio"], other["mse_ratio"])


@pytest.mark.parametrize("n_readouts", [10, 19, 20, 49, 50])
def test_few_readouts(n_readouts: int) -> None:
    """Below 20 readouts nothing is scored, below 50 no top 50: complete or not."""
    world = toy_screen(n_readouts=n_readouts)
    screen, split = one_split(world.effects, world)
    model = build_predictor("kriging", world.knowledge)
    scores = judged(Judge(screen, split), model, split.pool[:8])
    assert np.isnan(scores["pearson_centred"]).all() == (n_readouts < 20)
    assert np.isnan(scores["pearson_top50"]).all() == (n_readouts < 50)


def test_test_genes_may_not_be_anchors(world: ToyScreen) -> None:
    screen, split = one_split(world.effects, world)
    model = build_predictor("mean", world.knowledge)
    with pytest.raises(ValueError, match="not in the pool"):
        Judge(screen, split).predict(model, np.append(split.pool[:3], split.test[0]))


# ---------------------------------------------------------------------- small parts
def test_retrieval_by_hand() -> None:
    similarities = np.array([[0.9, 0.1, 0.5], [0.2, 0.2, 0.2], [0.7, 0.8, 0.1]])
    assert retrieval(similarities).tolist() == [1.0, 0.5, 0.0]
    assert retrieval(np.array([[3.0]])).tolist() == [1.0]


def test_rows_by_hand() -> None:
    rows = np.array([[3.0, 4.0], [0.0, 0.0], [1e-12, 0.0]])
    np.testing.assert_allclose(unit_rows(rows), [[0.6, 0.8], [0, 0], [0, 0]])
    np.testing.assert_allclose(unit_rows(rows[2:]), [[1, 0]])
    np.testing.assert_allclose(unit_rows(rows[2:], size=1.0), [[0, 0]])
    np.testing.assert_allclose(
        centred_rows(np.array([[1.0, 3.0], [2.0, 2.0]])), [[-(0.5**0.5), 0.5**0.5], [0, 0]]
    )
