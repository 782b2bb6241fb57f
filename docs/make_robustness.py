"""Write docs/robustness.md from comparisons with panels made worse on purpose.

Run, with MECHPERT_AL_DATA set to the folder of the data::

    python docs/make_robustness.py            runs the comparisons (about an hour), then writes
    python docs/make_robustness.py FOLDER     writes from comparisons that are already in FOLDER
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from make_results import load, number, table

from mechpert_al.design.greedy import greedy
from mechpert_al.design.objectives import ExpectedCoverage
from mechpert_al.evaluation import Comparison
from mechpert_al.evaluation.compare import judged
from mechpert_al.evaluation.degradation import degraded
from mechpert_al.evaluation.inputs import find_loop, load_inputs
from mechpert_al.evaluation.screen import splits
from mechpert_al.learning import reliability
from mechpert_al.learning.reliability import CHANCE, INFORMATIVE, MISLEADING

DOCS = Path(__file__).parent
WHOLE = "none"
RECOGNISED = (WHOLE, "random:1", "permuted", "one_random", "one_inverted")
VERDICTS = (INFORMATIVE, CHANCE, MISLEADING)
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


def recognition(folder: Path) -> str:
    """Verdicts on the agents with 30 anchors of the default design, over 20 splits a line."""
    kept = folder / "recognition.json"
    if not kept.is_file():
        kept.write_text(json.dumps(list(_verdicts())))
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for row in json.loads(kept.read_text()):
        key = (row["kind"], row["dataset"], row["who"])
        counts.setdefault(key, Counter())[row["verdict"]] += 1
    lines = [
        (kind, dataset, who, *(f"{found[one]} of {found.total()}" for one in VERDICTS))
        for (kind, dataset, who), found in counts.items()
    ]
    return table(("panel", "data", "voters", *VERDICTS), lines)


def _verdicts() -> Iterator[dict[str, str]]:
    loop, path = find_loop("robustness")
    loaded = load_inputs(loop, path)
    screens, known = judged(loaded.judges, loaded.knowledge, None)
    voters = [f"agent:{name}" for name in known.consensus.layers]
    for screen in screens:
        for split in splits(screen, 20, 0.4, 0):
            for kind in RECOGNISED:
                panel = known if kind == WHOLE else degraded(known, kind, split.number)
                objective = ExpectedCoverage(panel.kernel)
                anchors = np.array(greedy(objective, split.pool, 30).picks)
                bad = voters[split.number % len(voters)] if kind.startswith("one_") else None
                for one in reliability(panel, anchors, screen.measure(anchors)):
                    if one.source in voters:
                        spoiled = kind != WHOLE and (bad is None or one.source == bad)
                        who = "spoiled" if spoiled else "as they are"
                        yield {
                            "kind": kind,
                            "dataset": screen.name,
                            "who": who,
                            "verdict": one.verdict,
                        }


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
            recognition=recognition(folder),
        )
    )


if __name__ == "__main__":
    main()
