"""AnnData as zarr stores: the same effects as from .h5ad, and stores that are broken or hostile."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import anndata
import numpy as np
import pytest
import zarr

from mechpert_al.effects import convert, read_effects
from mechpert_al.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore:.*zarr", "ignore:.*Consolidated")

Screen = tuple[np.ndarray, list[str], list[str]]
Write = Callable[..., Path]
Hurt = Callable[[Path], object]


@pytest.fixture(params=[2, 3])
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def stored(path: Path, version: int) -> Path:
    """The same AnnData as a store."""
    place = path.with_suffix(".zarr")
    with anndata.settings.override(zarr_write_format=version):
        anndata.read_h5ad(path).write_zarr(place)
    return place


@pytest.mark.parametrize("form", ["csr", "csc", "dense"])
def test_a_store_gives_the_effects_of_the_file(
    form: str, version: int, screen: Screen, write_cells: Write
) -> None:
    counts, labels, genes = screen
    path = write_cells(counts, labels, genes, form=form, obs={"batch": ["one"] * 90})
    place = stored(path, version)
    (table, report), (expected, _) = convert(place), convert(path)
    np.testing.assert_array_equal(table.values, expected.values)
    np.testing.assert_array_equal(table.standard_error, expected.standard_error)
    assert (table.perturbations, table.readouts) == (expected.perturbations, expected.readouts)
    assert report.kind == "counts"
    assert len(report.sha256) == 64


def test_rows_of_a_store(version: int, write_rows: Write) -> None:
    values = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    path = write_rows(values, ["ATF4", "MED1", "TP53"], ["A", "B", "C", "D"])
    np.testing.assert_array_equal(read_effects(stored(path, version)).values, values)


# ---------------------------------------------------------------------- broken and hostile
def chunks(place: Path) -> list[Path]:
    """Files of an array that are no metadata."""
    return [p for p in sorted(place.rglob("*")) if p.is_file() and p.name not in META]


META = {".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json"}


def linked(part: Path, outside: Path) -> None:
    part.rename(outside)
    part.symlink_to(outside)


BROKEN: dict[str, tuple[Hurt, str]] = {
    "bytes of nothing": (
        lambda place: chunks(place / "X/data")[0].write_bytes(b"nothing"),
        "cells.zarr/X/data cannot be read",
    ),
    "an empty chunk": (
        lambda place: chunks(place / "X/indices")[0].write_bytes(b""),
        "cells.zarr/X/indices cannot be read",
    ),
    "a chunk cut short": (
        lambda place: chunks(place / "X/data")[0].write_bytes(
            chunks(place / "X/data")[0].read_bytes()[:20]
        ),
        "cells.zarr/X/data cannot be read",
    ),
    "lost counts": (
        lambda place: chunks(place / "X/data")[0].unlink(),
        "cells.zarr/X/data: 1 of 1 chunks are missing",
    ),
    "lost names": (
        lambda place: chunks(place / "var/_index")[0].unlink(),
        "cells.zarr/var/_index: 1 of 1 chunks are missing",
    ),
    "lost labels": (
        lambda place: chunks(place / "obs/perturbation/categories")[0].unlink(),
        "categories: 1 of 1 chunks are missing",
    ),
    "no obs": (lambda place: shutil.rmtree(place / "obs"), "cells.zarr.*obs"),
    "no metadata": (
        lambda place: [path.unlink() for path in place.iterdir() if path.is_file()],
        "cells.zarr: no zarr store",
    ),
    "metadata of no kind": (
        lambda place: [path.write_text("{{") for path in place.iterdir() if path.is_file()],
        "cells.zarr: no zarr store",
    ),
    "a file linked to another place": (
        lambda place: linked(chunks(place / "X/data")[0], place.with_name("secret")),
        "X/data/.* is a link out of the store, to /.*/secret",
    ),
    "a folder linked to another place": (
        lambda place: linked(place / "obs", place.with_name("elsewhere")),
        "obs is a link out of the store, to /.*/elsewhere",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_store_is_refused_by_name(
    broken: str, version: int, screen: Screen, write_cells: Write
) -> None:
    place = stored(write_cells(*screen), version)
    hurt, message = BROKEN[broken]
    hurt(place)
    with pytest.raises(DataError, match=message):
        convert(place)


def test_a_folder_that_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(DataError, match=r"empty\.zarr: no zarr store"):
        convert(tmp_path / "empty.zarr")


def test_a_link_within_the_store_is_followed(screen: Screen, write_cells: Write) -> None:
    path = write_cells(*screen)
    place = stored(path, 2)
    linked(chunks(place / "X/data")[0], place / "moved")
    assert convert(place)[0].content_hash == convert(path)[0].content_hash


def test_chunks_that_may_be_zeros_are_told(screen: Screen, write_cells: Write) -> None:
    """Of dense numbers nobody can say whether a chunk of zeros was written or lost."""
    place = stored(write_cells(*screen, form="dense"), 2)
    root = zarr.open_group(place, mode="r+")
    values = root["X"][:]
    values[:30] = 0
    del root["X"]
    part = root.create_array("X", shape=values.shape, dtype=values.dtype, chunks=(30, 6))
    part.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
    part[:] = values
    zarr.consolidate_metadata(place)
    _, report = convert(place)
    assert report.empty_cells == 30
    assert f"{place}/X: 1 of 3 chunks are not stored, which means zeros." in report.notes


def test_effects_with_lost_chunks_are_not_taken_for_zeros(write_rows: Write) -> None:
    place = stored(write_rows(np.ones((3, 4)), ["ATF4", "MED1", "TP53"], list("ABCD")), 2)
    chunks(place / "X")[0].unlink()
    with pytest.raises(DataError, match="X: 1 of 1 chunks are not stored"):
        read_effects(place)
