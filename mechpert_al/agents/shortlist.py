"""Which candidates a target is shown when not all of them fit into a prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mechpert_al.networks import PriorNetwork

#: What a short-list is made of, in this order; panel.json says so.
METHOD = ("prior network", "name family", "spread over the list")
#: Letters that two names of one family share at least; fewer are chance.
SHARED = 3
_FAMILY = re.compile(r"[A-Z]+")


@dataclass(frozen=True)
class ShortLists:
    """Chooses from one list of candidates.

    Parameters
    ----------
    candidates
        All candidates.
    network
        The prior network.
    """

    candidates: tuple[str, ...]
    network: PriorNetwork | None = None

    @cached_property
    def _place(self) -> Mapping[str, int]:
        return {gene: number for number, gene in enumerate(self.candidates)}

    @cached_property
    def _place_in_network(self) -> Mapping[str, int]:
        return {gene: n for n, gene in enumerate(self.network.genes)} if self.network else {}

    @cached_property
    def _families(self) -> Mapping[str, list[str]]:
        """Candidates by the first three letters of their names."""
        found: dict[str, list[str]] = {}
        for gene in self.candidates:
            found.setdefault(_letters(gene)[:SHARED], []).append(gene)
        return found

    def of(self, targets: Sequence[str], size: int) -> tuple[str, ...]:
        """The candidates that the targets are shown.

        First those linked to a target in the prior network, by strength; then those whose symbols
        begin with the same letters (``PSMA3`` and ``PSMB1`` share three), longest first; what room
        is left goes to candidates spread evenly over the list, so that no list is all of one kind.

        Parameters
        ----------
        targets
            Genes asked about in one call.
        size
            How many can be shown.

        Returns
        -------
        tuple of str
            In the order of the candidates; a single target is not among them.
        """
        own = {self._place[one] for one in targets if one in self._place}
        own = own if len(targets) == 1 else set()
        links = self._links(targets)
        kin = {gene: _kinship(gene, targets) for gene in self._relatives(targets)}
        ranked = sorted(
            (gene for gene in {*links, *kin} if self._place[gene] not in own),
            key=lambda gene: (-links.get(gene, 0.0), -kin.get(gene, 0), gene),
        )
        chosen = sorted(self._place[gene] for gene in ranked[:size])
        rest = np.delete(np.arange(len(self.candidates)), [*chosen, *own])
        n_more = min(size - len(chosen), len(rest))
        if n_more > 0:
            spread = np.linspace(0, len(rest) - 1, n_more).round().astype(int)
            chosen = sorted([*chosen, *rest[spread].tolist()])
        return tuple(self.candidates[place] for place in chosen)

    def _relatives(self, targets: Sequence[str]) -> set[str]:
        families = {_letters(target)[:SHARED] for target in targets}
        return {
            gene
            for family in families
            if len(family) == SHARED
            for gene in self._families.get(family, ())
        }

    def _links(self, targets: Sequence[str]) -> Mapping[str, float]:
        """Strength of the strongest link of each candidate to a target."""
        found: dict[str, float] = {}
        for target in targets:
            if self.network is not None and target in self._place_in_network:
                row = self.network.adjacency[[self._place_in_network[target]]]
                for column, weight in zip(row.indices, row.data, strict=True):
                    gene = self.network.genes[column]
                    if weight and gene in self._place:
                        found[gene] = max(found.get(gene, 0.0), float(weight))
        return found


def _kinship(gene: str, targets: Sequence[str]) -> int:
    """Letters that two symbols share at their beginning."""
    return max(_shared(_letters(gene), _letters(target)) for target in targets)


def _letters(gene: str) -> str:
    """The capitals that a symbol begins with."""
    found = _FAMILY.match(gene)
    return found[0] if found else ""


def _shared(one: str, other: str) -> int:
    number = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        number += 1
    return number
