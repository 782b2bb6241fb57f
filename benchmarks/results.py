"""All comparisons in one table: runs them one after the other and writes benchmarks/RESULTS.md.

    python benchmarks/results.py [--quick] [--only startup scale peers ingest ask main]

``--quick`` takes small inputs and few repetitions, to see that everything runs. The main job is
left out, and named, where its measurements are missing (MECHPERT_AL_DATA). prompting.py needs a
server and is run on its own.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ask
import main_job
import peers
import scale
import startup
from threadpoolctl import threadpool_limits
from timing import OURS, Row, Spread, machine, table

from mechpert_al.errors import MechPertError

HERE = Path(__file__).parent
FIGURES = HERE.parent / "docs" / "figures"
LIBRARIES = (
    "mechpert-al", "numpy", "scipy", "scikit-learn", "rustworkx", "networkx", "modAL-python",
    "apricot-select", "scikit-activeml", "igraph", "scanpy", "decoupler",
)  # fmt: skip
HEAD = """\
# Benchmarks

Written by `make bench` (`python benchmarks/results.py`) on {date}.

{machine}; {load:.1f} processes wanted a core when it began. {versions}.

Seconds by the clock and of the processor: median of the repetitions, with the smallest and the
largest. *Times ours* is processor time, taken within each repetition; below 1 the other is faster.
Inputs are made up (`benchmarks/generated.py`), the same for all in a row, but for the main job's.
Peak memory is that of a process of its own; where several share one, there is none. One thread of
linear algebra, and bytecode as in any installation.

"""


def _told(script: str, *options: str) -> Any:
    """What a script prints as JSON."""
    done = subprocess.run(
        [sys.executable, str(HERE / script), "--json", *options],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def ingestion(is_quick: bool) -> list[Row]:
    """Counts → effects and plain sums beside others, then our own on more and more cells."""
    sizes = ("20000", "2000") if is_quick else ("100000", "8000")
    told = _told("ingest.py", "--cells", sizes[0], "--genes", sizes[1])
    on = f"{told['options']['cells']} cells × {told['options']['genes']} genes"
    rows = []
    for what, found in told["results"].items():
        for who, one in found.items():
            wall, cpu = (Spread.of([one[key]]) for key in ("seconds", "cpu_seconds"))
            ratio = Spread.of([one["cpu_seconds"] / found[OURS]["cpu_seconds"]])
            note = f"{one['difference']:.0e} from ours at most"
            theirs = who != OURS
            rows.append(
                Row(what, on, who, wall, cpu, ratio if theirs else None, one["peak_gb"],
                    note if theirs else "")
            )  # fmt: skip
    cells = ("20000", "40000") if is_quick else ("200000", "1000000")
    for one in _told("ingest.py", "--genes", "1000", "--grow", *cells)["rows"]:
        wall, cpu = (Spread.of([one[key]]) for key in ("seconds", "cpu_seconds"))
        on = f"{one['cells']} cells × 1000 genes, {one['store']}, {one['file_gb']:.2f} GB"
        rows.append(Row("counts to effects", on, OURS, wall, cpu, None, one["peak_gb"]))
    return rows


def sections(is_quick: bool) -> dict[str, tuple[str, Callable[[], list[Row]]]]:
    """Title and rows of each part."""
    sizes, n = ((500, 1000), 300) if is_quick else (scale.SIZES, 1000)
    runs = 1 if is_quick else 3
    return {
        "startup": ("What a person waits for", lambda: startup.rows(runs)),
        "scale": ("Planning against the number of candidates", lambda: scale.rows(sizes)),
        "peers": ("Beside other libraries", lambda: peers.rows(n, runs)),
        "ingest": ("Taking in counts", lambda: ingestion(is_quick)),
        "ask": ("Asking live agents", lambda: ask.rows(50 if is_quick else 500)),
        "main": ("The main job", lambda: main_job.rows(1 if is_quick else 2)),
    }


def versions(names: Sequence[str] = LIBRARIES) -> str:
    """What is installed of them."""
    found = []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small inputs, one repetition")
    parser.add_argument("--only", nargs="+", help="parts to run")
    parser.add_argument("--out", type=Path, default=HERE / "RESULTS.md")
    options = parser.parse_args()
    today = datetime.datetime.now(datetime.UTC).date()
    text = HEAD.format(date=today, machine=machine(), versions=versions(), load=os.getloadavg()[0])
    for name, (title, rows) in sections(options.quick).items():
        if options.only and name not in options.only:
            continue
        print(title, file=sys.stderr, flush=True)
        try:
            found, left_out = rows(), ""
        except MechPertError as error:
            found, left_out = [], f"Left out: {error.message}\n\n"
        text += f"## {title}\n\n{left_out or table(found)}\n"
        if name == "scale" and not options.quick:
            scale.draw(found, FIGURES)
            for step in (scale.ALL, scale.CHOICE):
                text += f"Processor time of {step} grows as {scale.growth(found, step)}.\n"
            text += "\n![Cost against size](../docs/figures/planning-cost.svg)\n\n"
        if name == "peers" and peers.missing():
            text += f"Not installed, and so not compared: {', '.join(peers.missing())}.\n\n"
        options.out.write_text(text)  # what is done stays, whatever comes


if __name__ == "__main__":
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of the processes that are started
    with threadpool_limits(1):
        main()
