"""Time and memory of counts → effects, and of plain sums, beside scanpy and decoupler.

    python benchmarks/ingest.py [--cells 200000] [--genes 8000] [--perturbations 1000]
                                [--density 0.05] [--form csr] [--json]
    python benchmarks/ingest.py --grow 200000 500000 1000000 2000000 --genes 2000

Counts are made up (seeded) and written in blocks; all runs read the same file. Each run is a
process of its own, whose peak memory the kernel reports; what it found is compared with our
result. The others come with the extra ``bench``; one that is not installed is left out and named.

With --grow only our own counts → effects is run, on files of more and more cells: as .h5ad, plain
and compressed, and as a zarr store. Each file is deleted before the next one is written.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np

SEED = 20_260_101
BLOCK = 10_000
#: Stored numbers that are copied at a time.
STEP = 1 << 20
#: What is computed → who → how. Each leaves ``names`` (rows) and ``found`` (rows × genes).
RUNS: dict[str, dict[str, str]] = {
    "counts to effects": {
        "mechpert-al": """
from mechpert_al.effects import convert
table, _ = convert({path!r}, min_cells=3)
names, found = table.perturbations, table.values
""",
        "scanpy": """
import anndata, scanpy as sc
cells = anndata.read_h5ad({path!r})
sc.pp.normalize_total(cells, target_sum=1e4)
sc.pp.log1p(cells)
means = sc.get.aggregate(cells, by="perturbation", func=["mean", "var"])
found = means.layers["mean"] - means["non-targeting"].layers["mean"]
names = list(means.obs_names)
""",
    },
    "plain sums": {
        "mechpert-al": """
import numpy as np
from mechpert_al.effects.annotated import AnnotatedFile
from mechpert_al.effects.group_sums import GroupPlan, sum_expression
with AnnotatedFile({path!r}) as file:
    labels, n = file.labels("obs", "perturbation"), file.shape[1]
    names = list(labels.names)
    nowhere = np.full(len(names), -1)
    plan = GroupPlan(labels.codes, len(names), 0, np.arange(n), n, nowhere)
    found = sum_expression(file.matrix(), plan, file.names_at).sums
""",
        "scanpy": """
import anndata, scanpy as sc
cells = anndata.read_h5ad({path!r})
sums = sc.get.aggregate(cells, by="perturbation", func="sum")
names, found = list(sums.obs_names), sums.layers["sum"]
""",
        "decoupler": """
import anndata, decoupler as dc
cells = anndata.read_h5ad({path!r})
sums = dc.pp.pseudobulk(cells, sample_col="perturbation", groups_col=None, mode="sum")
names, found = list(sums.obs["perturbation"]), sums.X
""",
    },
}
KEEP = """
import time, numpy as np, timing
print(time.process_time(), timing.peak_now())
found = np.asarray(found.todense() if hasattr(found, "todense") else found)
np.savez({out!r}, names=np.array(names, dtype=str), found=found)
"""


def write_cells(
    path: Path, n_cells: int, n_genes: int, n_perturbations: int, density: float, form: str
) -> None:
    """Write cells in AnnData's layout, never more than a block of them in memory."""
    rng = np.random.default_rng(SEED)
    per_cell = int(density * n_genes)
    with h5py.File(path, "w") as file:
        if form == "csr":
            _write_csr(file, rng, n_cells, n_genes, per_cell)
        else:
            _write_dense(file, rng, n_cells, n_genes, per_cell)
        codes = rng.integers(0, n_perturbations + 1, n_cells).astype(np.int16)
        labels = ["non-targeting", *(f"GENE{number}" for number in range(n_perturbations))]
        _write_frame(file, "obs", [f"cell{number}" for number in range(n_cells)])
        _write_frame(file, "var", [f"GENE{number}" for number in range(n_genes)])
        column = file.create_group("obs/perturbation")
        column.attrs.update({"encoding-type": "categorical", "encoding-version": "0.2.0"})
        column.attrs["ordered"] = False
        column["codes"] = codes
        column["codes"].attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        _write_texts(column, "categories", labels)
        file["obs"].attrs["column-order"] = np.array(["perturbation"], dtype=object)
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})


def _write_csr(
    file: h5py.File, rng: np.random.Generator, n_cells: int, n_genes: int, per_cell: int
) -> None:
    matrix = file.create_group("X")
    matrix.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
    matrix.attrs["shape"] = np.array([n_cells, n_genes])
    size = (n_cells * per_cell,)
    chunk = (min(1 << 20, *size),)
    data = matrix.create_dataset("data", size, "int32", chunks=chunk)
    indices = matrix.create_dataset("indices", size, "int32", chunks=chunk)
    matrix["indptr"] = np.arange(n_cells + 1, dtype=np.int64) * per_cell
    for start in range(0, n_cells, BLOCK):
        n_rows = min(BLOCK, n_cells - start)
        part = slice(start * per_cell, (start + n_rows) * per_cell)
        data[part] = 1 + rng.poisson(0.7, n_rows * per_cell)
        indices[part] = _columns(rng, n_rows, n_genes, per_cell).ravel()


def _write_dense(
    file: h5py.File, rng: np.random.Generator, n_cells: int, n_genes: int, per_cell: int
) -> None:
    matrix = file.create_dataset("X", (n_cells, n_genes), "float32", chunks=(500, n_genes))
    matrix.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
    for start in range(0, n_cells, BLOCK):
        n_rows = min(BLOCK, n_cells - start)
        block = np.zeros((n_rows, n_genes), dtype=np.float32)
        counts = 1 + rng.poisson(0.7, (n_rows, per_cell))
        np.put_along_axis(block, _columns(rng, n_rows, n_genes, per_cell), counts, axis=1)
        matrix[start : start + n_rows] = block


def _columns(rng: np.random.Generator, n_rows: int, n_genes: int, per_cell: int) -> np.ndarray:
    """Distinct ascending columns for each row: one from each of so many equal stretches."""
    edges = np.linspace(0, n_genes, per_cell + 1).astype(np.int64)
    return edges[:-1] + (rng.random((n_rows, per_cell)) * np.diff(edges)).astype(np.int64)


def _write_frame(file: h5py.File, name: str, index: list[str]) -> None:
    frame = file.create_group(name)
    frame.attrs.update({"encoding-type": "dataframe", "encoding-version": "0.2.0"})
    frame.attrs["_index"] = "_index"
    frame.attrs["column-order"] = np.array([], dtype="float64")
    _write_texts(frame, "_index", index)


def _write_texts(group: h5py.Group, name: str, texts: list[str]) -> None:
    group[name] = np.array(texts, dtype=object)
    group[name].attrs.update({"encoding-type": "string-array", "encoding-version": "0.2.0"})


def compressed(path: Path, place: Path) -> None:
    """Write the cells of an .h5ad file again, the matrix compressed by gzip."""
    with h5py.File(path) as file, h5py.File(place, "w") as root:
        root.attrs.update(file.attrs)
        for frame in ("obs", "var"):
            file.copy(frame, root)
        matrix = root.create_group("X")
        matrix.attrs.update(file["X"].attrs)
        for name, stored in file["X"].items():
            step = min(STEP, stored.shape[0])
            to = matrix.create_dataset(
                name, stored.shape, stored.dtype, chunks=(step,), compression="gzip"
            )
            _copy(stored, to)


def as_zarr(path: Path, place: Path) -> None:
    """Write the cells of an .h5ad file as a zarr store, the matrix in blocks."""
    import zarr
    from anndata.io import read_elem, write_elem

    with h5py.File(path) as file:
        root = zarr.open_group(place, mode="w", zarr_format=2)
        root.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        for frame in ("obs", "var"):
            write_elem(root, frame, read_elem(file[frame]))
        matrix = root.create_group("X")
        shape = [int(n) for n in file["X"].attrs["shape"]]
        matrix.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        matrix.attrs["shape"] = shape
        for name, stored in file["X"].items():
            step = min(STEP, stored.shape[0])
            to = matrix.create_array(name, shape=stored.shape, dtype=stored.dtype, chunks=(step,))
            _copy(stored, to)


def _copy(stored: Any, to: Any) -> None:
    for start in range(0, stored.shape[0], STEP):
        to[start : start + STEP] = stored[start : start + STEP]


def measured(code: str, path: Path, out: Path) -> dict[str, float]:
    """Seconds (by the clock, and of the processor) and peak memory (GB) of one run."""
    whole = (code + KEEP).format(path=str(path), out=str(out))
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", whole], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )  # fmt: skip
    seconds = time.perf_counter() - start
    busy, peak = done.stdout.split()[-2:]
    return {"seconds": seconds, "cpu_seconds": float(busy), "peak_gb": float(peak)}


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a store."""
    parts = [part for part in path.rglob("*") if part.is_file()] if path.is_dir() else [path]
    return sum(part.stat().st_size for part in parts)


STORES = {"h5ad, gzip": compressed, "zarr": as_zarr}


def grown(
    cells: list[int], n_genes: int, n_perturbations: int, density: float
) -> list[dict[str, Any]]:
    """Our counts → effects on more and more cells, in each of the stores."""
    rows = []
    for n_cells in cells:
        with tempfile.TemporaryDirectory() as folder:
            plain, out = Path(folder) / "cells.h5ad", Path(folder) / "found.npz"
            write_cells(plain, n_cells, n_genes, n_perturbations, density, "csr")
            first = None
            for store, write in {"h5ad": None, **STORES}.items():
                path = plain
                if write is not None:
                    path = Path(folder) / ("cells.zarr" if store == "zarr" else "gzip.h5ad")
                    write(plain, path)
                one = measured(RUNS["counts to effects"]["mechpert-al"], path, out)
                with np.load(out) as result:
                    found = result["found"]
                first = found if first is None else first
                is_same = np.array_equal(found, first, equal_nan=True)
                size = size_of(path) / 1e9
                rows.append(
                    {"cells": n_cells, "store": store, "file_gb": size, **one, "same": is_same}
                )
                print(
                    f"{n_cells:9,d} cells, {store:10s} {size:5.2f} GB   {one['seconds']:6.1f} s "
                    f"({one['cpu_seconds']:.1f} s of processor)   {one['peak_gb']:5.3f} GB peak   "
                    f"{'same effects' if is_same else 'OTHER EFFECTS'}",
                    file=sys.stderr,
                    flush=True,
                )
    return rows


def largest_difference(one: Path, other: Path) -> float:
    """Between the values that two runs found for rows of one name."""
    with np.load(one) as ours, np.load(other) as theirs:
        row = {name: number for number, name in enumerate(theirs["names"])}
        rows = [row[name] for name in ours["names"]]
        return float(np.nanmax(np.abs(ours["found"] - theirs["found"][rows])))


def compared(what: str, path: Path) -> dict[str, dict[str, float]]:
    """All who can compute it: time, memory, and how far the result is from ours."""
    results = {}
    ours = path.with_name("mechpert-al.npz")
    for name, code in RUNS[what].items():
        if importlib.util.find_spec(name.replace("-", "_")) is None:
            continue
        out = path.with_name(f"{name}.npz")
        results[name] = measured(code, path, out)
        results[name]["difference"] = largest_difference(ours, out)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=200_000)
    parser.add_argument("--genes", type=int, default=8_000)
    parser.add_argument("--perturbations", type=int, default=1_000)
    parser.add_argument("--density", type=float, default=0.05)
    parser.add_argument("--form", choices=["csr", "dense"], default="csr")
    parser.add_argument("--grow", type=int, nargs="+", metavar="CELLS", help="our own, growing")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    if arguments.grow:
        rows = grown(arguments.grow, arguments.genes, arguments.perturbations, arguments.density)
        if arguments.json:
            print(json.dumps({"options": vars(arguments), "rows": rows}))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.h5ad"
        write_cells(
            path, arguments.cells, arguments.genes, arguments.perturbations, arguments.density,
            arguments.form,
        )  # fmt: skip
        size = path.stat().st_size / 1e9
        results = {what: compared(what, path) for what in RUNS}
    if arguments.json:
        print(json.dumps({"options": vars(arguments), "file_gb": size, "results": results}))
        return
    print(
        f"{arguments.cells} cells × {arguments.genes} genes, {arguments.perturbations} "
        f"perturbations, {arguments.form}, {size:.2f} GB on disk"
    )
    for what, found in results.items():
        print(f"\n{what}")
        for name, one in found.items():
            print(
                f"{name:12s} {one['seconds']:7.1f} s ({one['cpu_seconds']:.1f} s of processor)   "
                f"{one['peak_gb']:5.2f} GB peak   "
                f"{one['difference']:.1e} from ours at most"
            )
        for name in set(RUNS[what]) - set(found):
            print(f"{name:12s} is not installed")


if __name__ == "__main__":
    main()
