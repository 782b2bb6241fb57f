"""Constraints that laboratories have, by gene name, checked for contradictions before use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mechpert_al.design.greedy import Limits
from mechpert_al.errors import UsageError

if TYPE_CHECKING:
    from mechpert_al.symbols import GeneList, Matching


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

    @classmethod
    def from_files(
        cls,
        genes: Sequence[str],
        *,
        include: str | Path | None = None,
        exclude: str | Path | None = None,
        cost: str | Path | None = None,
        budget: float | None = None,
        max_per_group: int | None = None,
        candidates: Sequence[str] | None = None,
    ) -> tuple[Constraints, list[str]]:
        """Constraints from lists that a person keeps, matched to the candidates by symbol.

        Parameters
        ----------
        genes
            All genes that names are looked for in.
        include, exclude
            Lists of genes.
        cost
            A table with the columns gene, cost and, if wanted, group.
        budget, max_per_group
            As in the class.
        candidates
            Those of the genes that may be proposed; None: all.

        Returns
        -------
        constraints, notices
            What was matched under another name, or is no candidate, is named; so are candidates
            without a cost.

        Raises
        ------
        SymbolError
            A gene to include that cannot be found among the candidates.
        UsageError
            A budget without costs, or that is not positive; a cap without groups.
        """
        notices: list[str] = []
        lists = {name: _found(path, genes, notices) for name, path in
                 (("include", include), ("exclude", exclude), ("cost", cost))}  # fmt: skip
        priced = lists["cost"]
        if budget is not None and (priced is None or priced[0].cost is None):
            raise UsageError("a budget needs costs", "Give --cost with the columns gene and cost.")
        if budget is not None and not budget > 0:
            raise UsageError(f"the budget is {budget:g}", "It must be a positive number.")
        if max_per_group is not None and (priced is None or priced[0].group is None):
            raise UsageError(
                "a cap per group needs groups", "Give --cost with the columns gene, cost and group."
            )
        included = lists["include"]
        if included is not None:
            included[1].complete()
        costs: dict[str, float] = {}
        groups: dict[str, str] = {}
        if priced is not None:
            listed, matching = priced
            for row, gene in enumerate(listed.genes):
                if gene in matching.mapping:
                    name = matching.mapping[gene]
                    if listed.cost is not None:
                        costs[name] = float(listed.cost[row])
                    if listed.group is not None and listed.group[row]:
                        groups[name] = listed.group[row]
        excluded = lists["exclude"]
        left_out = frozenset() if excluded is None else frozenset(excluded[1].mapping.values())
        notices += _unpriced(priced and priced[0], candidates or genes, left_out, costs)
        return cls(
            () if included is None else tuple(included[1].mapping.values()),
            left_out,
            costs,
            budget,
            groups,
            max_per_group,
        ), notices

    def contradictions(self, genes: Sequence[str], taken: Sequence[str], n: int) -> list[str]:
        """What cannot be fulfilled, one sentence each.

        Parameters
        ----------
        genes
            The candidates.
        taken
            Genes measured or pending already.
        n
            Size of the batch.
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
                problems.append(
                    f"the genes to include cost {cost:g}, the budget is {self.budget:g}"
                )
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
        return problems

    def check(self, genes: Sequence[str], taken: Sequence[str], n: int) -> None:
        """Name every contradiction at once; parameters as `contradictions`.

        Raises
        ------
        UsageError
            With one sentence a contradiction.
        """
        refuse(self.contradictions(genes, taken, n))

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


def refuse(problems: Sequence[str], remedy: str = "Change one of the lists") -> None:
    """Stop if constraints contradict each other.

    Raises
    ------
    UsageError
        With all of them.
    """
    if problems:
        raise UsageError(
            "the constraints contradict each other: " + "; ".join(problems),
            f"{remedy}; nothing was proposed.",
        )


def _unpriced(
    listed: GeneList | None,
    candidates: Sequence[str],
    excluded: frozenset[str],
    costs: Mapping[str, float],
) -> list[str]:
    """The candidates that a table of costs does not have."""
    if listed is None or listed.cost is None:
        return []
    wanted = [gene for gene in candidates if gene not in excluded]
    missing = [gene for gene in wanted if gene not in costs]
    if not missing:
        return []
    return [
        f"{listed.source}: {len(missing)} of {len(wanted)} candidates have no cost there and count "
        f"as 1 each: {', '.join(missing[:10])}{' …' if len(missing) > 10 else ''}"
    ]


def _found(
    path: str | Path | None, genes: Sequence[str], notices: list[str]
) -> tuple[GeneList, Matching] | None:
    """A gene list and where its genes are among the candidates."""
    if path is None:
        return None
    from mechpert_al.symbols import match, read_gene_list

    listed = read_gene_list(path)
    matching = match(listed.genes, genes, source=str(path))
    notices += matching.lines()
    return listed, matching
