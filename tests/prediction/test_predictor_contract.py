"""Every built-in predictor passes the shipped contract suite."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mechpert_al.consensus import Knowledge
from mechpert_al.prediction.base import ProfileRegressor
from mechpert_al.prediction.catalogue import build_predictor, predictor_method, predictor_names
from mechpert_al.testing import PredictorContract, toy_screen


def told(knowledge: Knowledge, name: str) -> Knowledge:
    """Knowledge with another line for the predictors that need one."""
    if "other_line" not in predictor_method(name, knowledge).needs:
        return knowledge
    world = toy_screen()
    return knowledge.with_other_line(world.other_line).on_readouts(world.effects.readouts)


class TestBuiltInPredictors(PredictorContract):
    @pytest.fixture(params=[*predictor_names(), "agent:alpha", "agent:plain"])
    def build(self, request: pytest.FixtureRequest) -> Callable[[Knowledge], ProfileRegressor]:
        name = request.param
        return lambda knowledge: build_predictor(name, told(knowledge, name))
