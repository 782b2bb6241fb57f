"""Rows of one perturbation put together, value by value, against plain loops."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mechpert_al.effects.pooling import pooled, pooled_errors

VALUES = arrays(float, (5, 3), elements=st.one_of(st.floats(-9, 9), st.just(math.nan)))
ERRORS = arrays(float, (5, 3), elements=st.one_of(st.floats(0.01, 9), st.just(math.nan)))
CODES = arrays(int, 5, elements=st.integers(-1, 2))
WEIGHTS = arrays(float, 5, elements=st.floats(1, 500))


@given(VALUES, ERRORS, CODES, WEIGHTS)
def test_means_and_their_errors(
    values: np.ndarray, errors: np.ndarray, code: np.ndarray, weights: np.ndarray
) -> None:
    """What a row did not measure has no part in the mean, nor in its error."""
    means = pooled(values, code, weights, 2)
    found = pooled_errors(errors, values, code, weights, 2)
    for name in range(2):
        for column in range(3):
            rows = [
                row for row in range(5)
                if code[row] == name and not math.isnan(values[row, column])
            ]  # fmt: skip
            total = sum(weights[row] for row in rows)
            if not rows:
                assert math.isnan(means[name, column])
                assert math.isnan(found[name, column])
                continue
            mean = sum(weights[row] * values[row, column] for row in rows) / total
            np.testing.assert_allclose(means[name, column], mean, atol=1e-9)
            squares = sum((weights[row] * errors[row, column]) ** 2 for row in rows)
            np.testing.assert_allclose(found[name, column], math.sqrt(squares) / total, rtol=1e-9)
