"""A delivery held against what is measured already: what is new, what is known, what contradicts.

A delivery says nothing new about a gene if all its numbers are those of one earlier delivery, in
whatever order and format. If it has other numbers, somebody must decide: replace, or pool as a
replicate. Nothing of a file is taken before that. Bridging genes are expected again, so they are
pooled without being asked for, unless the file is said to be a correction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from mechpert_al.campaign.state import CampaignState, Source
from mechpert_al.effects import ConversionReport, EffectTable
from mechpert_al.errors import DataError, SymbolError

#: Contradictions that are described one by one.
N_SHOWN = 10
#: Readouts that two profiles must share to be correlated.
N_SHARED = 3

Decision = Literal["replace", "replicate"]
TableOf = Callable[[str], EffectTable]


class Agreement(NamedTuple):
    """Correlation of two profiles over the readouts they share; NaN if it cannot be told."""

    correlation: float
    n_readouts: int


@dataclass(frozen=True, eq=False)
class Delivery:
    """A delivered file, sorted.

    Parameters
    ----------
    file
        Its name.
    effects
        What counts as measured in it, under the campaign's names.
    new
        Genes that are measured for the first time.
    known
        Genes of which it says nothing new.
    replaced, pooled
        Genes that were measured before, and what becomes of that.
    not_ordered
        Genes among the new ones that nobody ordered.
    agreement
        For each bridging gene, how its profile agrees with the earlier one.
    """

    file: str
    effects: EffectTable
    new: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    pooled: tuple[str, ...] = ()
    not_ordered: tuple[str, ...] = ()
    agreement: Mapping[str, Agreement] = field(default_factory=dict)

    @property
    def accepted(self) -> tuple[str, ...]:
        """Genes whose measurements change."""
        return (*self.new, *self.replaced, *self.pooled)


@dataclass(frozen=True, eq=False)
class Names:
    """A table under the campaign's names, and every name that changed: (file's, ours, why)."""

    effects: EffectTable
    renamed: tuple[tuple[str, str, str], ...]


# ---------------------------------------------------------------------- what counts at all
def counted(
    table: EffectTable, report: ConversionReport, keep_failed: bool
) -> tuple[EffectTable, dict[str, str]]:
    """The perturbations of a file that count as measured, and why the others do not.

    Raises
    ------
    DataError
        If none counts.
    """
    reasons = {gene: f"{n} cells" for gene, n in report.too_few_cells.items()}
    for gene, left in report.failed_knock_downs.items():
        if not keep_failed:
            share = "" if left is None else f", {left:.0%} of its expression is left"
            reasons[gene] = f"the knock-down failed{share}"
    for gene, row in table.row_of.items():
        if not table.is_measured[row].any():
            reasons[gene] = "no value"
    kept = [gene for gene in table.perturbations if gene not in reasons]
    if not kept:
        raise DataError(
            f"{report.file}: nothing in it counts as measured: "
            + "; ".join(f"{gene} ({why})" for gene, why in list(reasons.items())[:N_SHOWN]),
            "Knock-outs need not lower the messenger RNA: --keep-failed-knock-downs takes them."
            if report.failed_knock_downs
            else "Is it the right file, and was it read as it is meant?",
        )
    return table.take(kept), reasons


# ---------------------------------------------------------------------- under which names
def under_our_names(
    table: EffectTable, genes: Iterable[str], readouts: Sequence[str], file: str
) -> Names:
    """Match a file's perturbations and readouts to those that the campaign knows.

    A perturbation that the campaign does not know keeps its name; one that may be one of several
    is refused.

    Parameters
    ----------
    table
        The file's effects.
    genes
        Candidates and whatever else is measured or ordered.
    readouts
        Of the earlier deliveries; empty before the first.
    file
        For messages.

    Raises
    ------
    SymbolError
        A name that cannot be matched without guessing.
    DataError
        If the file shares no readout with the earlier deliveries.
    """
    from mechpert_al.symbols import match

    rows = match(table.perturbations, genes, source=file)
    doubtful = [f"{file}: {one.name} {one.why}" for one in rows.unmatched if one.possible]
    doubtful += [f"{file}: {' and '.join(c.names)} are both {c.reference}" for c in rows.collisions]
    if doubtful:
        raise SymbolError("\n".join(doubtful), "Correct the names in the file. Nothing was taken.")
    mapping: dict[str, str] = {}
    renamed = [(one.name, one.reference, one.why) for one in rows.renamed]
    if readouts:
        columns = match(table.readouts, readouts, source=file)
        if not columns.mapping:
            raise DataError(
                f"{file}: none of its {table.n_readouts} readouts ({table.readouts[0]}, …) is "
                f"among the {len(readouts)} measured so far ({readouts[0]}, …)",
                "Are they named alike? See --readout-names; a table may be transposed.",
            )
        twice = {name for one in columns.collisions for name in one.names}
        mapping = {one.name: one.reference for one in columns.renamed if one.name not in twice}
        renamed += [
            (one.name, one.reference, f"readout, {one.why}")
            for one in columns.renamed
            if one.name in mapping
        ]
    ours = EffectTable(
        tuple(rows.mapping.get(name, name) for name in table.perturbations),
        tuple(mapping.get(name, name) for name in table.readouts),
        table.values,
        table.n_cells,
        table.standard_error,
        table.info,
    )
    return Names(ours, tuple(renamed))


# ---------------------------------------------------------------------- new or known
def sorted_out(
    file: str,
    table: EffectTable,
    state: CampaignState,
    table_of: TableOf,
    decision: Decision | None,
) -> Delivery:
    """Sort a file's genes by what they change.

    Parameters
    ----------
    file
        Its name.
    table
        What counts as measured in it, under the campaign's names.
    state
        What is measured and ordered.
    table_of
        Gives the effects accepted from earlier deliveries.
    decision
        What to do with genes that have other numbers than before; None: refuse the file.

    Raises
    ------
    DataError
        Naming each gene with other numbers, and both files.
    """
    known: list[str] = []
    again: list[str] = []
    for gene in (gene for gene in table.perturbations if gene in state.measured):
        earlier = [_Pair(gene, table, table_of(one.effects)) for one in state.measured[gene]]
        (known if any(pair.says_nothing_new for pair in earlier) else again).append(gene)
    expected = set() if decision == "replace" else {*state.due}
    bridging = [gene for gene in again if gene in expected]
    others = [gene for gene in again if gene not in expected]
    if others and decision is None:
        raise _contradictions(file, table, others, state, table_of)
    is_pooled = decision == "replicate"
    new = tuple(gene for gene in table.perturbations if gene not in state.measured)
    return Delivery(
        file,
        table,
        new,
        tuple(known),
        () if is_pooled else tuple(others),
        tuple(again) if is_pooled else tuple(bridging),
        tuple(gene for gene in new if gene not in state.pending),
        {gene: _agreement(gene, table, state.measured[gene], table_of) for gene in bridging},
    )


class _Pair:
    """One gene in a new table and in an earlier one, aligned by readout."""

    def __init__(self, gene: str, new: EffectTable, old: EffectTable) -> None:
        self.new, self.old = new, old
        self.rows = new.row_of[gene], old.row_of[gene]
        column = {name: number for number, name in enumerate(old.readouts)}
        self.place = np.array([column.get(name, -1) for name in new.readouts])

    def _aligned(
        self, new: np.ndarray | None, old: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of both tables for the new one's readouts; NaN where unknown."""
        unknown = np.full(len(self.place), np.nan)
        there = (
            unknown
            if old is None
            else np.where(self.place < 0, np.nan, old[self.rows[1]][self.place])
        )
        return unknown if new is None else new[self.rows[0]], there

    @property
    def values(self) -> tuple[np.ndarray, np.ndarray]:
        return self._aligned(self.new.values, self.old.values)

    @property
    def differs(self) -> np.ndarray:
        """Readouts of the new table that have a value which the old one does not have."""
        return _differs(*self.values)

    @property
    def says_nothing_new(self) -> bool:
        """Whether every number of the new table is in the old one."""
        cells = [
            np.array([np.nan if table.n_cells is None else table.n_cells[row]])
            for table, row in zip((self.new, self.old), self.rows, strict=True)
        ]
        errors = self._aligned(self.new.standard_error, self.old.standard_error)
        return not (self.differs.any() or _differs(*errors).any() or _differs(*cells).any())


def _differs(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    return ~np.isnan(new) & (new != old)


def _contradictions(
    file: str, table: EffectTable, genes: Sequence[str], state: CampaignState, table_of: TableOf
) -> DataError:
    """What to say of genes that come with other numbers than before."""
    lines = []
    for gene in genes[:N_SHOWN]:
        source = state.measured[gene][-1]
        pair = _Pair(gene, table, table_of(source.effects))
        lines.append(
            f"{file}: {gene} has other numbers than in {source.file} ({_difference(pair)})"
        )
    if len(genes) > N_SHOWN:
        lines.append(f"… and {len(genes) - N_SHOWN} more genes have other numbers")
    return DataError(
        "\n".join(lines),
        "Nothing of the file was taken. Say what it is: a correction (--replace), or a further "
        "measurement to be pooled with the earlier one (--replicate).",
    )


def _difference(pair: _Pair) -> str:
    """The first differing number, and how many differ."""
    differs = np.flatnonzero(pair.differs)
    if not differs.size:
        return "the same effects, with other numbers of cells or standard errors"
    new, old = pair.values
    first = differs[0]
    was = "not measured" if np.isnan(old[first]) else f"{old[first]:.6g}"
    return (
        f"{pair.new.readouts[first]} is {new[first]:.6g}, was {was}; "
        f"{differs.size} of {int((~np.isnan(new)).sum())} readouts differ"
    )


def _agreement(
    gene: str, table: EffectTable, sources: Sequence[Source], table_of: TableOf
) -> Agreement:
    new, old = _Pair(gene, table, table_of(sources[0].effects)).values
    shared = ~np.isnan(new) & ~np.isnan(old)
    n = int(shared.sum())
    if n < N_SHARED or not (np.ptp(new[shared]) > 0 and np.ptp(old[shared]) > 0):
        return Agreement(float("nan"), n)
    return Agreement(float(np.corrcoef(new[shared], old[shared])[0, 1]), n)
