"""Constraints that laboratories have, by gene name, checked for contradictions before use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mechpert_al.design.greedy import Limits
from mechpert_al.errors import UsageError


@dataclass(frozen=True)
class Constraints:
    """What a batch must and must not hold.

    Parameters
    ----------
    must_include
        Genes that come first in the batch.
    exclude
        Genes that are never proposed.
    costs
        Cost of each gene, positive; a gene that is not listed costs 1.
    budget
        The most that a batch may cost.
    groups
        Group of each gene (a pathway, a plate …); a gene may be in none.
    max_per_group
        The most genes of one group in a batch.
    """

    must_include: tuple[str, ...] = ()
    exclude: frozenset[str] = frozenset()
    costs: Mapping[str, float] = field(default_factory=dict)
    budget: float | None = None
    groups: Mapping[str, str] = field(default_factory=dict)
    max_per_group: int | None = None

    def check(self, genes: Sequence[str], taken: Sequence[str], n: int) -> None:
        """Name every contradiction at once.

        Parameters
        ----------
        genes
            The candidates.
        taken
            Genes measured or pending already.
        n
            Size of the batch.

        Raises
        ------
        UsageError
            With one line a contradiction.
        """
        known, gone = set(genes), set(taken)
        problems = [
            f"{gene} must be included, but {why}"
            for gene in self.must_include
            for why, holds in (
                ("is excluded", gene in self.exclude),
                ("is not a candidate", gene not in known),
                ("is measured or pending already", gene in gone),
            )
            if holds
        ]
        if len(self.must_include) > n:
            problems.append(f"{len(self.must_include)} genes must be included in a batch of {n}")
        if self.budget is not None:
            cost = sum(self.costs.get(gene, 1.0) for gene in self.must_include)
            if cost > self.budget:
                problems.append(f"the genes to include cost {cost:g}, the budget is {self.budget:g}")
        if self.max_per_group is not None:
            for group in sorted({self.groups.get(gene, "") for gene in self.must_include} - {""}):
                members = [g for g in self.must_include if self.groups.get(g) == group]
                if len(members) > self.max_per_group:
                    problems.append(
                        f"{len(members)} genes to include are in group {group!r} "
                        f"({', '.join(members)}), at most {self.max_per_group} may be"
                    )
        problems += [
            f"the cost of {gene} is {cost:g}, expected a positive number"
            for gene, cost in self.costs.items()
            if not (np.isfinite(cost) and cost > 0)
        ]
        if self.max_per_group is not None and self.max_per_group < 1:
            problems.append(f"at most {self.max_per_group} genes a group leaves none")
        if problems:
            raise UsageError(
                "the constraints contradict each other: " + "; ".join(problems),
                "Change one of the lists; nothing was proposed.",
            )

    def limits(self, genes: Sequence[str]) -> Limits:
        """The same in candidate numbers."""
        index = {gene: number for number, gene in enumerate(genes)}
        numbers = {name: i for i, name in enumerate(sorted(set(self.groups.values())))}
        return Limits(
            tuple(index[gene] for gene in self.must_include),
            np.array([self.costs.get(gene, 1.0) for gene in genes])
            if self.costs or self.budget is not None
            else None,
            self.budget,
            np.array([numbers.get(self.groups.get(gene, ""), -1) for gene in genes])
            if self.groups
            else None,
            self.max_per_group,
        )
