"""Every built-in strategy passes the shipped contract suite."""

from __future__ import annotations

import pytest

from mechpert_al.design import Strategy, build_strategy, strategy_names
from mechpert_al.testing import StrategyContract


class TestBuiltInStrategies(StrategyContract):
    @pytest.fixture(params=strategy_names())
    def strategy(self, request: pytest.FixtureRequest) -> Strategy:
        return build_strategy(request.param)

    def test_is_listed_under_its_own_name(
        self, strategy: Strategy, request: pytest.FixtureRequest
    ) -> None:
        assert request.node.callspec.params["strategy"] == strategy.name
