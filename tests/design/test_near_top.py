"""Of thousands of genes that a pick raises, only those are sorted that can be named."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mechpert_al.design.batch import _largest_first, _near_top

#: Values that are equal once rounded to nine digits, and others.
VALUES = st.sampled_from([0.0, 0.1, 0.1 + 4e-10, 0.1 - 4e-10, 0.1 + 1e-8, 0.2, 0.3, 0.3 + 1e-12])


@given(st.lists(VALUES, min_size=1, max_size=30), st.integers(1, 5), st.data())
def test_the_first_are_the_same(values: list[float], n: int, data: st.DataObject) -> None:
    targets = data.draw(st.lists(st.sampled_from(range(len(values))), min_size=1, unique=True))
    names = data.draw(st.permutations([f"G{i}" for i in range(len(values))]))
    numbers, among = np.array(values), np.array(targets)
    first = _largest_first(among, numbers, names)[:n]
    assert _largest_first(_near_top(among, numbers, n), numbers, names)[:n] == first


def test_far_ones_are_left_out() -> None:
    values = np.linspace(0, 1, 1000)
    assert _near_top(np.arange(1000), values, 3).tolist() == [997, 998, 999]
