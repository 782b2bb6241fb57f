"""What planning costs as candidates grow in number: files → order, and the selection alone.

    python benchmarks/scale.py [--sizes 1000 2000 5000 10000 20000] [--figure docs/figures]

For each size a panel of 4 agents × 8 proposals and a network of 5 links a gene are made up; a batch
of 200 is chosen by facility location. All is the processor's time of this process; the exponent
is fitted by least squares on logarithms.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from generated import write_network, write_panel
from timing import OURS, Row, Spread, command, machine, peak_now, table, timed

from mechpert_al.agents import read_panel
from mechpert_al.consensus import Knowledge
from mechpert_al.design import plan
from mechpert_al.design.greedy import greedy
from mechpert_al.design.objectives import FacilityLocation
from mechpert_al.networks import read_network

SIZES = (1000, 2000, 5000, 10_000, 20_000)
BATCH = 200
ALL, CHOICE = "files → order", "selection"


def rows(sizes: Sequence[int] = SIZES, with_command: bool = True) -> list[Row]:
    """Every size; of the largest also the whole command, and expected coverage."""
    found = []
    for n in sizes:
        with tempfile.TemporaryDirectory() as folder:
            panel = write_panel(Path(folder) / "panel", n)
            network = write_network(Path(folder) / "network.tsv", n, 5 * n)
            found += planning(n, panel, network)
            if with_command and n == max(sizes):
                whole = ["plan", "--panel", str(panel), "--network", str(network)]
                whole += ["-n", str(BATCH), "--out", str(Path(folder) / "order.csv")]
                found.append(command("mechpert-al plan", f"{n} candidates", whole))
                whole += ["--strategy", "expected_coverage"]
                note = "by expected coverage, without a matrix of all pairs"
                found.append(command("mechpert-al plan", f"{n} candidates", whole, note=note))
    return found


def planning(n: int, panel: Path, network: Path) -> list[Row]:
    """One size."""
    known: list[Knowledge] = []

    def everything() -> None:
        known.append(Knowledge.from_panel(read_panel(panel), read_network(network)))
        plan(known[0], BATCH, strategy="facility_location")

    def selection() -> None:
        links = known[0].consensus.agent_links
        greedy(FacilityLocation(links), np.arange(n), BATCH)

    on = f"{n} candidates"
    return [
        Row(what, on, OURS, Spread.of([wall]), Spread.of([cpu]), None, peak_now())
        for what, (wall, cpu) in ((ALL, timed(everything)), (CHOICE, timed(selection)))
    ]


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """b of the power law seconds = a · sizes^b."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def draw(found: Sequence[Row], folder: Path) -> None:
    """planning-cost.svg and .png."""
    import altair as alt

    from mechpert_al.report.figures import save
    from mechpert_al.report.looks import LOOKS, PAPER, styled

    points = [
        {"step": row.task, "candidates": int(row.on.split()[0]), "seconds": row.cpu.median}
        for row in found
        if row.task in (ALL, CHOICE)
    ]
    labels = {}
    for step in (ALL, CHOICE):
        own = [point for point in points if point["step"] == step]
        power = exponent([p["candidates"] for p in own], [p["seconds"] for p in own])
        labels[step] = f"{step}: n^{power:.2f}"
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
            alt.Color(
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
    options = parser.parse_args()
    found = rows(options.sizes, not options.no_command)
    print(machine())
    print(table(found))
    if options.figure:
        draw(found, options.figure)


if __name__ == "__main__":
    main()
