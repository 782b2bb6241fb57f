"""Every built-in predictor passes the shipped contract suite."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mechpert_al.consensus import Knowledge
from mechpert_al.prediction.base import ProfileRegressor
from mechpert_al.prediction.catalogue import build_predictor, predictor_names
from mechpert_al.testing import PredictorContract


class TestBuiltInPredictors(PredictorContract):
    @pytest.fixture(params=[*predictor_names(), "agent:alpha", "agent:plain"])
    def build(self, request: pytest.FixtureRequest) -> Callable[[Knowledge], ProfileRegressor]:
        return lambda knowledge: build_predictor(request.param, knowledge)
