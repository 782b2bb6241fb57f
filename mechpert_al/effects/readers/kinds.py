"""What an AnnData file holds: cells or perturbations in its rows, counts or effects in its values.

The readers of AnnData files share one classification, so that at most one recognises a file.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import sparse

from mechpert_al.effects.annotated import AnnotatedFile, is_annotated
from mechpert_al.effects.cell_codes import Labels
from mechpert_al.effects.control_words import control_word
from mechpert_al.effects.gene_names import default_symbols
from mechpert_al.effects.labels import read_labels
from mechpert_al.effects.perturbation_column import GENE_COLUMNS, GUIDE_COLUMNS
from mechpert_al.effects.stored_matrix import StoredMatrix

NOTE = "mechpert_al"
CELL_NUMBERS = ("psbulk_cells", "psbulk_n_cells", "n_obs_aggregated", "num_cells_filtered")
PSEUDOBULK_MARKS = ("psbulk_cells", "psbulk_n_cells", "psbulk_counts", "n_obs_aggregated")
REPLOGLE_ROW = re.compile(r"\d+_(?P<gene>[^_]+(?:_[^_]+)?)_[^_]+_(?:ENSG\d+|non-targeting)")
"""``<n>_<symbol>_<transcript>_<ENSG>``, the index of Replogle's bulk files."""


def why_kind(path: Path, kind: str) -> str | None:
    """Why the file is of that kind, or None if it is of another."""
    if not is_annotated(path):
        return None
    state = path.stat()
    found, why = _classified(path, state.st_mtime_ns, state.st_size)
    return why if found == kind else None


@lru_cache(maxsize=8)
def _classified(path: Path, changed: int, size: int) -> tuple[str, str]:
    del changed, size  # they only tell one state of the file from the next
    with AnnotatedFile(path) as file:
        return classify(file)


def classify(file: AnnotatedFile) -> tuple[str, str]:
    """Kind of an AnnData file, and why."""
    if file.is_of_cells:
        return "counts", "Counts of Cell Ranger, by their form."
    if file.note(NOTE) is not None:
        return "effects", "An effects file, by its note in uns."
    if is_replogle_bulk(file):
        if has_negative(file.matrix()):
            return "effects", "Normalised bulk file of Replogle 2022: its index, values below 0."
        return "pseudobulk", "Raw bulk file of Replogle 2022: its index, no value below 0."
    marks = [name for name in PSEUDOBULK_MARKS if file.has("obs", name)]
    if marks:
        return "pseudobulk", f"Pseudobulk: obs[{marks[0]!r}]."
    name, labels = row_labels(file)
    n_rows, n_labels = len(labels.codes), len(np.unique(labels.codes))
    column = "the index" if name is None else f"obs[{name!r}]"
    if n_rows >= max(2 * n_labels, n_labels + 2):
        why = f"Single cells: {n_rows} rows for {n_labels} labels in {column}."
        return "counts", why
    if _has_control(labels) and file.has_x and not has_negative(file.matrix()):
        return "pseudobulk", f"A control row in {column} and no value below 0: sums or means."
    if n_labels > 1 and not _are_genes(labels) and file.has_x and looks_like_counts(file.matrix()):
        return "counts", f"Whole numbers from 0 on, and the labels in {column} are no genes."
    return "effects", f"One row for each of {n_labels} labels in {column}."


def row_labels(file: AnnotatedFile) -> tuple[str | None, Labels]:
    """The column that names the perturbations of the rows (None: the index)."""
    if file.has("obs", "perturbation"):
        return "perturbation", file.labels("obs", "perturbation")
    by_name = {name.casefold(): name for name in file.columns("obs")}
    for known in (*GENE_COLUMNS, *GUIDE_COLUMNS):
        if known in by_name:
            labels = file.labels("obs", by_name[known])
            if _names_genes(labels):  # a condition may also be a day or a dose
                return by_name[known], labels
    return None, Labels.of(file.observations)


def is_replogle_bulk(file: AnnotatedFile) -> bool:
    """Whether the rows are named as in Replogle's bulk files."""
    first = file.first_observations(20)
    return bool(first) and all(REPLOGLE_ROW.fullmatch(name) for name in first)


def has_negative(matrix: StoredMatrix) -> bool:
    """Whether any value is below 0."""
    blocks = matrix.column_blocks() if matrix.form == "csc" else matrix.row_blocks()
    for _, block in blocks:
        values = block.data if sparse.issparse(block) else block
        if np.any(values < 0):
            return True
    return False


def looks_like_counts(matrix: StoredMatrix) -> bool:
    """Whether the first values are whole numbers from 0 on."""
    blocks = matrix.column_blocks(1 << 16) if matrix.form == "csc" else matrix.row_blocks(1 << 16)
    for _, block in blocks:
        values = np.asarray(block.data if sparse.issparse(block) else block, dtype=np.float64)
        if values.any():
            return bool(np.all((values >= 0) & (values == np.rint(values))))
    return True


def _has_control(labels: Labels) -> bool:
    words = [name for name in labels.names if control_word(name) is not None]
    if not words:
        return False
    symbols = default_symbols()
    return any(not symbols.is_symbol(name) for name in words)


def _names_genes(labels: Labels) -> bool:
    """Whether a label is a gene by its approved symbol."""
    reading = read_labels(labels.names, default_symbols())
    parts = (part for name in reading.names for part in name.split("+"))
    return any(default_symbols().is_symbol(part) for part in parts)


def _are_genes(labels: Labels) -> bool:
    """Whether at least a tenth of the labels are genes, by any name."""
    identities = default_symbols().identify(labels.names).values()
    return 10 * sum(one.gene is not None for one in identities) >= len(labels.names)
