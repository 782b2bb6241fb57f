"""The effect table, and effects put beside a list of candidates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechpert_al.effects import EffectTable
from mechpert_al.effects.align import align
from mechpert_al.errors import DataError


def table(names: str, readouts: str, seed: int = 0, **parts: np.ndarray) -> EffectTable:
    shape = (len(names.split()), len(readouts.split()))
    values = np.random.default_rng(seed).normal(size=shape)
    return EffectTable(tuple(names.split()), tuple(readouts.split()), values, **parts)


def test_taking_rows_keeps_everything_of_them() -> None:
    whole = table("A B C", "x y", n_cells=np.array([1, 2, 3]), standard_error=np.ones((3, 2)))
    part = whole.take(["C", "A"])
    np.testing.assert_array_equal(part.values, whole.values[[2, 0]])
    assert part.n_cells is not None
    assert part.n_cells.tolist() == [3, 1]
    assert part.standard_error is not None
    with pytest.raises(DataError, match="not in the effect table: D, E"):
        whole.take(["D", "A", "E"])


def test_many_missing_names_are_counted() -> None:
    with pytest.raises(DataError, match="and 5 more"):
        table("A", "x").take([f"G{i}" for i in range(15)])


def test_values_cannot_be_changed_from_outside() -> None:
    values = np.ones((1, 2), dtype=np.float32)
    made = EffectTable(("A",), ("x", "y"), values)
    values[:] = 0
    assert made.values.tolist() == [[1, 1]]
    with pytest.raises(ValueError, match="read-only"):
        made.values[0, 0] = 3


def test_shapes_that_do_not_agree() -> None:
    with pytest.raises(DataError, match=r"values has shape \(1, 2\), expected \(1, 1\)"):
        EffectTable(("A",), ("x",), np.ones((1, 2)))
    with pytest.raises(DataError, match=r"n_cells has shape \(2,\)"):
        EffectTable(("A",), ("x",), np.ones((1, 1)), np.ones(2))
    with pytest.raises(DataError, match="standard_error has shape"):
        EffectTable(("A",), ("x",), np.ones((1, 1)), None, np.ones((2, 1)))


def test_renaming_and_its_collisions() -> None:
    assert table("A B", "x").renamed({"A": "C"}).perturbations == ("C", "B")
    with pytest.raises(DataError, match="more than once: B"):
        table("A B", "x").renamed({"A": "B"})


def test_repr_says_what_is_missing() -> None:
    assert repr(table("A B", "x y z")) == "EffectTable(2 × 3)"
    gap = EffectTable(("A",), ("x", "y"), np.array([[1, np.nan]]))
    assert repr(gap) == "EffectTable(1 × 2, 1 not measured)"


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), has_cells=st.booleans(), has_errors=st.booleans())
def test_union_is_by_label(seed: int, has_cells: bool, has_errors: bool) -> None:
    rng = np.random.default_rng(seed)
    readouts = [list(rng.permutation(list("uvwxyz"))[: rng.integers(1, 7)]) for _ in range(2)]
    one = table("A B", " ".join(readouts[0]), seed)
    other = table(
        "C D E",
        " ".join(readouts[1]),
        seed + 1,
        **({"n_cells": np.array([1.0, 2, 3])} if has_cells else {}),
        **({"standard_error": np.ones((3, len(readouts[1])))} if has_errors else {}),
    )
    both = one.union(other)
    assert set(both.readouts) == {*readouts[0], *readouts[1]}
    for part in (one, other):
        for name in part.perturbations:
            for column, readout in enumerate(both.readouts):
                value = both.values[both.row_of[name], column]
                if readout in part.readouts:
                    place = part.readouts.index(readout)
                    assert value == part.values[part.row_of[name], place]
                else:
                    assert np.isnan(value)
    assert (both.n_cells is not None) == has_cells
    assert (both.standard_error is not None) == has_errors
    if both.n_cells is not None:
        assert np.isnan(both.n_cells[:2]).all()
        assert both.n_cells[2:].tolist() == [1, 2, 3]
    assert both.content_hash == other.union(one).content_hash


def test_a_perturbation_in_both_tables() -> None:
    with pytest.raises(DataError, match="more than once: A"):
        table("A B", "x").union(table("A", "x"))


def test_the_hash_tells_values_and_labels_apart() -> None:
    base = EffectTable(("A", "B"), ("x",), np.array([[1.0], [2.0]]))
    hashes = {
        one.content_hash
        for one in (
            base,
            EffectTable(("A", "B"), ("x",), np.array([[2.0], [1.0]])),
            EffectTable(("A", "C"), ("x",), np.array([[1.0], [2.0]])),
            EffectTable(("A", "B"), ("y",), np.array([[1.0], [2.0]])),
            EffectTable(("A", "B"), ("x",), np.array([[1.0], [np.nan]])),
            EffectTable(("A",), ("B", "x"), np.array([[1.0, 2.0]])),
        )
    }
    assert len(hashes) == 6
    zero = [EffectTable(("A",), ("x",), np.array([[sign * 0.0]])) for sign in (1, -1)]
    assert zero[0].content_hash == zero[1].content_hash


# ---------------------------------------------------------------------- beside candidates
def test_candidates_are_matched_by_symbol() -> None:
    effects = table("MED1 AARS1 STRANGER", "x y")
    aligned = align(effects, ["UBL5", "AARS", "MED1"], "screen.csv")
    assert aligned.numbers.tolist() == [1, 2]
    assert aligned.effects.perturbations == ("AARS", "MED1")
    np.testing.assert_array_equal(aligned.effects.values, effects.values[[1, 0]])
    assert aligned.left_out == ("STRANGER",)
    assert [one[:2] for one in aligned.renamed] == [("AARS1", "AARS")]
    assert any("AARS1 is AARS" in notice for notice in aligned.notices)


def test_no_candidate_at_all() -> None:
    with pytest.raises(DataError, match=r"screen\.csv: none of its 2 perturbations"):
        align(table("A B", "x"), ["MED1"], "screen.csv")


def test_a_candidate_without_any_value_is_not_measured() -> None:
    effects = EffectTable(("MED1", "UBL5"), ("x",), np.array([[1.0], [np.nan]]))
    aligned = align(effects, ["MED1", "UBL5"])
    assert aligned.effects.perturbations == ("MED1",)
    assert any("UBL5" in notice for notice in aligned.notices)
