"""The contract of oracles: where measurements come from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

Measure = Callable[[np.ndarray], np.ndarray]


class OracleContract:
    """What every source of measurements must do.

    An oracle is a function from candidate numbers, shape (n,), to their profiles, shape
    (n, n_readouts), NaN = not measured. Subclass this and give the fixture ``measure`` and the
    numbers that can be asked for::

        class TestMyLab(OracleContract):
            @pytest.fixture
            def measure(self):
                return MyLab(seed=1).measure

            @pytest.fixture
            def measurable(self):
                return np.arange(20)
    """

    @pytest.fixture
    def measure(self) -> Measure:
        """The oracle under test: the subclass overrides this."""
        raise TypeError(f"{type(self).__name__} does not give the fixture 'measure'")

    @pytest.fixture
    def measurable(self) -> np.ndarray:
        """At least six candidate numbers that it can measure: the subclass overrides this."""
        raise TypeError(f"{type(self).__name__} does not give the fixture 'measurable'")

    def test_one_row_a_candidate(self, measure: Measure, measurable: np.ndarray) -> None:
        """Real numbers, one profile for each request, all of one length, none of them infinite."""
        sizes = set()
        for n in (1, 2, 5):
            profiles = measure(measurable[:n])
            assert profiles.ndim == 2
            assert len(profiles) == n
            assert np.issubdtype(profiles.dtype, np.floating)
            assert not np.isinf(profiles).any()
            sizes.add(profiles.shape[1])
        assert len(sizes) == 1
        assert sizes != {0}

    def test_no_request_no_rows(self, measure: Measure, measurable: np.ndarray) -> None:
        """Asked for nothing, it gives no row, of the usual length."""
        n_readouts = measure(measurable[:1]).shape[1]
        assert measure(np.zeros(0, dtype=int)).shape == (0, n_readouts)

    def test_a_profile_belongs_to_its_gene(self, measure: Measure, measurable: np.ndarray) -> None:
        """Whatever is asked for beside it, and in whatever order, a gene's profile is the same."""
        together = measure(measurable[:6])
        np.testing.assert_array_equal(measure(measurable[:6][::-1]), together[::-1])
        one_by_one = np.vstack([measure(measurable[[place]]) for place in range(6)])
        np.testing.assert_array_equal(one_by_one, together)

    def test_answers_are_copies(self, measure: Measure, measurable: np.ndarray) -> None:
        """Who changes an answer does not change the next; the request is left alone."""
        asked = measurable[:3].copy()
        first = measure(asked)
        kept = first.copy()
        if first.flags.writeable:
            first[:] = 0
        np.testing.assert_array_equal(measure(asked), kept)
        np.testing.assert_array_equal(asked, measurable[:3])

    @pytest.mark.parametrize("number", [-1, 10**6])
    def test_strangers_are_refused(self, measure: Measure, number: int) -> None:
        """A number that is no candidate is an error, never another gene's profile."""
        with pytest.raises((ValueError, IndexError)):
            measure(np.array([number]))
