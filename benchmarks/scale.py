"""What planning costs as candidates grow in number: files → order, and the selection alone.

    python benchmarks/scale.py [--sizes 1000 2000 5000 10000 20000] [--figure docs/figures]

For each size a panel of 4 agents × 8 proposals and a network of 5 links a gene are made up, and a
process of its own, with nothing kept from before, chooses a batch of 200 by facility location. Up
to 5,000 candidates there is a matrix of all pairs, above there is none: the exponents of both are
fitted apart, by least squares on logarithms of the processor's time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from generated import write_effects, write_network, write_panel
from timing import OURS, Row, Spread, command, machine, peak_now, process, table, timed

from mechpert_al.agents import read_panel
from mechpert_al.consensus import Knowledge
from mechpert_al.consensus.kernel import DENSE_LIMIT
from mechpert_al.design import plan
from mechpert_al.design.greedy import greedy
from mechpert_al.design.objectives import FacilityLocation
from mechpert_al.networks import read_network

SIZES = (1000, 2000, 3500, 5000, 7500, 10_000, 20_000)
BATCH = 200
#: Candidates of the panel that is planned on before time is taken.
N_WARM = 300
#: Measured perturbations and readouts of the prediction.
ANCHORS, READOUTS = 200, 2000
ALL, CHOICE = "files → order", "selection"


def rows(sizes: Sequence[int] = SIZES, with_command: bool = True) -> list[Row]:
    """Every size; of the largest also whole commands."""
    found = []
    for n in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            panel = write_panel(folder / "panel", n)
            network = write_network(folder / "network.tsv", n, 5 * n)
            found += alone(n, panel, network, folder / "cache")
            if with_command and n == max(sizes):
                found += commands(n, panel, network, folder)
    return found


def commands(n: int, panel: Path, network: Path, folder: Path) -> list[Row]:
    """Whole commands; the first reads the panel, the others find what it kept of it."""
    on, cache = f"{n} candidates", folder / "kept"
    order = ["plan", "--panel", str(panel), "--network", str(network), "-n", str(BATCH)]
    order += ["--out", str(folder / "order.csv")]
    far = [*order, "--strategy", "expected_coverage"]
    found = [
        command("mechpert-al plan", on, order, note="panel read for the first time", cache=cache),
        command("mechpert-al plan", on, order, note="again", cache=cache),
        command("mechpert-al plan", on, far, note="by expected coverage", cache=cache),
    ]
    begun = ["campaign", "new", str(folder / "campaign"), "--panel", str(panel)]
    process([sys.executable, "-m", "mechpert_al", *begun], cache)
    status = ["campaign", "status", str(folder / "campaign")]
    found.append(command("mechpert-al campaign status", on, status, cache=cache))
    effects = write_effects(folder / "effects.h5ad", n, ANCHORS, READOUTS)
    told = ["predict", "--effects", str(effects), "--panel", str(panel)]
    told += ["-o", str(folder / "predicted.h5ad")]
    note = f"{ANCHORS} anchors, {READOUTS} readouts"
    return [*found, command("mechpert-al predict", on, told, note=note, cache=cache)]


def alone(n: int, panel: Path, network: Path, cache: Path) -> list[Row]:
    """One size in a process of its own."""
    small = write_panel(panel.with_name("small"), N_WARM)
    few = write_network(network.with_name("few.tsv"), N_WARM, 5 * N_WARM)
    done = subprocess.run(
        [sys.executable, __file__, "--alone", *map(str, (small, few, panel, network))],
        capture_output=True, text=True, check=True,
        env={**os.environ, "MECHPERT_AL_CACHE": str(cache)},
    )  # fmt: skip
    return [
        Row(what, f"{n} candidates", OURS, Spread.of([wall]), Spread.of([cpu]), None, peak)
        for what, wall, cpu, peak in json.loads(done.stdout)
    ]


def planning(
    small: Path, few: Path, panel: Path, network: Path
) -> list[tuple[str, float, float, float]]:
    """What was done, seconds (by the clock, of the processor), and peak memory (GB).

    What is imported on the way is there after a small panel was planned on, and is not counted.
    """
    known: list[Knowledge] = []

    def everything(panel: Path = panel, network: Path = network) -> None:
        known[:] = [Knowledge.from_panel(read_panel(panel), read_network(network))]
        plan(known[0], BATCH, strategy="facility_location")

    def selection() -> None:
        links = known[0].consensus.agent_links
        greedy(FacilityLocation(links), np.arange(known[0].n_genes), BATCH)

    everything(small, few)

    return [
        (what, *timed(call), peak_now()) for what, call in ((ALL, everything), (CHOICE, selection))
    ]


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """b of the power law seconds = a · sizes^b."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def n_of(row: Row) -> int:
    return int(row.on.split()[0])


def growth(found: Sequence[Row], step: str) -> str:
    """How the processor's time of a step grows, with and without a matrix of all pairs."""
    told = []
    for where, is_large in ((f"up to {DENSE_LIMIT:,}", False), ("above", True)):
        own = [row for row in found if row.task == step and (n_of(row) > DENSE_LIMIT) == is_large]
        if len(own) > 1:
            power = exponent([n_of(row) for row in own], [row.cpu.median for row in own])
            told.append(f"n^{power:.2f} {where}")
    return ", ".join(told)


def draw(found: Sequence[Row], folder: Path) -> None:
    """planning-cost.svg and .png."""
    import altair as alt

    from mechpert_al.report.figures import save
    from mechpert_al.report.looks import LOOKS, PAPER, styled

    points = [
        {
            "step": row.task,
            "candidates": n_of(row),
            "seconds": row.cpu.median,
            "regime": n_of(row) > DENSE_LIMIT,  # lines end where there is no matrix any more
        }
        for row in found
        if row.task in (ALL, CHOICE)
    ]
    labels = {step: f"{step}: {growth(found, step)}" for step in (ALL, CHOICE)}
    for point in points:
        point["step"] = labels[point["step"]]
    colours = [LOOKS["expected_coverage"].colour, LOOKS["centrality"].colour]
    chart = (
        alt.Chart(alt.Data(values=points))
        .mark_line(point=True)
        .encode(
            alt.X(
                "candidates:Q",
                title="candidates",
                scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(
                    values=sorted({p["candidates"] for p in points}), grid=False, format="d"
                ),
            ),
            alt.Y("seconds:Q", title="processor time (s)", scale=alt.Scale(type="log")),
            detail="regime:N",
            color=alt.Color(
                "step:N",
                title=None,
                scale=alt.Scale(domain=list(labels.values()), range=colours),
                legend=alt.Legend(orient="bottom", columns=1),
            ),
        )
    )
    title = f"Planning {BATCH} genes, facility location"
    save({"planning-cost": styled(chart, PAPER, title)}, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--figure", type=Path, help="folder for the figure")
    parser.add_argument("--no-command", action="store_true", help="leave whole commands out")
    parser.add_argument("--alone", type=Path, nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(planning(*options.alone)))
        return
    found = rows(options.sizes, not options.no_command)
    print(machine())
    print(table(found))
    for step in (ALL, CHOICE):
        print(f"{step}: {growth(found, step)}")
    if options.figure:
        draw(found, options.figure)


if __name__ == "__main__":
    main()
