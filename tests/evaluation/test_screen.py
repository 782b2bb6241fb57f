"""Screens as held-out truth: splits, the exact reduction, and what may be asked for."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechpert_al.effects import EffectTable
from mechpert_al.errors import DataError
from mechpert_al.evaluation.screen import Screen, is_reserved, splits
from mechpert_al.testing import MeasureContract, ToyScreen, toy_screen


@pytest.fixture(scope="module")
def world() -> ToyScreen:
    return toy_screen()


@pytest.fixture(scope="module")
def screen(world: ToyScreen) -> Screen:
    return Screen.of("toy", world.effects, world.genes)


def numbered(n: int) -> Screen:
    """A screen of n genes with nothing in it."""
    genes = tuple(f"N{i}" for i in range(n))
    effects = EffectTable(genes, ("R",), np.zeros((n, 1)))
    return Screen("numbered", genes, np.arange(n), effects)


# ---------------------------------------------------------------------- splits
@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(10, 60),
    n_splits=st.integers(1, 12),
    fraction=st.floats(0.1, 0.9),
    seed=st.integers(0, 99),
)
def test_splits(n: int, n_splits: int, fraction: float, seed: int) -> None:
    n_test = round(fraction * n)
    found = list(splits(numbered(n), n_splits, fraction, seed))
    assert [split.number for split in found] == list(range(n_splits))
    tested: Counter[int] = Counter({i: 0 for i in range(n)})
    for split in found:
        assert sorted([*split.test, *split.pool]) == list(
            range(n)
        )  # each gene once, in one of both
        assert len(split.test) == n_test
        assert split.test.tolist() == sorted(split.test.tolist())
        tested.update(split.test.tolist())
    assert (
        max(tested.values()) - min(tested.values()) <= 1
    )  # all tested equally often, give or take


def test_splits_are_random_and_repeatable(screen: Screen) -> None:
    def tests(seed: int, n_splits: int = 6) -> list[list[int]]:
        return [split.test.tolist() for split in splits(screen, n_splits, 0.4, seed)]

    assert tests(0) == tests(0)
    assert tests(0)[:3] == tests(0, 3)  # more splits do not change the first ones
    assert tests(0) != tests(1)
    assert len({tuple(one) for one in tests(0)}) == 6


def test_splits_depend_on_names_alone(world: ToyScreen, screen: Screen) -> None:
    order = np.random.default_rng(0).permutation(len(world.genes))
    moved = world.reordered(order)
    other = Screen.of("toy", moved.effects, moved.genes)
    for one, two in zip(splits(screen, 4, 0.4, 1), splits(other, 4, 0.4, 1), strict=True):
        for part, part_moved in ((one.test, two.test), (one.pool, two.pool)):
            assert {world.genes[i] for i in part} == {moved.genes[i] for i in part_moved}


def test_reserved_genes_by_their_hash() -> None:
    names = [f"GENE{i}" for i in range(2000)]
    kept = [name for name in names if is_reserved(name)]
    assert kept == [n for n in names if hashlib.sha256(n.encode()).hexdigest()[0] in "0123"]
    assert 0.2 < len(kept) / len(names) < 0.3


def test_development_never_tests_what_is_reserved() -> None:
    screen = numbered(60)
    whole = next(splits(screen, 1, 0.4, 0))
    for split in splits(screen, 5, 0.4, 0, "development"):
        assert not any(is_reserved(screen.genes[i]) for i in split.test)
        assert any(is_reserved(screen.genes[i]) for i in split.pool)  # they may be anchors
        assert not set(split.test) & set(split.pool)
        assert len(split.pool) == len(whole.pool)
    for split in splits(screen, 5, 0.4, 0, "reserved"):
        assert all(is_reserved(screen.genes[i]) for i in split.test)
        assert not set(split.test) & set(split.pool)
        assert len(split.pool) == len(whole.pool)


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_a_split_needs_both_parts(fraction: float) -> None:
    with pytest.raises(DataError, match="test fraction"):
        list(splits(numbered(20), 2, fraction, 0))


# ---------------------------------------------------------------------- the reduction
@pytest.mark.parametrize("n_readouts", [8, 33, 60])
def test_coordinates_keep_inner_products_and_values(n_readouts: int) -> None:
    world = toy_screen(n_readouts=n_readouts)
    screen = Screen.of("toy", world.effects, world.genes)
    profiles, coordinates = screen.profiles, screen.coordinates
    np.testing.assert_allclose(coordinates @ coordinates.T, profiles @ profiles.T, atol=1e-9)
    means = profiles - profiles.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(  # the first coordinate is the level of a profile
        coordinates[:, 1:] @ coordinates[:, 1:].T, means @ means.T, atol=1e-9
    )
    readouts = np.array([[0, 3], [7, 1]])
    basis = screen.basis_at(readouts)
    for row, (target, those) in enumerate(zip((2, 5), readouts, strict=True)):
        np.testing.assert_allclose(
            basis[row] @ coordinates[target], profiles[target, those], atol=1e-9
        )


@pytest.mark.parametrize("n_readouts", [8, 60, 90])
def test_coordinates_span_another_line_too(n_readouts: int) -> None:
    world = toy_screen(n_readouts=n_readouts)
    known = world.knowledge.with_other_line(world.other_line).on_readouts(world.effects.readouts)
    line = known.line
    assert line is not None
    screen = Screen.of("toy", world.effects, world.genes, line)
    rotated = screen.rotated(line)
    both = np.vstack([screen.coordinates, rotated.unit])
    whole = np.vstack([screen.profiles, line.unit])
    np.testing.assert_allclose(both @ both.T, whole @ whole.T, atol=1e-8)
    everything = np.arange(n_readouts)[None].repeat(len(both), axis=0)
    values = np.einsum("nkd,nd->nk", screen.basis_at(everything), both)
    np.testing.assert_allclose(values, whole, atol=1e-8)
    np.testing.assert_array_equal(rotated.numbers, line.numbers)
    np.testing.assert_allclose(rotated.products, rotated.unit @ rotated.unit.T, atol=1e-8)


# ---------------------------------------------------------------------- from a file
def test_what_was_not_measured_or_matched_is_said(world: ToyScreen) -> None:
    values = np.array(world.effects.values)
    values[3] = np.nan
    names = list(world.genes)
    names[5] = "SOMEBODY"
    effects = EffectTable(tuple(names), world.effects.readouts, values)
    screen = Screen.of("toy", effects, world.genes)
    assert set(range(33)) - set(screen.numbers.tolist()) == {3, 5}
    assert screen.row_of[3] == screen.row_of[5] == -1
    for number, row in zip(screen.numbers, screen.effects.values, strict=True):
        np.testing.assert_array_equal(row, values[number])
    assert any("SOMEBODY" in notice for notice in screen.notices)
    assert any(world.genes[3] in notice for notice in screen.notices)


def test_a_screen_needs_ten_candidates(world: ToyScreen) -> None:
    with pytest.raises(DataError, match="only 9"):
        Screen.of("toy", world.effects.take(world.genes[:9]), world.genes)
    assert len(Screen.of("toy", world.effects.take(world.genes[:10]), world.genes).numbers) == 10
    with pytest.raises(DataError, match="none of its 33 perturbations"):
        Screen.of("toy", world.effects, ("ELSEWHERE1", "ELSEWHERE2"))
    blank = replace(world.effects, values=np.full_like(world.effects.values, np.nan))
    with pytest.raises(DataError, match="33 of 33 candidates have no measured value"):
        Screen.of("toy", blank, world.genes)


class TestScreenAsOracle(MeasureContract):
    """A measured screen stands for the laboratory."""

    @pytest.fixture
    def measure(self, world: ToyScreen):  # type: ignore[no-untyped-def]
        part = world.effects.take(world.genes[5:25])
        return Screen.of("toy", part, world.genes).measure

    @pytest.fixture
    def measurable(self) -> np.ndarray:
        return np.arange(5, 25)

    def test_an_unmeasured_gene_is_refused(self, measure) -> None:  # type: ignore[no-untyped-def]
        with pytest.raises(ValueError, match="did not measure"):
            measure(np.array([6, 4]))


def test_two_rows_of_one_gene_are_refused(world: ToyScreen) -> None:
    """AARS is the former name of AARS1: which of the rows is meant cannot be told."""
    genes = ("AARS1", *world.genes)
    names = ("AARS", "AARS1", *world.genes[:12])
    effects = EffectTable(names, ("R",), np.ones((14, 1)))
    with pytest.raises(DataError, match="AARS"):
        Screen.of("toy", effects, genes)
    renamed = Screen.of("toy", EffectTable(names[:1] + names[2:], ("R",), np.ones((13, 1))), genes)
    assert 0 in renamed.numbers
    assert any("AARS is AARS1" in notice for notice in renamed.notices)
