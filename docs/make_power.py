"""Write docs/power.md and its figures from power analyses.

Run, with MECHPERT_AL_DATA set to the folder of the data::

    python docs/make_power.py            runs what is missing (about half an hour), then writes
    python docs/make_power.py FOLDER     writes from results that are already in FOLDER
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
COMMANDS = {
    "default": "mechpert-al power",
    "k562": "mechpert-al power k562 --check --check-on replogle2022_rpe1_up1000.h5ad",
    "ask-again": "mechpert-al power --ask-again",
}
FILES = {"default": "power.json", "k562": "power.json", "ask-again": "ask-again.json"}
FIGURES = {
    "default": ("power-precision", "power-cells"),
    "k562": (
        "power-resemblance",
        "power-planned-k562",
        "power-planned-replogle2022_rpe1_up1000",
    ),
}
NAMES = {"k562": "K562", "replogle2022_rpe1_up1000": "RPE1"}


def run(folder: Path) -> None:
    """Run every analysis that is not in the folder yet."""
    for name, command in COMMANDS.items():
        if not (folder / name / FILES[name]).is_file():
            drawn = [] if name == "ask-again" else ["--figures", str(folder / name)]
            arguments = [*command.split()[1:], "--out", str(folder / name), *drawn]
            subprocess.run([sys.executable, "-m", "mechpert_al", *arguments], check=True)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def number(one: Mapping[str, Any] | None, sign: str = "", digits: int = 3) -> str:
    """A number with its interval."""
    if one is None:
        return ""
    return " ".join(
        (
            f"{one['value']:{sign}.{digits}f}",
            f"[{one['low']:{sign}.{digits}f}, {one['high']:{sign}.{digits}f}]",
        )
    )


def share(one: Mapping[str, Any] | None) -> str:
    """A share with its interval."""
    if one is None:
        return "no yardstick"
    return f"{one['value']:+.0%} [{one['low']:+.0%}, {one['high']:+.0%}]"


def curve(result: Mapping[str, Any]) -> str:
    """Scores and gains over the agents' precision."""
    return table(
        ("precision", "designed", "random", "gain over random", "as a share", "over no agents"),
        [
            (
                f"{row['precision']:g}",
                number(row["design"]),
                number(row["random"]),
                f"{number(row['gain_over_random'], '+')} {row['gain_over_random']['verdict']}",
                share(row["share_over_random"]),
                share(row["share_over_no_agents"]),
            )
            for row in result["curve"]
        ],
    )


def resemblance(result: Mapping[str, Any]) -> str:
    """The screen beside labs that the fit has not seen."""
    return table(
        ("statistic", "K562", "labs, mean", "least", "most"),
        [
            (
                row["name"],
                *(f"{row[name]:.3f}" for name in ("real", "simulated", "low", "high")),
            )
            for row in result["resemblance"]
        ],
    )


def agents(result: Mapping[str, Any]) -> str:
    """The real panel's agents, heard and in terms of simulated ones."""
    heard, traits = result["panel"]["heard"], result["panel"]["traits"]
    return table(
        (
            "agent", "measured proposals", "mean correlation", "slope over confidence",
            "precision", "recall", "calibration", "grading", "hallucination",
        ),
        [
            (
                name,
                str(one["n_proposals"]),
                f"{one['mean']:.3f}",
                f"{one['slope']:.2f}",
                f"{traits[name]['precision']:.2f}",
                f"{traits[name]['recall']:.2f}",
                f"{traits[name]['calibration']:.2f}",
                f"{traits[name]['grading']:.2f}",
                f"{traits[name]['hallucination']:.2f}",
            )
            for name, one in heard.items()
        ],
    )  # fmt: skip


def check(result: Mapping[str, Any]) -> str:
    """Planned against met."""
    return table(
        ("screen", "anchors", "quantity", "planned for one screen", "met", "within"),
        [
            (
                NAMES[row["dataset"]],
                str(row["budget"]),
                row["quantity"],
                number(row["planned"], "+" if row["quantity"] == "gain" else ""),
                number(row["met"], "+" if row["quantity"] == "gain" else ""),
                "yes" if row["holds"] else "**no**",
            )
            for row in result["check"]["rows"]
        ],
    )


def cells(result: Mapping[str, Any]) -> str:
    """The budget of cells divided, by strength of the responses."""
    strengths = list(dict.fromkeys(row["strength"] for row in result["cells"]))
    scores = {(row["strength"], row["anchors"]): row["score"] for row in result["cells"]}
    best = {row["strength"]: row["anchors"] for row in result["best_divisions"]}

    def shown(strength: float, n: int) -> str:
        text = number(scores[strength, n])
        return f"**{text}**" if best[strength] == n else text

    return table(
        ("anchors × cells", *(f"responses × {one:g}" for one in strengths)),
        [
            (
                f"{n} × {result['settings']['cells'] / n:.0f}",
                *(shown(strength, n) for strength in strengths),
            )
            for n in dict.fromkeys(row["anchors"] for row in result["cells"])
        ],
    )


def more_agents(results: Sequence[Mapping[str, Any]]) -> str:
    """What each further agent adds."""
    return table(
        ("agents", *("default labs" if one["panel"] is None else "like K562" for one in results)),
        [
            (
                str(rows[0]["n_agents"]),
                *(
                    number(row["score"])
                    if row["added"] is None
                    else f"{number(row['added'], '+')} {row['added']['verdict']}"
                    for row in rows
                ),
            )
            for rows in zip(*(one["agents"] for one in results), strict=True)
        ],
    )


def changes(results: Sequence[Mapping[str, Any]]) -> str:
    """What one trait of the agents is worth."""
    return table(
        ("changed", *("default labs" if one["panel"] is None else "like K562" for one in results)),
        [
            (
                rows[0]["change"],
                *(
                    f"{number(row['difference'], '+')} {row['difference']['verdict']}"
                    for row in rows
                ),
            )
            for rows in zip(*(one["changes"] for one in results), strict=True)
        ],
    )


def asked_again(result: Mapping[str, Any]) -> str:
    """Differences between the arms after the last round, and halfway."""
    return table(
        ("precision", "anchors", "this", "against", "difference", "verdict"),
        [
            (
                f"{row['precision']:g}",
                str(row["anchors"]),
                row["arm"],
                row["against"],
                number(row, "+", 4),
                row["verdict"],
            )
            for row in result["contrasts"]
            if row["anchors"] in (20, 50)
        ],
    )


def missed(result: Mapping[str, Any]) -> str:
    """On which side of the plan the others lie."""
    out = [row for row in result["check"]["rows"] if not row["holds"]]
    above = sum(row["met"]["value"] > row["planned"]["high"] for row in out)
    n = len(result["check"]["rows"])
    return (
        f"Of all {n} planned numbers {n - len(out)} hold; of the others {above} were met above and "
        f"{len(out) - above} below their interval."
    )


def outside(result: Mapping[str, Any]) -> str:
    """Statistics of the screen that none of the labs reaches."""
    names = [
        row["name"]
        for row in result["resemblance"]
        if not row["low"] - 5e-4 <= row["real"] <= row["high"] + 5e-4
    ]
    return f"Outside the range of the six labs: {'; '.join(names) or 'none'}."


def reading(result: Mapping[str, Any]) -> str:
    """Whether reading evidence pays beyond being asked again."""
    used, unread = "asked again, evidence used", "asked again, evidence not read"
    rows = [
        row
        for row in result["contrasts"]
        if row["anchors"] == 50 and (row["arm"], row["against"]) == (used, unread)
    ]
    told = "; ".join(
        f"{number(row, '+', 4)} at a precision of {row['precision']:g}, a {row['verdict']}"
        for row in rows
    )
    return f"What reading adds to being asked again, at 50 anchors: {told}.\n"


def lines(texts: Iterable[str]) -> str:
    """A Markdown list."""
    return "".join(f"- {text}\n" for text in texts)


def page(folder: Path) -> str:
    """The whole page."""
    default, k562, again = (
        json.loads((folder / name / FILES[name]).read_text()) for name in COMMANDS
    )
    model = k562["lab"]["model"]
    held = [row for row in k562["check"]["rows"] if row["quantity"] == "gain"]
    words = [
        f"{NAMES[name]}: {sum(row['holds'] for row in rows)} of {len(rows)}"
        for name in NAMES
        if (rows := [row for row in held if row["dataset"] == name])
    ]
    curves = {row["arm"]: row["questions"] for row in again["curves"] if row["anchors"] == 50}
    return (
        (DOCS / "power.md.in")
        .read_text()
        .format(
            **{f"command_{name.replace('-', '_')}": one for name, one in COMMANDS.items()},
            n_labs=default["settings"]["n_labs"],
            n_fitted_labs=k562["settings"]["n_labs"],
            n_genes=default["lab"]["n_genes"],
            anchors=default["settings"]["anchors"],
            cells_budget=default["settings"]["cells"],
            curve=curve(default),
            curve_k562=curve(k562),
            required=lines(default["statements"][:3]),
            required_k562=lines(k562["statements"][:3]),
            cells=cells(default),
            cells_k562=cells(k562),
            divisions=lines(default["statements"][3:6]),
            agents=agents(k562),
            agreement=f"{k562['panel']['agreement']:.2f}",
            more_agents=more_agents([default, k562]),
            changes=changes([default, k562]),
            resemblance=resemblance(k562),
            model=", ".join(f"{name} {value:.3g}" for name, value in model.items()),
            notices=lines(k562["notices"]),
            check=check(k562),
            held="; ".join(words),
            check_words=missed(k562),
            asked_words=reading(again),
            outside=outside(k562),
            check_labs=k562["check"]["settings"]["n_labs"],
            asked_again=asked_again(again),
            again_labs=again["settings"]["n_labs"],
            again_genes=again["settings"]["n_genes"],
            again_most=again["settings"]["most"],
            questions=f"{max(curves.values()):.0f}",
        )
    )


def main() -> None:
    """Run what is missing, copy the figures and write the page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS.parent / "build" / "power"
    run(folder)
    for name, figures in FIGURES.items():
        for figure in figures:
            for ending in ("png", "svg"):
                shutil.copy(folder / name / f"{figure}.{ending}", DOCS / "figures")
    (DOCS / "power.md").write_text(page(folder))


if __name__ == "__main__":
    main()
