"""Which candidates a target is shown when not all of them fit into a prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mechpert_al.networks import PriorNetwork

#: What a short-list is made of, in this order; panel.json says so.
METHOD = ("prior network", "name family", "spread over the list")
_FAMILY = re.compile(r"[A-Z]+")


def shortlist(
    targets: Sequence[str],
    candidates: Sequence[str],
    size: int,
    network: PriorNetwork | None = None,
) -> tuple[str, ...]:
    """The candidates that the targets are shown.

    First those linked to a target in the prior network, by strength; then those whose symbols begin
    with the same letters (``PSMA3`` and ``PSMB1`` share three), longest first; what room is left
    goes to candidates spread evenly over the list, so that no list is all of one kind.

    Parameters
    ----------
    targets
        Genes asked about in one call.
    candidates
        All candidates.
    size
        How many can be shown.
    network
        The prior network.

    Returns
    -------
    tuple of str
        In the order of ``candidates``; the targets themselves are not among them if they are one.
    """
    own = set(targets) if len(targets) == 1 else set()
    pool = [gene for gene in candidates if gene not in own]
    links = _links(targets, network)
    ranked = sorted(
        (gene for gene in pool if links.get(gene) or _kinship(gene, targets)),
        key=lambda gene: (-links.get(gene, 0.0), -_kinship(gene, targets), gene),
    )
    chosen = set(ranked[:size])
    rest = [gene for gene in pool if gene not in chosen]
    n_more = min(size - len(chosen), len(rest))
    if n_more > 0:
        places = np.linspace(0, len(rest) - 1, n_more).round().astype(int)
        chosen.update(rest[place] for place in places)
    return tuple(gene for gene in pool if gene in chosen)


def _links(targets: Sequence[str], network: PriorNetwork | None) -> Mapping[str, float]:
    """Strength of the strongest link of each gene to a target."""
    found: dict[str, float] = {}
    if network is None:
        return found
    place = {gene: number for number, gene in enumerate(network.genes)}
    for target in targets:
        if target in place:
            row = network.adjacency[[place[target]]]
            for column, weight in zip(row.indices, row.data, strict=True):
                gene = network.genes[column]
                found[gene] = max(found.get(gene, 0.0), float(weight))
    return found


def _kinship(gene: str, targets: Sequence[str]) -> int:
    """Letters that two symbols share at their beginning; 0 below three, which is chance."""
    return max(_shared(gene, target) for target in targets)


def _shared(gene: str, other: str) -> int:
    letters = _FAMILY.match(gene), _FAMILY.match(other)
    if not all(letters):
        return 0
    number = 0
    for one, two in zip(letters[0][0], letters[1][0], strict=False):  # type: ignore[index]
        if one != two:
            break
        number += 1
    return number if number >= 3 else 0
