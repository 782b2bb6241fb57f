"""From a delivered file to what is recorded of it, and what the person is told."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from mechpert_al.campaign.delivery import (
    Decision,
    Delivery,
    counted,
    sorted_out,
    under_our_names,
)
from mechpert_al.campaign.folder import now
from mechpert_al.campaign.state import CampaignState, Ingested
from mechpert_al.campaign.store import Store
from mechpert_al.campaign.units import Earlier, differences
from mechpert_al.datasets import resolve
from mechpert_al.effects import ConversionReport, EffectTable, convert
from mechpert_al.effects.conversion import ConvertOptions, some
from mechpert_al.errors import DataError

#: Genes that a line for a person names; JSON has all of them.
N_NAMED = 100


@dataclass(frozen=True, eq=False)
class Prepared:
    """A file that was read, before it is held against the campaign.

    Parameters
    ----------
    path
        The file.
    table
        What counts as measured in it, under its own names.
    not_measured
        Perturbations that do not count, and why.
    report
        What the reader recognised and decided.
    options
        Options with which it was read.
    """

    path: Path
    table: EffectTable
    not_measured: Mapping[str, str]
    report: ConversionReport
    options: Mapping[str, Any]

    @property
    def file(self) -> str:
        """Its name; bytes that are no text are replaced."""
        return os.fsencode(self.path.name).decode(errors="replace")


def prepared(path: str | Path, keep_failed: bool, options: Mapping[str, Any]) -> Prepared:
    """Read a delivered file.

    Raises
    ------
    DataError
        As `mechpert_al.effects.convert`; or nothing in it counts as measured.
    """
    found = resolve(path)
    chosen = ConvertOptions.of(options)
    table, report = convert(found, **options)
    table, not_measured = counted(table, report, keep_failed)
    given = {
        one.name: getattr(chosen, one.name)
        for one in fields(chosen)
        if getattr(chosen, one.name) != one.default
    }
    if keep_failed:
        given["keep_failed_knock_downs"] = True
    return Prepared(found, table, not_measured, report, given)


@dataclass(frozen=True, eq=False)
class Intake:
    """What became of a delivered file.

    Parameters
    ----------
    delivery
        Its genes, sorted by what they change.
    renamed
        (name in the file, ours, why).
    not_measured
        Perturbations that do not count as measured, and why.
    report
        What the reader recognised and decided.
    pending
        Genes that are still owed afterwards, and the round that ordered each.
    is_recorded
        False if it said nothing new, or for a trial run.
    notices
        What else the person should know.
    """

    delivery: Delivery
    renamed: tuple[tuple[str, str, str], ...]
    not_measured: Mapping[str, str]
    report: ConversionReport
    pending: Mapping[str, int]
    is_recorded: bool
    notices: tuple[str, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether the file says anything that was not known."""
        return bool(self.delivery.accepted)

    def lines(self) -> list[str]:
        """The same for a person, one sentence a line."""
        found, file = self.delivery, self.delivery.file
        lines = [f"{file}: {name} is {ours} ({why})" for name, ours, why in self.renamed] + [
            f"{file}: {gene} is not measured: {why}" for gene, why in self.not_measured.items()
        ]
        for gene, told in found.agreement.items():
            lines.append(
                f"bridging gene {gene}: r = {told.correlation:.2f} with its earlier profile "
                f"({told.n_readouts} readouts)"
            )
        for names, what in (
            (found.new, "measured for the first time"),
            (found.replaced, "replaced"),
            (found.pooled, "pooled with earlier measurements, weighted by cells"),
            (found.known, "known already, with the same numbers"),
            (found.not_ordered, "not ordered; kept"),
        ):
            if names and (self.is_new or names is not found.known):
                lines.append(f"{len(names)} {what}: {some(names, N_NAMED)}")
        if not self.is_new:
            lines.append(f"{file}: nothing new, all {len(found.known)} genes are known already")
        lines += self.notices
        waiting = some(sorted(self.pending), N_NAMED)
        return [*lines, f"Still pending: {waiting}" if waiting else "Nothing is pending"]

    def as_document(self) -> dict[str, Any]:
        """Plain JSON values."""
        found = self.delivery
        return {
            "file": found.file,
            "nothing_new": not self.is_new,
            "recorded": self.is_recorded,
            "new": list(found.new),
            "replaced": list(found.replaced),
            "pooled": list(found.pooled),
            "known": list(found.known),
            "not_ordered": list(found.not_ordered),
            "renamed": [list(one) for one in self.renamed],
            "not_measured": dict(self.not_measured),
            "bridging_agreement": {gene: one._asdict() for gene, one in found.agreement.items()},
            "pending": sorted(self.pending),
            "notices": list(self.notices),
            "report": self.report.as_dict(),
        }


def taken_in(
    file: Prepared,
    decision: Decision | None,
    accepts_units: bool,
    state: CampaignState,
    earlier: EffectTable | None,
    genes: Iterable[str],
    store: Store,
    is_trial: bool,
) -> tuple[Intake, Ingested | None]:
    """What becomes of a delivered file; its contents are stored, the record is not yet written.

    Parameters
    ----------
    file
        The file, read.
    decision, accepts_units
        What to do with genes that have other numbers than before, and with numbers in other
        units.
    state, earlier
        What the campaign knows and has measured.
    genes
        Names that the campaign knows.
    store
        Where accepted files lie.
    is_trial
        Store nothing.

    Returns
    -------
    Intake, and the record if there is something to record

    Raises
    ------
    DataError, SymbolError
        If the file cannot be taken as it is.
    """
    names = under_our_names(
        file.table, genes, () if earlier is None else earlier.readouts, file.file
    )
    found = sorted_out(file.file, names.effects, state, store.table, decision)
    differs = _checked_units(file, found, state, store, accepts_units)
    notices = notices_of(file, found, earlier, state, store.copies(file.path))
    event = None
    if found.accepted and not is_trial:
        copy_of = store.put_file(file.path, file.report.sha256)
        effects = store.put_table(names.effects.take(found.accepted))
        event = record_of(file, found, names.renamed, copy_of, effects, differs)
    intake = Intake(
        found,
        names.renamed,
        file.not_measured,
        file.report,
        {gene: number for gene, number in state.pending.items() if gene not in found.new},
        event is not None,
        (*(f"accepted all the same: {one}" for one in differs), *notices),
    )
    return intake, event


def _checked_units(
    file: Prepared, found: Delivery, state: CampaignState, store: Store, is_accepted: bool
) -> tuple[str, ...]:
    """In what the accepted part of a file differs from what it will stand beside.

    Raises
    ------
    DataError
        If it does, and nobody said that this is known.
    """
    if not found.accepted:
        return ()
    genes_of: dict[tuple[str, str], list[str]] = {}
    for gene, sources in state.measured.items():
        if gene not in found.replaced:
            for source in sources:
                genes_of.setdefault((source.file, source.effects), []).append(gene)
    earlier = [
        Earlier(name, store.table(effects).take(genes))
        for (name, effects), genes in genes_of.items()
    ]
    differs = differences(found.effects.take(found.accepted), file.file, earlier)
    if differs and not is_accepted:
        raise DataError(
            "\n".join(differs),
            "Nothing of the file was taken: profiles are correlated across all deliveries. "
            "Convert it as the others were (kind, control, normalisation), or deliver everything "
            "anew with --replace, or take it as it is: --accept-units.",
        )
    return differs


def record_of(
    prepared: Prepared,
    delivery: Delivery,
    renamed: tuple[tuple[str, str, str], ...],
    copy_of: str | None,
    effects: str,
    differs: Sequence[str] = (),
) -> Ingested:
    """The journal's record of an accepted file."""
    return Ingested(
        time=now(),
        file=prepared.file,
        sha256=prepared.report.sha256,
        copy_of=copy_of,
        effects=effects,
        options={**prepared.options, **({"accept_units": list(differs)} if differs else {})},
        genes=delivery.new,
        replaced=delivery.replaced,
        pooled=delivery.pooled,
        not_ordered=delivery.not_ordered,
        renamed=renamed,
        not_measured=dict(prepared.not_measured),
    )


def notices_of(
    prepared: Prepared,
    delivery: Delivery,
    earlier: EffectTable | None,
    state: CampaignState,
    is_copied: bool,
) -> tuple[str, ...]:
    """What is remarkable about an accepted file, beside its genes."""
    notices = []
    if not is_copied:
        notices.append(
            f"{prepared.file} is not copied ("
            f"{'a folder' if prepared.path.is_dir() else 'too large'}): its effects are kept, and "
            "its SHA-256"
        )
    if earlier is not None:
        more = [name for name in delivery.effects.readouts if name not in set(earlier.readouts)]
        if more:
            notices.append(
                f"{len(more)} of its {delivery.effects.n_readouts} readouts were not measured "
                f"before: {', '.join(more[:5])}{' …' if len(more) > 5 else ''}"
            )
    notices += _no_longer_measured(delivery, earlier)
    if delivery.pooled and delivery.effects.n_cells is None:
        notices.append("its cells are not counted: in pooling, all deliveries weigh the same")
    lost = [gene for gene in prepared.not_measured if gene in state.pending]
    if lost:
        notices.append(
            f"{', '.join(lost)}: ordered, came back without a measurement, still pending. To have "
            f"them proposed again: campaign withdraw … {' '.join(lost)} --failed"
        )
    given_up = [gene for gene in delivery.new if gene in state.abandoned]
    if given_up:
        notices.append(f"{', '.join(given_up)}: abandoned earlier, and measured all the same")
    return tuple(notices)


def _no_longer_measured(delivery: Delivery, earlier: EffectTable | None) -> list[str]:
    """What a correction takes away: values measured before that it does not have."""
    if earlier is None:
        return []
    found = delivery.effects
    measured = {
        gene: {found.readouts[i] for i in np.flatnonzero(found.is_measured[found.row_of[gene]])}
        for gene in delivery.replaced
    }
    lost = {
        gene: [
            earlier.readouts[i]
            for i in np.flatnonzero(earlier.is_measured[earlier.row_of[gene]])
            if earlier.readouts[i] not in there
        ]
        for gene, there in measured.items()
    }
    return [
        f"{gene}: {len(names)} values measured before are not in the correction and count no more: "
        f"{some(names, 5)}"
        for gene, names in lost.items()
        if names
    ]
