"""Effects files: the effect table as an AnnData file, read and written.

Rows are perturbations, columns readouts, ``X`` is float32 with NaN = not measured. Any AnnData
whose rows are perturbations is accepted; what it does not say (cells, errors) stays unknown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mechpert_al import atomic
from mechpert_al.effects.annotated import AnnotatedFile, is_annotated
from mechpert_al.effects.control_words import control_word, stripped
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import DataError

if TYPE_CHECKING:
    from anndata import AnnData

    from mechpert_al.effects.conversion import ConversionReport

FORMAT = "mechpert-al effects 1"
KEY = "mechpert_al"


def read_effects(path: str | Path) -> EffectTable:
    """Read effect profiles: an effects file, or any AnnData whose rows are perturbations.

    A text table and a normalised bulk file are converted on the way, with the default options.
    Rows are named by ``obs["perturbation"]`` where it is there, else by ``obs_names``; cells by
    ``obs["n_cells"]`` and standard errors by ``layers["standard_error"]`` where they are there.
    Control rows are not perturbations: they are left out and named in ``info["control_rows"]``.

    Raises
    ------
    DataError
        If the file holds single cells, repeated rows or readouts, infinite values, or nothing.
        The message says how to convert it.
    """
    return read_with_report(path)[0]


def read_with_report(path: str | Path) -> tuple[EffectTable, ConversionReport | None]:
    """As `read_effects`, with the report of the conversion if the file had to be converted."""
    from mechpert_al.effects.conversion import convert

    path = Path(path)
    if not is_annotated(path):
        return convert(path)
    with AnnotatedFile(path) as file:
        if file.note(KEY) is None and not _is_direct(file):
            return convert(path)
        has_errors = "standard_error" in file.layers
        table = _table(
            _row_labels(file),
            file.variables,
            file.matrix().dense(),
            file.numbers("obs", "n_cells") if file.has("obs", "n_cells") else None,
            file.matrix("standard_error").dense() if has_errors else None,
            _info(file.note(KEY), str(path)),
            str(path),
        )
        for gap in file.gaps():  # nobody would be told
            raise DataError(gap, "Copy the store again, as a whole, or convert it first.")
    return table, None


def write_effects(table: EffectTable, path: str | Path) -> Path:
    """Write an effects file; the old one is replaced only once the new one is complete.

    Raises
    ------
    DataError
        If it cannot be written there.
    """
    path = Path(path)
    try:
        atomic.write_bytes(path, file_image(table))
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error})", "Choose another place.") from error
    return path


def file_image(table: EffectTable) -> bytes:
    """The bytes of a table's effects file; the same table always gives the same bytes.

    The file is made in memory: HDF5 may end the whole process when a disk is full.
    """
    import h5py
    from anndata.io import write_elem

    with h5py.File("effects", "w", driver="core", backing_store=False) as file:
        write_elem(file, "/", to_anndata(table), dataset_kwargs={"compression": "gzip"})
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def to_anndata(table: EffectTable) -> AnnData:
    """The table as AnnData: rows perturbations, columns readouts, NaN = not measured."""
    import anndata
    import pandas as pd

    obs = pd.DataFrame(index=pd.Index(table.perturbations, name="perturbation", dtype=object))
    if table.n_cells is not None:
        obs["n_cells"] = table.n_cells
    layers = {}
    if table.standard_error is not None:
        layers["standard_error"] = np.array(table.standard_error)
    return anndata.AnnData(
        np.array(table.values),
        obs=obs,
        var=pd.DataFrame(index=pd.Index(table.readouts, name="readout", dtype=object)),
        layers=layers,
        uns={KEY: json.dumps({**table.info, "format": FORMAT})},
    )


def from_anndata(annotated: AnnData) -> EffectTable:
    """The effect table of an AnnData object whose rows are perturbations.

    Raises
    ------
    DataError
        As `read_effects`.
    """
    obs = annotated.obs
    labels = list(map(str, obs.get("perturbation", annotated.obs_names)))
    if annotated.X is None:
        raise DataError("the AnnData object has no X", "Put the effects into X.")
    errors = annotated.layers.get("standard_error")
    return _table(
        labels,
        list(map(str, annotated.var_names)),
        _dense(annotated.X),
        obs["n_cells"].to_numpy(dtype=np.float64) if "n_cells" in obs else None,
        None if errors is None else _dense(errors),
        _info(annotated.uns.get(KEY), "the AnnData object"),
        "the AnnData object",
    )


# ---------------------------------------------------------------------- from parts to a table
def _row_labels(file: AnnotatedFile) -> list[str]:
    if file.has("obs", "perturbation"):
        return ["" if text is None else text for text in file.labels("obs", "perturbation").texts()]
    return list(file.observations)


def _is_direct(file: AnnotatedFile) -> bool:
    """Whether the rows are perturbations, each once, under their own names.

    Raises
    ------
    DataError
        If the file holds no effects.
    """
    from mechpert_al.effects.readers.kinds import classify, is_replogle_bulk

    kind, why = classify(file)
    if kind != "effects":
        raise DataError(
            f"{file.path}: no effects. {why}",
            "Turn them into effects: "
            f"mechpert-al effects convert {file.path} --kind {kind} -o effects.h5ad",
        )
    return not is_replogle_bulk(file)


def _table(
    labels: Sequence[str],
    readouts: Sequence[str],
    values: np.ndarray,
    n_cells: np.ndarray | None,
    errors: np.ndarray | None,
    info: Mapping[str, Any],
    place: str,
) -> EffectTable:
    labels = [stripped(label) for label in labels]
    empty = [row for row, label in enumerate(labels) if not label]
    if empty:
        raise DataError(
            f"{place}: row {empty[0] + 1} has no name", "Name the perturbation in the index of obs."
        )
    _refuse_repeats(labels, "row", "perturbation", place)
    _refuse_repeats(readouts, "column", "readout", place)
    controls = [label for label in labels if _is_control(label)]
    keep = [row for row, label in enumerate(labels) if label not in controls]
    if controls:
        info = {**info, "control_rows": controls}
    try:
        return EffectTable(
            tuple(labels[row] for row in keep),
            tuple(readouts),
            values[keep] if controls else values,
            None if n_cells is None else n_cells[keep],
            None if errors is None else errors[keep],
            info,
        )
    except DataError as error:
        raise DataError(f"{place}: {error.message}", error.hint) from error


def _is_control(label: str) -> bool:
    if control_word(label) is None:
        return False
    from mechpert_al.symbols import SymbolTable

    return not SymbolTable.default().is_symbol(label)


def _refuse_repeats(names: Sequence[str], what: str, kind: str, place: str) -> None:
    twice = {name for name, count in Counter(names).items() if count > 1}
    if twice:
        shown = [
            f"{name} ({what}s {', '.join(str(i + 1) for i, n in enumerate(names) if n == name)})"
            for name in sorted(twice)[:10]
        ]
        option = "--duplicated-rows mean" if what == "row" else "--duplicated-readouts sum"
        raise DataError(
            f"{place}: {len(twice)} {kind} names stand more than once: {', '.join(shown)}",
            f"Remove the repeats, or pool them: mechpert-al effects convert {place} {option}",
        )


def _info(note: Any, place: str) -> dict[str, Any]:
    if note is None:
        return {}
    try:
        info = json.loads(note)
        version = info["format"]
    except (TypeError, KeyError, json.JSONDecodeError) as error:
        raise DataError(
            f"{place}: uns[{KEY!r}] is no JSON text with a format",
            f'It must be like {{"format": "{FORMAT}", …}}; remove it if it is not ours.',
        ) from error
    if version != FORMAT:
        raise DataError(
            f"{place}: written in the format {version!r}, expected {FORMAT!r}",
            "Install a newer mechpert-al, or convert the source again.",
        )
    return {key: value for key, value in info.items() if key != "format"}


def _dense(matrix: Any) -> np.ndarray:
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix, np.float32)
