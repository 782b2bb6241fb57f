"""Constraints by gene name: contradictions are named all at once, limits are numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mechpert_al.design import Constraints
from mechpert_al.errors import UsageError

GENES = ("A", "B", "C", "D", "E")


@pytest.mark.parametrize(
    ("constraints", "taken", "said"),
    [
        (Constraints(("A",), frozenset("A")), (), "A must be included, but is excluded"),
        (Constraints(("Z",)), (), "Z must be included, but is not a candidate"),
        (Constraints(("A",)), ("A",), "A must be included, but is measured or pending already"),
        (Constraints(("A", "B", "C")), (), "3 genes must be included in a batch of 2"),
        (
            Constraints(("A", "B"), costs={"A": 3.0}, budget=3.5),
            (),
            "the genes to include cost 4, the budget is 3.5",
        ),
        (
            Constraints(("A", "B"), groups={"A": "x", "B": "x", "C": "y"}, max_per_group=1),
            (),
            "2 genes to include are in group 'x' (A, B), at most 1 may be",
        ),
        (Constraints(groups={"A": "x"}, max_per_group=0), (), "at most 0 genes a group"),
        (Constraints(costs={"B": 0.0}), (), "the cost of B is 0, expected a positive number"),
        (Constraints(costs={"B": -1.0}), (), "the cost of B is -1"),
        (Constraints(costs={"B": float("nan")}), (), "the cost of B is nan"),
        (Constraints(costs={"B": float("inf")}), (), "the cost of B is inf"),
    ],
)
def test_contradictions(constraints: Constraints, taken: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        constraints.check(GENES, taken, 2)
    assert said in caught.value.message


def test_all_contradictions_are_named_at_once() -> None:
    wrong = Constraints(("A", "Z"), frozenset("A"), costs={"C": -2.0})
    with pytest.raises(UsageError) as caught:
        wrong.check(GENES, ("A",), 1)
    for part in ("excluded", "not a candidate", "measured", "batch of 1", "cost of C"):
        assert part in caught.value.message


def test_what_contradicts_nothing_passes() -> None:
    Constraints().check(GENES, GENES, 1)
    Constraints(
        ("A",), frozenset("B"), {"A": 2.0}, 2.0, {"A": "x", "C": "x"}, 1
    ).check(GENES, ("D",), 1)  # fmt: skip


def test_limits_are_the_same_in_numbers() -> None:
    limits = Constraints(
        ("C", "A"), costs={"B": 2.5}, budget=9.0, groups={"A": "late", "D": "early", "E": "late"},
        max_per_group=2,
    ).limits(GENES)  # fmt: skip
    assert limits.first == (2, 0)
    assert limits.costs is not None
    assert limits.groups is not None
    np.testing.assert_array_equal(limits.costs, [1, 2.5, 1, 1, 1])
    assert limits.budget == 9
    assert limits.groups[0] == limits.groups[4] != limits.groups[3]
    np.testing.assert_array_equal(limits.groups[[1, 2]], -1)
    assert limits.max_per_group == 2
    plain = Constraints().limits(GENES)
    assert plain.first == ()
    assert plain.costs is plain.budget is plain.groups is None


def test_candidates_without_a_cost_are_counted_and_named(tmp_path: Path) -> None:
    genes = [f"GENE{number}X" for number in range(16)]
    (costs := tmp_path / "cost.csv").write_text(f"gene,cost\n{genes[3]},2\n")
    (out := tmp_path / "out.txt").write_text(f"{genes[0]}\n")

    constraints, said = Constraints.from_files(genes, cost=costs, exclude=out)
    assert constraints.costs == {genes[3]: 2}
    named = ", ".join([*genes[1:3], *genes[4:12]])
    assert said == [
        f"{costs}: 14 of 15 candidates have no cost there and count as 1 each: {named} …"
    ]

    _, said = Constraints.from_files(genes, cost=costs, candidates=genes[3:5])
    assert said == [
        f"{costs}: 1 of 2 candidates have no cost there and count as 1 each: {genes[4]}"
    ]
    assert Constraints.from_files(genes, cost=costs, candidates=genes[3:4])[1] == []

    _, said = Constraints.from_files(genes, cost=costs, candidates=genes[:1])
    assert "1 of 1 candidates have no cost" in said[-1]
    costs.write_text(f"gene,group\n{genes[3]},a\n")
    assert Constraints.from_files(genes, cost=costs)[1] == []
