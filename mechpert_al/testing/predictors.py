"""The contract of predictors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone

from mechpert_al.consensus import Knowledge
from mechpert_al.consensus.other_line import LineProfiles
from mechpert_al.prediction.base import ProfileRegressor
from mechpert_al.testing.toy import ToyScreen, toy_screen

#: Share of the values that are left out where some are missing.
MISSING = 0.3


def beside(
    predictor: ProfileRegressor, change: Callable[[np.ndarray], np.ndarray]
) -> dict[str, LineProfiles]:
    """Further arguments of `fit` where the columns of y are not the readouts as they were.

    Parameters
    ----------
    predictor
        One that reads another line's profiles too is given them with the same change.
    change
        What was done to the columns.
    """
    if predictor.line is None:
        return {}
    return {"line": replace(predictor.line, deviations=change(predictor.line.deviations))}


class PredictorContract:
    """What every predictor must do.

    Subclass it and give the fixture ``build``, a function from knowledge to an unfitted
    predictor::

        class TestMyPredictor(PredictorContract):
            @pytest.fixture
            def build(self):
                return lambda knowledge: MyPredictor(knowledge.kernel)
    """

    @pytest.fixture
    def build(self) -> Callable[[Knowledge], ProfileRegressor]:
        """How the predictor under test is made: the subclass overrides this."""
        raise TypeError(f"{type(self).__name__} does not give the fixture 'build'")

    @pytest.fixture
    def world(self) -> ToyScreen:
        """Where it is tested."""
        return toy_screen()

    @pytest.fixture
    def predictor(
        self, build: Callable[[Knowledge], ProfileRegressor], world: ToyScreen
    ) -> ProfileRegressor:
        """An unfitted one."""
        return build(world.knowledge)

    @pytest.fixture
    def anchors(self, world: ToyScreen) -> np.ndarray:
        """Every third gene is measured."""
        return np.arange(0, len(world.genes), 3)

    @pytest.fixture
    def targets(self, world: ToyScreen, anchors: np.ndarray) -> np.ndarray:
        """The others."""
        return np.setdiff1d(np.arange(len(world.genes)), anchors)

    @pytest.fixture
    def complete(self, world: ToyScreen, anchors: np.ndarray) -> np.ndarray:
        """The anchors' profiles."""
        return world.profiles[anchors]

    @pytest.fixture
    def holed(self, complete: np.ndarray) -> np.ndarray:
        """The same with holes; a readout that nobody measured, and one that everybody did."""
        holes = np.random.default_rng(3).random(complete.shape) < MISSING
        holes[:, 5], holes[:, 6] = True, False
        return np.where(holes, np.nan, complete)

    @pytest.fixture(params=["complete", "holed"])
    def profiles(self, request: pytest.FixtureRequest) -> np.ndarray:
        """Both."""
        return np.asarray(request.getfixturevalue(request.param))

    # ------------------------------------------------------------------ shapes and numbers
    def test_shapes(
        self,
        predictor: ProfileRegressor,
        anchors: np.ndarray,
        targets: np.ndarray,
        profiles: np.ndarray,
    ) -> None:
        """Finite numbers of the right shapes; a prediction is the centre and a deviation."""
        predictor.fit(anchors[:, None], profiles)
        deviation, weights = predictor.deviation(targets), predictor.weights(targets)
        assert predictor.centre_.shape == profiles.shape[1:]
        assert deviation.shape == (len(targets), profiles.shape[1])
        assert weights.shape == (len(targets), len(predictor.anchors_))
        for values in (predictor.centre_, deviation, weights):
            assert np.isfinite(values).all()
        np.testing.assert_allclose(
            predictor.predict(targets[:, None]), predictor.centre_ + deviation, rtol=1e-12
        )

    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_few_anchors(
        self, predictor: ProfileRegressor, anchors: np.ndarray, profiles: np.ndarray, n: int
    ) -> None:
        """One, two or three anchors are enough for a finite answer."""
        predictor.fit(anchors[:n, None], profiles[:n])
        assert np.isfinite(predictor.predict(np.arange(10)[:, None])).all()

    def test_every_gene_measured(self, predictor: ProfileRegressor, world: ToyScreen) -> None:
        """No target may be left, and anchors themselves can be predicted."""
        everybody = np.arange(len(world.genes))
        predictor.fit(everybody[:, None], world.profiles)
        assert np.isfinite(predictor.predict(everybody[:, None])).all()
        assert predictor.deviation(np.zeros(0, dtype=int)).shape == (0, world.profiles.shape[1])

    def test_constant_profiles(
        self, predictor: ProfileRegressor, anchors: np.ndarray, targets: np.ndarray
    ) -> None:
        """Where all anchors do the same, nothing deviates; a flat profile is no error."""
        alike = np.tile(np.arange(30.0), (len(anchors), 1))
        first = beside(predictor, lambda values: values[:, :30])
        predictor.fit(anchors[:, None], alike, **first)
        np.testing.assert_allclose(predictor.deviation(targets), 0, atol=1e-12)
        alike[0] = 4.0
        predictor.fit(anchors[:, None], alike, **first)
        assert np.isfinite(predictor.deviation(targets)).all()

    def test_no_anchor_is_refused(self, predictor: ProfileRegressor) -> None:
        """Without measurements there is nothing to predict from."""
        with pytest.raises(ValueError, match="no anchor"):
            predictor.fit(np.zeros((0, 1), dtype=int), np.zeros((0, 4)))

    def test_impossible_input_is_refused(
        self, predictor: ProfileRegressor, anchors: np.ndarray, complete: np.ndarray
    ) -> None:
        """Infinite values, repeated anchors and shapes that do not agree."""
        infinite = complete.copy()
        infinite[1, 2] = np.inf
        twice = np.concatenate([anchors[:-1], anchors[:1]])
        for X, y in ((anchors, infinite), (twice, complete), (anchors, complete[:-1])):
            with pytest.raises(ValueError, match=r"infinite|twice|shape"):
                predictor.fit(X[:, None], y)

    # ------------------------------------------------------------------ what weights mean
    def test_weights_make_the_prediction(
        self,
        predictor: ProfileRegressor,
        anchors: np.ndarray,
        targets: np.ndarray,
        complete: np.ndarray,
    ) -> None:
        """On complete profiles: the weighted sum of the anchors' deviations, and the offset.

        There is an offset only where profiles of another line are read.
        """
        predictor.fit(anchors[:, None], complete)
        offset = predictor.offset(targets)
        np.testing.assert_allclose(
            predictor.weights(targets) @ (complete - complete.mean(axis=0)) + offset,
            predictor.deviation(targets),
            atol=1e-9,
        )
        assert predictor.line is not None or not offset.any()

    def test_rotation(
        self,
        predictor: ProfileRegressor,
        anchors: np.ndarray,
        targets: np.ndarray,
        complete: np.ndarray,
    ) -> None:
        """If it says so, rotated readouts give a rotated prediction."""
        if predictor.is_rotation_equivariant:
            random = np.random.default_rng(5)
            rotation = np.linalg.qr(random.normal(size=(complete.shape[1],) * 2))[0]
            plain = clone(predictor).fit(anchors[:, None], complete).deviation(targets)
            line = predictor.line
            turned = {} if line is None else {"line": line.rotated(lambda unit: unit @ rotation)}
            predictor.fit(anchors[:, None], complete @ rotation, **turned)
            rotated = predictor.deviation(targets)
            np.testing.assert_allclose(rotated, plain @ rotation, atol=1e-9)

    # ------------------------------------------------------------------ missing values
    def test_missing_values_are_honoured(
        self,
        predictor: ProfileRegressor,
        anchors: np.ndarray,
        targets: np.ndarray,
        holed: np.ndarray,
    ) -> None:
        """Not measured is not zero; what nobody measured deviates nowhere."""
        honest = clone(predictor).fit(anchors[:, None], holed).deviation(targets)
        zeroed = predictor.fit(anchors[:, None], np.nan_to_num(holed)).deviation(targets)
        np.testing.assert_array_equal(honest[:, 5], 0)
        if honest.any():
            assert not np.allclose(honest, zeroed)

    @pytest.mark.parametrize("what", ["readout", "anchor"])
    def test_unknown_is_the_same_as_absent(
        self,
        predictor: ProfileRegressor,
        anchors: np.ndarray,
        targets: np.ndarray,
        profiles: np.ndarray,
        what: str,
    ) -> None:
        """A readout, or an anchor, of which nothing is known changes nothing else."""
        without = clone(predictor).fit(anchors[:, None], profiles)
        expected = without.predict(targets[:, None])
        if what == "readout":
            unknown = np.full((len(profiles), 1), np.nan)
            more = beside(predictor, lambda values: np.pad(values, ((0, 0), (0, 1))))
            predictor.fit(anchors[:, None], np.hstack([profiles, unknown]), **more)
            found = predictor.predict(targets[:, None])[:, :-1]
        else:
            longer = np.append(anchors, targets[0])[:, None]
            unknown = np.full((1, profiles.shape[1]), np.nan)
            predictor.fit(longer, np.vstack([profiles, unknown]))
            found = predictor.predict(targets[:, None])
            assert targets[0] not in predictor.anchors_
            np.testing.assert_allclose(predictor.weights(targets), without.weights(targets))
        np.testing.assert_allclose(found, expected, atol=1e-9)

    # ------------------------------------------------------------------ repeatability
    def test_order_of_anchors_and_readouts_does_not_matter(
        self,
        predictor: ProfileRegressor,
        anchors: np.ndarray,
        targets: np.ndarray,
        profiles: np.ndarray,
    ) -> None:
        """Neither may their order change a prediction."""
        expected = clone(predictor).fit(anchors[:, None], profiles).deviation(targets)
        random = np.random.default_rng(1)
        rows, columns = (random.permutation(size) for size in profiles.shape)
        moved = beside(predictor, lambda values: values[:, columns])
        predictor.fit(anchors[rows, None], profiles[rows][:, columns], **moved)
        np.testing.assert_allclose(predictor.deviation(targets), expected[:, columns], atol=1e-9)

    def test_order_of_candidates_does_not_matter(
        self,
        build: Callable[[Knowledge], ProfileRegressor],
        world: ToyScreen,
        anchors: np.ndarray,
        targets: np.ndarray,
        profiles: np.ndarray,
    ) -> None:
        """The same genes get the same prediction however the candidates are listed."""
        plain = build(world.knowledge).fit(anchors[:, None], profiles).deviation(targets)
        order = np.random.default_rng(2).permutation(len(world.genes))
        place = np.argsort(order)
        other = build(world.reordered(order).knowledge).fit(place[anchors][:, None], profiles)
        np.testing.assert_allclose(other.deviation(place[targets]), plain, atol=1e-8)

    def test_refitting_forgets(
        self,
        predictor: ProfileRegressor,
        anchors: np.ndarray,
        targets: np.ndarray,
        profiles: np.ndarray,
    ) -> None:
        """A fit depends on what it is given alone, and leaves that alone."""
        given, copy = anchors[:, None].copy(), profiles.copy()
        fresh = clone(predictor).fit(given, profiles).deviation(targets)
        few = beside(predictor, lambda values: values[:, :3])
        predictor.fit(targets[:, None], np.ones((len(targets), 3)), **few)
        predictor.fit(given, profiles)
        np.testing.assert_array_equal(predictor.deviation(targets), fresh)
        np.testing.assert_array_equal(profiles, copy)
        np.testing.assert_array_equal(given[:, 0], anchors)

    def test_notices_are_text(
        self, predictor: ProfileRegressor, anchors: np.ndarray, profiles: np.ndarray
    ) -> None:
        """What a fit left out is said in words, and not remembered at the next."""
        for _ in range(2):
            predictor.fit(anchors[:, None], profiles)
            assert all(isinstance(notice, str) and notice for notice in predictor.notices_)
            assert len(set(predictor.notices_)) == len(predictor.notices_)
