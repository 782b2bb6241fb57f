"""Write docs/robustness.md from comparisons with panels made worse on purpose.

Run, with MECHPERT_AL_DATA set to the folder of the data::

    python docs/make_robustness.py            runs the comparisons (about an hour), then writes
    python docs/make_robustness.py FOLDER     writes from comparisons that are already in FOLDER
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from make_results import load, number, table

from mechpert_al.evaluation import Comparison

DOCS = Path(__file__).parent
WHOLE = "none"
KINDS = (
    WHOLE, "random:0.25", "random:0.5", "random:0.75", "random:1", "one_random", "one_inverted",
    "one_copied", "shuffled", "permuted",
)  # fmt: skip


def run(folder: Path) -> None:
    """Run every comparison that is not in the folder yet."""
    for kind in KINDS:
        if not (folder / kind / "comparison.json").is_file():
            given = [] if kind == WHOLE else ["--degraded", kind]
            subprocess.run(
                [sys.executable, "-m", "mechpert_al", "compare", "robustness", *given,
                 "--out", str(folder / kind)],
                check=True,
            )  # fmt: skip


def rows_of(results: dict[str, Comparison]) -> list[dict]:
    """Every statement of non-inferiority in five rounds, with its kind."""
    return [
        {"kind": kind, **row}
        for kind, result in results.items()
        for row in result.non_inferiority
        if row["rounds"] > 1
    ]


def statements(rows: Sequence[dict]) -> str:
    """The adaptive method against the best plain one."""
    lines = [
        (
            row["kind"],
            row["dataset"],
            str(row["budget"]),
            f"{row['value']:.3f}",
            f"{row['plain'][row['best']]:.3f}",
            f"`{row['best']}`",
            number(row["difference"], sign="+"),
            "not inferior" if row["holds"] else "may be inferior",
        )
        for row in rows
    ]
    header = ("panel", "data", "N", "adaptive", "best plain", "which", "difference", "verdict")
    return table(header, lines)


def plain_methods(rows: Sequence[dict]) -> str:
    """Means of every plain method beside the adaptive one."""
    names = list(rows[0]["plain"])
    lines = [
        (
            row["kind"],
            row["dataset"],
            str(row["budget"]),
            f"{row['value']:.3f}",
            *(f"{row['plain'][name]:.3f}" for name in names),
        )
        for row in rows
    ]
    return table(("panel", "data", "N", "adaptive", *(f"`{name}`" for name in names)), lines)


def verdict(rows: Sequence[dict]) -> str:
    """One sentence on all rows."""
    held = [row for row in rows if row["holds"]]
    better = [row for row in rows if row["difference"]["low"] > 0]
    worse = [row for row in rows if row["difference"]["high"] < 0]
    return (
        f"Not inferior in {len(held)} of {len(rows)} rows; better than the best plain method, "
        f"beyond its interval, in {len(better)}, worse in {len(worse)}."
    )


def main() -> None:
    """Run what is missing and write the page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS.parent / "build" / "robustness"
    if len(sys.argv) == 1:
        run(folder)
    found = [kind for kind in KINDS if (folder / kind / "comparison.json").is_file()]
    results = {kind: load(folder, kind) for kind in found}
    rows = rows_of(results)
    missing = [kind for kind in KINDS if kind not in results]
    left = f" Still to be run: {', '.join(missing)}." if missing else ""
    text = (DOCS / "robustness.md.in").read_text()
    (DOCS / "robustness.md").write_text(
        text.format(
            n_splits=next(iter(results.values())).protocol["n_splits"],
            table=statements(rows),
            verdict=verdict(rows) + left,
            plain=plain_methods(rows),
        )
    )


if __name__ == "__main__":
    main()
