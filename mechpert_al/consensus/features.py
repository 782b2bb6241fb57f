"""Gene features from any gene × feature table: co-essentiality, expression, embeddings, sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mechpert_al.errors import DataError


def read_features(path: str | Path, genes: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Read a table of numbers with one row a gene, matched to the candidates by symbol.

    Parameters
    ----------
    path
        CSV or TSV (also .gz) with gene symbols in the first column, or .h5ad with genes as rows.
    genes
        The candidates.

    Returns
    -------
    features
        float64, shape (n_genes, n_features); a gene without a row, or with a missing value in it,
        has NaN throughout.
    notices
        How many candidates have features, and which names were matched under another symbol.

    Raises
    ------
    DataError
        Unreadable, not numeric, genes named twice, or no candidate in it.
    """
    path = Path(path)
    names, values = _annotated(path) if path.suffix == ".h5ad" else _delimited(path)
    twice = sorted({name for name in names if names.count(name) > 1}) if _repeats(names) else []
    if twice:
        raise DataError(
            f"{path}: genes with more than one row: {', '.join(twice[:10])}",
            "Keep one row a gene.",
        )
    from mechpert_al.symbols import match

    matching = match(names, genes, source=str(path))
    row_of = {reference: names.index(name) for name, reference in matching.mapping.items()}
    if not row_of:
        raise DataError(
            f"{path}: none of its {len(names)} genes ({', '.join(names[:5])} …) is a candidate",
            "Rows must be genes, named by symbol in the first column.",
        )
    features = np.full((len(genes), values.shape[1]), np.nan)
    for number, gene in enumerate(genes):
        if gene in row_of:
            row = values[row_of[gene]]
            features[number] = row if np.isfinite(row).all() else np.nan
    known = int((~np.isnan(features).any(axis=1)).sum())
    notices = [
        f"{path.name}: {known} of {len(genes)} candidates have all {values.shape[1]} features"
    ]
    notices += [f"{path.name}: {a} matched as {b} ({why})" for a, b, why in matching.renamed]
    return features, notices


def _repeats(names: list[str]) -> bool:
    return len(set(names)) < len(names)


def _annotated(path: Path) -> tuple[list[str], np.ndarray]:
    import anndata

    table = anndata.read_h5ad(path)
    values = table.X.toarray() if hasattr(table.X, "toarray") else table.X
    return [str(name) for name in table.obs_names], np.asarray(values, dtype=np.float64)


def _delimited(path: Path) -> tuple[list[str], np.ndarray]:
    import pandas as pd

    separator = "," if ".csv" in path.suffixes else "\t"
    try:
        table = pd.read_csv(path, sep=separator, dtype={0: str}, keep_default_na=False)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path}: not a readable table ({error})") from error
    names = [str(name) for name in table.iloc[:, 0]]
    columns = []
    for column in table.columns[1:]:
        numbers = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=np.float64)
        text = table[column].astype(str).str.strip()
        wrong = np.flatnonzero(np.isnan(numbers) & ~text.isin(["", "NA", "NaN", "nan"]).to_numpy())
        if wrong.size:
            raise DataError(
                f"{path}, line {wrong[0] + 2}, column {column!r}: {text.iloc[wrong[0]]!r} is not a "
                "number",
                "Every column but the first holds numbers; leave a missing one empty.",
            )
        columns.append(numbers)
    if not columns:
        raise DataError(f"{path}: no feature column", "Give one column a feature after the genes.")
    return names, np.column_stack(columns)
