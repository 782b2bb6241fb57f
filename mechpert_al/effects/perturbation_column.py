"""Which column of ``obs`` says what was perturbed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mechpert_al.effects.annotated import AnnotatedFile
from mechpert_al.effects.cell_codes import Labels, code_type, counted
from mechpert_al.effects.labels import LabelReading, Symbols, read_labels
from mechpert_al.errors import DataError

GENE_COLUMNS = (
    "perturbation", "condition", "gene", "target_gene", "gene_target", "target", "perturbed_gene",
    "target_gene_name", "perturbed_genes",
)  # fmt: skip
GUIDE_COLUMNS = (
    "guide_id", "guide", "guide_target", "guide_identity", "guide_ids", "sgrna", "grna", "sgid_ab",
    "feature_call", "protospacer", "perturbation_name", "perturbation_label",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class PerturbationColumn:
    """A column of labels, and how its labels are read.

    Parameters
    ----------
    name
        Of the column; None for the index.
    labels
        The label of every row; categories without rows are gone.
    reading
        What the labels say.
    why
        Why this column, one sentence.
    """

    name: str | None
    labels: Labels
    reading: LabelReading
    why: str

    @property
    def n_of(self) -> dict[str, int]:
        """Rows of each label."""
        codes = self.labels.codes
        numbers = counted(codes, len(self.labels.names))
        return dict(zip(self.labels.names, numbers.tolist(), strict=True))

    @property
    def n_of_names(self) -> dict[str, int]:
        """Rows of each name, the control included."""
        numbers: Counter[str] = Counter()
        for label, n in self.n_of.items():
            name = self.reading.name_of[label]
            if name is not None:
                numbers[name] += n
        return dict(numbers)

    @property
    def left_out(self) -> dict[str, int]:
        """Rows that belong to no perturbation, by label."""
        labels = (*self.reading.unassigned, *self.reading.other_controls)
        numbers = {label: self.n_of[label] for label in labels}
        n_none = int((self.labels.codes < 0).sum())
        return {**numbers, "(no label)": n_none} if n_none else numbers

    def codes_of(self, names: Sequence[str]) -> np.ndarray:
        """Number of the name of every row, −1 where it is none of these."""
        number = {name: code for code, name in enumerate(names)}
        code_of = [number.get(self.reading.name_of[label] or "", -1) for label in self.labels.names]
        return np.array([*code_of, -1], dtype=code_type(len(names)))[self.labels.codes]

    @property
    def fits(self) -> bool:
        """Whether the labels hold a control and a perturbation."""
        return bool(self.reading.controls and self.reading.names)


def find_column(
    file: AnnotatedFile, symbols: Symbols, wanted: str | None, control: Sequence[str]
) -> PerturbationColumn:
    """The column with the perturbation labels.

    Without a name it is looked for among the names the field uses: those of genes before those of
    guides. Two columns that say the same of every row are one reading; two that differ are not.

    Raises
    ------
    DataError
        If there is no such column, or several fit and disagree.
    """
    if wanted is not None:
        if not file.has("obs", wanted):
            have = ", ".join(file.columns("obs")) or "none"
            raise DataError(f"{file.path}: no column obs[{wanted!r}]", f"Columns of obs: {have}.")
        return read_column(file, wanted, symbols, control, f"Perturbations: obs[{wanted!r}].")
    by_name = {name.casefold(): name for name in file.columns("obs")}
    known = []
    for group in (GENE_COLUMNS, GUIDE_COLUMNS):
        present = [by_name[name] for name in group if name in by_name]
        columns = [
            read_column(file, name, symbols, control, f"Perturbations: obs[{name!r}], by its name.")
            for name in present
        ]
        fitting = [column for column in columns if column.fits and _has_gene(column, symbols)]
        if fitting:
            return _agreed(file, fitting)
        known += columns
    if len(known) == 1:
        return known[0]
    have = ", ".join(file.columns("obs"))
    raise DataError(
        f"{file.path}: no column of obs is recognised as the perturbation labels"
        + (" (none holds both a control and a gene)" if known else ""),
        f"Name it: --perturbation COLUMN. Columns of obs: {have}."
        if have
        else "Say which cell has which guide, by its barcode: --guide-calls FILE (Cell Ranger "
        "writes protospacer_calls_per_cell.csv).",
    )


def read_column(
    file: AnnotatedFile, name: str | None, symbols: Symbols, control: Sequence[str], why: str
) -> PerturbationColumn:
    """Read the labels of a column, or of the index (None)."""
    stored = Labels.of(file.observations) if name is None else file.labels("obs", name)
    present = np.flatnonzero(counted(stored.codes, len(stored.names)))
    number = np.full(len(stored.names) + 1, -1, dtype=code_type(len(stored.names)))
    number[present] = np.arange(len(present))
    labels = Labels(number[stored.codes], tuple(stored.names[code] for code in present))
    return PerturbationColumn(name, labels, read_labels(labels.names, symbols, control), why)


def _has_gene(column: PerturbationColumn, symbols: Symbols) -> bool:
    parts = (part for name in column.reading.names for part in name.split("+"))
    return any(symbols.current_of(part) is not None for part in parts)


def _agreed(file: AnnotatedFile, columns: Sequence[PerturbationColumn]) -> PerturbationColumn:
    first, *others = columns
    for other in others:
        names = [*first.reading.names, *other.reading.names, "control"]
        differ = np.flatnonzero(first.codes_of(names) != other.codes_of(names))
        if differ.size:
            here, there = (
                (*c.labels.names, None)[c.labels.codes[differ[0]]] for c in (first, other)
            )
            raise DataError(
                f"{file.path}: obs[{first.name!r}] and obs[{other.name!r}] both look like "
                f"perturbation labels and differ in {differ.size} rows, first in "
                f"{file.observations[differ[0]]!r} ({here!r}, {there!r})",
                f"Say which: --perturbation {first.name} or --perturbation {other.name}.",
            )
    return first
