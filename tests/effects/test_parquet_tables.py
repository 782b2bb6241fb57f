"""Parquet tables say the same as the CSV of the same data."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mechpert_al.effects import convert
from mechpert_al.effects.tables import parquet
from mechpert_al.errors import DataError


@pytest.fixture
def pairs() -> pd.DataFrame:
    """As pdex writes them, with gaps, an infinite value and integers."""
    rng = np.random.default_rng(4)
    rows = [(p, r) for p in ("MED1", "ATF4", "UBL5") for r in ("DDIT3", "ASNS", "HSPA5", "ACTB")]
    frame = pd.DataFrame(rows, columns=["target", "feature"])
    frame["log2_fold_change"] = rng.normal(size=12).astype("float32")
    frame.loc[3, "log2_fold_change"] = np.nan
    frame["fdr"], frame["statistic"] = rng.random(12), np.arange(12)
    return frame


def both(folder: Path, frame: pd.DataFrame, index: bool = False) -> tuple[Path, Path]:
    frame.to_parquet(folder / "table.parquet", index=index)
    frame.to_csv(folder / "table.csv", index=index)
    return folder / "table.parquet", folder / "table.csv"


@pytest.mark.parametrize("kind", ["plain", "categories", "strings"])
def test_long_tables(tmp_path: Path, pairs: pd.DataFrame, kind: str) -> None:
    if kind != "plain":
        dtype = "category" if kind == "categories" else "string"
        pairs = pairs.astype({"target": dtype, "feature": dtype})
    packed, text = (convert(path) for path in both(tmp_path, pairs))
    assert packed[0].content_hash == text[0].content_hash
    for row in pairs.itertuples():
        value = packed[0].values[
            packed[0].row_of[row.target], packed[0].readouts.index(row.feature)
        ]
        np.testing.assert_equal(value, np.float32(row.log2_fold_change))
    assert "A Parquet table" in packed[1].recognised[0]
    assert "pdex" in packed[1].recognised[0]


@pytest.mark.parametrize("name", [None, "perturbation"])
def test_wide_tables_with_an_index(tmp_path: Path, name: str | None) -> None:
    values = np.random.default_rng(1).normal(size=(3, 4))
    frame = pd.DataFrame(
        values, index=pd.Index(["MED1", "ATF4", "UBL5"], name=name), columns=list("ABCD")
    )
    packed, text = (convert(path)[0] for path in both(tmp_path, frame, index=True))
    assert packed.content_hash == text.content_hash
    np.testing.assert_allclose(packed.values, values, rtol=1e-6)


def test_rows_are_streamed(tmp_path: Path, pairs: pd.DataFrame) -> None:
    """Row groups are read one after the other, and rows are counted through."""
    path = tmp_path / "table.parquet"
    pairs.to_parquet(path, index=False, row_group_size=5)
    records = list(parquet.ParquetFile.open(path).records())
    assert [record.line for record in records] == list(range(1, 13))
    pairs.loc[9, "feature"] = ""
    pairs.to_parquet(path, index=False, row_group_size=5)
    with pytest.raises(DataError, match="line 10 has no label"):
        convert(path)


def test_without_pyarrow(
    tmp_path: Path, pairs: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = both(tmp_path, pairs)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(DataError, match="pyarrow, which reads these, is not installed") as caught:
        convert(path)
    assert "pip install pyarrow" in caught.value.hint
    assert "CSV" in caught.value.hint
