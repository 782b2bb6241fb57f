"""The contract of oracles: where measurements come from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mechpert_al.errors import DataError
from mechpert_al.virtual import Oracle, by_number

Measure = Callable[[np.ndarray], np.ndarray]


class MeasureContract:
    """What every source of measurements must do for design rounds.

    Rounds ask a function from candidate numbers, shape (n,), to profiles, shape (n, n_readouts),
    NaN = not measured. Subclass this and give the fixtures ``measure`` and ``measurable``; for an
    oracle of your own, `OracleContract` gives both.
    """

    @pytest.fixture
    def measure(self) -> Measure:
        """The function under test: the subclass overrides this."""
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
    def test_strange_numbers_are_refused(self, measure: Measure, number: int) -> None:
        """A number that is no candidate is an error, never another gene's profile."""
        with pytest.raises((ValueError, IndexError)):
            measure(np.array([number]))


class OracleContract(MeasureContract):
    """What every oracle must do.

    Subclass it and give the oracle, and at least six genes that it can measure::

        class TestMyLab(OracleContract):
            @pytest.fixture
            def oracle(self):
                return MyLab(seed=1)

            @pytest.fixture
            def genes(self):
                return ("AARS1", "HARS1", "POLR2A", "SF3B1", "RPL3", "RPS6")
    """

    @pytest.fixture
    def oracle(self) -> Oracle:
        """The oracle under test: the subclass overrides this."""
        raise TypeError(f"{type(self).__name__} does not give the fixture 'oracle'")

    @pytest.fixture
    def genes(self) -> tuple[str, ...]:
        """At least six genes that it can measure: the subclass overrides this."""
        raise TypeError(f"{type(self).__name__} does not give the fixture 'genes'")

    @pytest.fixture
    def measure(self, oracle: Oracle, genes: tuple[str, ...]) -> Measure:
        """The oracle as rounds ask it."""
        return by_number(oracle, genes)

    @pytest.fixture
    def measurable(self, genes: tuple[str, ...]) -> np.ndarray:
        """All of the genes, not in their order."""
        return np.arange(len(genes))[::-1].copy()

    def test_tables_are_labelled(self, oracle: Oracle, genes: tuple[str, ...]) -> None:
        """Rows are the genes in the order asked for, columns the oracle's readouts."""
        assert isinstance(oracle, Oracle)
        assert len(set(oracle.readouts)) == len(oracle.readouts) > 0
        for asked in (genes[:4], genes[:4][::-1], genes[2:3]):
            table = oracle.measure(asked)
            assert table.perturbations == tuple(asked)
            assert table.readouts == tuple(oracle.readouts)
            assert table.n_measured > 0

    def test_strangers_are_refused(self, oracle: Oracle, genes: tuple[str, ...]) -> None:
        """A gene that cannot be measured is named, with or without others beside it."""
        for asked in (["NO_SUCH_GENE"], [*genes[:2], "NO_SUCH_GENE"]):
            with pytest.raises(DataError, match="NO_SUCH_GENE"):
                oracle.measure(asked)
