"""Objects with parameters are what scikit-learn takes for its own."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score

from mechpert_al.estimator import Estimator
from mechpert_al.prediction import KrigingRegressor, NeighbourRegressor
from mechpert_al.testing import toy_screen


class Ours(Estimator):
    def __init__(self, size: int = 3, inner: object = None) -> None:
        self.size = size
        self.inner = inner


class Theirs(BaseEstimator):
    def __init__(self, size: int = 3, inner: object = None) -> None:
        self.size = size
        self.inner = inner


@pytest.mark.parametrize("deep", [True, False])
def test_parameters_are_those_that_scikit_learn_would_find(deep: bool) -> None:
    ours, theirs = Ours(5, Ours(2)), Theirs(5, Theirs(2))
    found, expected = ours.get_params(deep), theirs.get_params(deep)
    assert list(found) != []
    assert found.keys() == expected.keys()
    assert found["size"] == expected["size"] == 5
    assert Estimator().get_params() == BaseEstimator().get_params() == {}


def test_parameters_are_set_by_name() -> None:
    ours = Ours(inner=Ours())
    assert ours.set_params(size=7, inner__size=8) is ours
    assert (ours.size, ours.inner.size) == (7, 8)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="Ours has no parameter 'weight'; it has: inner, size"):
        ours.set_params(weight=1)
    assert repr(Ours()) == "Ours()"
    assert repr(Ours(4)) == repr(Theirs(4)).replace("Theirs", "Ours") == "Ours(size=4)"


def test_a_clone_is_another_one_with_the_same_parameters() -> None:
    ours = Ours(9, Ours(1))
    copy = clone(ours)
    assert type(copy) is Ours
    assert copy is not ours
    assert copy.inner is not ours.inner  # type: ignore[attr-defined]
    assert copy.get_params()["inner__size"] == 1


def test_predictors_take_part_in_model_selection() -> None:
    world = toy_screen()
    X, y = np.arange(33)[:, None], world.profiles
    kernel = world.knowledge.kernel
    model = KrigingRegressor(kernel)
    assert is_regressor(model)
    scores = cross_val_score(model, X, y, cv=3)
    fold = np.arange(11)
    fitted = KrigingRegressor(kernel).fit(np.delete(X, fold, axis=0), np.delete(y, fold, axis=0))
    assert scores[0] == pytest.approx(r2_score(y[fold], fitted.predict(X[fold])))
    means = {
        n: cross_val_score(KrigingRegressor(kernel, noise=n), X, y, cv=3).mean() for n in (1, 9)
    }
    search = GridSearchCV(model, {"noise": list(means)}, cv=3).fit(X, y)
    assert search.best_params_ == {"noise": max(means, key=lambda noise: means[noise])}
    assert search.best_estimator_.noise == search.best_params_["noise"]
    weights = np.linspace(1, 2, 33)
    listed = NeighbourRegressor(world.knowledge.consensus.neighbourhoods).fit(X, y)
    assert listed.score(X, y, weights) == r2_score(y, listed.predict(X), sample_weight=weights)
