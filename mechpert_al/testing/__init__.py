"""Contract suites for strategies, predictors, oracles and readers: tests for their authors to run.

A plug-in's author subclasses a contract in the plug-in's own tests and says what is tested; pytest
collects the rest::

    # test_my_strategy.py
    import pytest
    from mechpert_al.testing import StrategyContract
    from my_package import MyStrategy


    class TestMyStrategy(StrategyContract):
        @pytest.fixture
        def strategy(self):
            return MyStrategy()

The built-in methods pass the same suites. They run in a toy screen (`toy_screen`) of a few dozen
made-up genes; override the fixture ``world`` to run them elsewhere.
"""

from __future__ import annotations

import pytest

for _module in ("oracles", "predictors", "readers", "strategies"):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")

from mechpert_al.testing.oracles import (  # noqa: E402 - after the rewrite is asked for
    MeasureContract,
    OracleContract,
)
from mechpert_al.testing.predictors import PredictorContract  # noqa: E402
from mechpert_al.testing.readers import ReaderContract  # noqa: E402
from mechpert_al.testing.strategies import StrategyContract  # noqa: E402
from mechpert_al.testing.toy import ToyScreen, toy_screen  # noqa: E402

__all__ = [
    "MeasureContract",
    "OracleContract",
    "PredictorContract",
    "ReaderContract",
    "StrategyContract",
    "ToyScreen",
    "toy_screen",
]
