"""From a delivered file to what is recorded of it, and what the person is told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mechpert_al.campaign.delivery import Delivery, counted
from mechpert_al.campaign.folder import now
from mechpert_al.campaign.state import CampaignState, Ingested
from mechpert_al.datasets import resolve
from mechpert_al.effects import ConversionReport, EffectTable, convert
from mechpert_al.effects.conversion import ConvertOptions, some

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


def record_of(
    prepared: Prepared,
    delivery: Delivery,
    renamed: tuple[tuple[str, str, str], ...],
    copy_of: str | None,
    effects: str,
) -> Ingested:
    """The journal's record of an accepted file."""
    return Ingested(
        time=now(),
        file=prepared.file,
        sha256=prepared.report.sha256,
        copy_of=copy_of,
        effects=effects,
        options=dict(prepared.options),
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
            f"{prepared.file} is too large to be copied: its effects are kept, and its SHA-256"
        )
    unit = prepared.table.info.get("normalisation")
    known = earlier.info.get("normalisation") if earlier is not None else None
    if unit and known and unit != known:
        notices.append(
            f"{prepared.file} is in another unit ({unit}) than what was measured before ({known}): "
            "profiles are correlated across both"
        )
    if earlier is not None:
        more = [name for name in delivery.effects.readouts if name not in set(earlier.readouts)]
        if more:
            notices.append(
                f"{len(more)} of its {delivery.effects.n_readouts} readouts were not measured "
                f"before: {', '.join(more[:5])}{' …' if len(more) > 5 else ''}"
            )
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
