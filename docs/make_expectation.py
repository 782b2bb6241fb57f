"""Fit and check how accuracy is expected; write docs/expectation.md and its figure.

Run, with MECHPERT_AL_DATA set to the folder of the data::

    python docs/make_expectation.py           fits, checks (about 40 minutes), then writes
    python docs/make_expectation.py FOLDER    writes from the tables that are already in FOLDER

Fitted on development genes of K562 and on virtual labs 0–59; checked on other splits of these
genes, on RPE1, and on virtual labs 1000–1199. Panels are good and bad, designs are the default's,
random ones, and the adaptive method's in rounds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from make_results import table
from scipy.stats import spearmanr

from mechpert_al.consensus import Knowledge, coverage
from mechpert_al.design import DesignState, build_strategy
from mechpert_al.evaluation.compare import judged
from mechpert_al.evaluation.degradation import degraded
from mechpert_al.evaluation.inputs import find_loop, load_inputs
from mechpert_al.evaluation.metrics import PRIMARY, Judge
from mechpert_al.evaluation.screen import Screen, Split, splits
from mechpert_al.prediction import build_predictor
from mechpert_al.prediction.expectation import (
    AHEAD,
    EVEN,
    FLOOR,
    GROWTH,
    LEVEL,
    SELECTED,
    SPREAD,
    WIDTH,
    expectation,
)
from mechpert_al.prediction.left_out import left_out_correlations
from mechpert_al.report.figures import save
from mechpert_al.report.looks import PAPER, sized, styled
from mechpert_al.virtual import VirtualLab

DOCS = Path(__file__).parent
BUDGETS = (10, 20, 30, 50, 100)
KINDS = (
    "none", "random:0.25", "random:0.5", "random:0.75", "random:1", "one_random", "shuffled",
    "permuted",
)  # fmt: skip
COLOURS = ["#0072b2", "#d55e00", "#009e73"]
#: Targets are ranked only where predictions are of some use: from this mean correlation.
USEFUL = 0.1
#: (strategy, predictor) of each method.
METHODS = (
    ("expected_coverage", "kriging"),
    ("random", "kriging"),
    ("adaptive_coverage", "adaptive_kriging"),
)


def situations(
    known: Knowledge, screen: Screen, split: Split, method: tuple[str, str], seed: int
) -> Iterator[dict[str, Any]]:
    """One row for each budget: what the anchors say, and what is met on the test genes."""
    strategy, judge = build_strategy(method[0]), Judge(screen, split)
    anchors = np.zeros(0, dtype=int)
    for number, budget in enumerate(b for b in BUDGETS if b <= 0.7 * len(split.pool)):
        state = DesignState(
            known,
            np.setdiff1d(split.pool, anchors),
            anchors,
            screen.coordinates[screen.row_of[anchors]] if len(anchors) else None,
            seed=seed,
            round=number + 1,
        )
        picks = strategy.select(state, budget - len(anchors)).picks
        anchors = np.sort(np.concatenate([anchors, picks]).astype(int))
        model = build_predictor(method[1], known)
        predicted = judge.predict(model, anchors)
        met = judge.score([predicted])[0][PRIMARY]
        of_test = np.sqrt(coverage(model.kernel_, model.anchors_)[split.test])
        told = expectation(model)
        among = model.kernel_[np.ix_(model.anchors_, model.anchors_)]
        left_out = left_out_correlations(among[None], model.correlation_)[0]
        scored = np.isfinite(met)
        expected = told.of_targets(of_test)
        yield {
            "method": method[0],
            "n": budget,
            "left_out": left_out.mean(),
            "deviation": left_out.std(),
            "met": met[scored].mean(),
            "expected": told.mean,
            "error": told.error,
            "root": told.root,
            "slope": np.polyfit(of_test[scored], met[scored], 1)[0],
            "spearman": spearmanr(expected[scored], met[scored])[0],
            "by_tenth": _by_tenth(expected[scored], met[scored]),
        }


def _by_tenth(expected: np.ndarray, met: np.ndarray) -> list[list[float]]:
    """Mean expected and mean met of each tenth of the targets, by what was expected."""
    order = np.argsort(expected, kind="stable")
    return [
        [float(expected[part].mean()), float(met[part].mean())]
        for part in np.array_split(order, 10)
    ]


def real_rows(name: str, n_splits: int, seed: int, every_method: bool) -> list[dict[str, Any]]:
    """Situations on a measured screen; the kind of panel goes round with the splits."""
    loop, path = find_loop("robustness")
    loaded = load_inputs(loop, path)
    screens, known = judged(loaded.judges, loaded.knowledge, None)
    screen = next(one for one in screens if one.name == name)
    genes = "development" if name == "K562" else "all"
    rows = []
    for split in splits(screen, n_splits, 0.4, seed, genes):
        kind = KINDS[split.number % len(KINDS)]
        panel = known if kind == "none" else degraded(known, kind, seed + split.number)
        turn = split.number // len(KINDS) % len(METHODS)
        for method in METHODS if every_method else METHODS[turn : turn + 1]:
            found = situations(panel, screen, split, method, seed + split.number)
            rows += [{"source": name, "unit": split.number, "kind": kind, **row} for row in found]
    return rows


def virtual_rows(seeds: Sequence[int], every_method: bool) -> list[dict[str, Any]]:
    """Situations in virtual labs of every size, noise and quality of agents and literature."""
    rows = []
    for seed in seeds:
        draw = np.random.default_rng([seed, 77])
        cells = float(np.exp(draw.uniform(np.log(20), np.log(500))))
        lab = VirtualLab(seed, int(draw.integers(120, 400)), 300, cells)
        quality, similarity = draw.uniform(0, 1, 2)
        panel = lab.panel(float(quality), similarity=float(similarity))
        known = Knowledge.from_panel(panel, lab.network(float(draw.uniform(0, 0.8))))
        screen = Screen.of("lab", lab.effects(), known.genes)
        split = next(splits(screen, 1, 0.4, seed))
        turn = seed % len(METHODS)
        for method in METHODS if every_method else METHODS[turn : turn + 1]:
            found = situations(known, screen, split, method, seed)
            rows += [{"source": "virtual", "unit": seed, "kind": "", **row} for row in found]
    return rows


PARTS = {
    "fit_K562": lambda: real_rows("K562", 24, 500, True),
    "fit_virtual": lambda: virtual_rows(range(60), True),
    "check_K562": lambda: real_rows("K562", 200, 900, False),
    "check_virtual": lambda: virtual_rows(range(1000, 1200), False),
    "check_RPE1": lambda: real_rows("RPE1", 200, 900, False),
}


def fitted(rows: pd.DataFrame) -> dict[str, float]:
    """The constants, by least squares; either source has the same weight in all."""
    weight = 1 / rows.groupby("source")["met"].transform("size")
    root_n = np.sqrt(rows["n"])
    X = np.column_stack([rows["left_out"], -rows["left_out"] / root_n])
    scale = np.sqrt(weight)
    level, selected = np.linalg.lstsq(
        X * scale.to_numpy()[:, None], rows["met"] * scale, rcond=None
    )[0]
    error = rows["met"] - X @ [level, selected]
    squares = np.column_stack([np.ones(len(rows)), rows["deviation"] ** 2 / rows["n"]])
    floor, spread = np.linalg.lstsq(
        squares * scale.to_numpy()[:, None], error**2 * scale, rcond=None
    )[0]
    useful = rows[(rows["met"] > USEFUL) & (rows["n"] >= 20)]
    even = 1 - np.median(useful["slope"] * useful["root"] / useful["met"])
    steps = _steps(rows)
    usable = steps[(steps["met_now"] > USEFUL) & (steps["met"] > USEFUL)]
    rise = np.log(usable["root"] / usable["root_now"])
    growth = (rise * np.log(usable["met"] / usable["met_now"])).sum() / (rise**2).sum()
    return {
        "LEVEL": level,
        "SELECTED": selected,
        "EVEN": even,
        "GROWTH": growth,
        "FLOOR": max(floor, 0) ** 0.5,
        "SPREAD": max(spread, 0) ** 0.5,
    }


def _steps(rows: pd.DataFrame) -> pd.DataFrame:
    """Each situation beside the one before it, of the same unit and method."""
    keys = ["source", "unit", "method"]
    before = rows.groupby(keys).shift(1).add_suffix("_now")
    return rows.join(before.drop(columns="by_tenth_now")).dropna(subset="n_now")


def constants(fit: pd.DataFrame) -> str:
    """What the fit gives beside what the software uses."""
    used = {"LEVEL": LEVEL, "SELECTED": SELECTED, "EVEN": EVEN, "GROWTH": GROWTH,
            "FLOOR": FLOOR, "SPREAD": SPREAD}  # fmt: skip
    rows = [(name, f"{value:.2f}", f"{used[name]:.2f}") for name, value in fitted(fit).items()]
    return table(("constant", "fitted", "used"), rows)


def _holds(rows: pd.DataFrame) -> pd.Series:
    """Whether what was met lies in the 90 % interval."""
    return (rows["met"] - rows["expected"]).abs() <= WIDTH * rows["error"]


def held(rows: pd.DataFrame) -> str:
    """How often intervals hold, by source and number of anchors."""
    lines = []
    for (source, n), some in rows.groupby(["source", "n"], sort=False):
        inside = _holds(some)
        lines.append(
            (
                source,
                str(n),
                str(len(some)),
                f"{inside.mean():.0%}",
                f"{some['expected'].mean():.3f}",
                f"{some['met'].mean():.3f}",
                f"{WIDTH * some['error'].mean():.3f}",
                f"{some.loc[some['met'] > USEFUL, 'spearman'].median():.2f}",
            )
        )
    header = (
        "data", "N", "situations", "intervals that hold", "expected mean", "met", "half width",
        "Spearman between targets",
    )  # fmt: skip
    return table(header, lines)


def overall(rows: pd.DataFrame) -> str:
    """One sentence a source."""
    told = []
    for source, some in rows.groupby("source", sort=False):
        inside = _holds(some)
        useful = some[some["met"] > USEFUL]
        told.append(
            f"{source}: {inside.mean():.1%} of {len(some)} intervals hold "
            f"({some['unit'].nunique()} splits or labs); median Spearman correlation between "
            f"targets {useful['spearman'].median():.2f}"
        )
    return "; ".join(told) + "."


def steps_held(rows: pd.DataFrame) -> str:
    """What was expected of the next step, against what was met there."""
    steps = _steps(rows)
    rise = np.log(steps["root"] / steps["root_now"])
    half = WIDTH * np.hypot(steps["error_now"], AHEAD * rise)
    promised = steps["expected_now"] * np.exp(GROWTH * rise)
    steps = steps.assign(promised=promised, inside=(steps["met"] - promised).abs() <= half)
    lines = [
        (
            source,
            f"{int(before)} → {n}",
            str(len(some)),
            f"{some['inside'].mean():.0%}",
            f"{some['promised'].mean():.3f}",
            f"{some['met'].mean():.3f}",
        )
        for (source, before, n), some in steps.groupby(["source", "n_now", "n"], sort=False)
    ]
    header = ("data", "N", "situations", "intervals that hold", "expected later", "met")
    return table(header, lines)


def reliability_figure(rows: pd.DataFrame) -> alt.Chart:
    """Expected against met, tenths of the targets."""
    points = [
        {"data": source, "expected": expected, "met": met, "N": n}
        for source, n, tenths in zip(rows["source"], rows["n"], rows["by_tenth"], strict=True)
        for expected, met in tenths
    ]
    frame = pd.DataFrame(points)
    frame["class"] = frame.groupby("data")["expected"].transform(
        lambda values: pd.qcut(values, 15, labels=False)
    )
    shown = frame.groupby(["data", "class"], as_index=False)[["expected", "met"]].mean()
    ideal = pd.DataFrame({"expected": [0, 0.7], "met": [0, 0.7]})
    line = alt.Chart(ideal).mark_line(color="gray", strokeDash=[4, 3]).encode(x="expected", y="met")
    curve = (
        alt.Chart(shown)
        .mark_line(point=True)
        .encode(
            x=alt.X("expected", title="expected correlation"),
            y=alt.Y("met", title="met correlation"),
            color=alt.Color(
                "data", scale=alt.Scale(range=["#0072b2", "#d55e00", "#009e73"]), title=None
            ),
            shape=alt.Shape("data", legend=None),
        )
    )
    return styled(sized(line + curve, PAPER), PAPER)


def main() -> None:
    """Make the tables that are missing, and write the page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS.parent / "build" / "expectation"
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in PARTS.items():
        if not (folder / f"{name}.json").is_file():
            pd.DataFrame(rows()).to_json(folder / f"{name}.json", orient="records")
    found = {name: pd.read_json(folder / f"{name}.json") for name in PARTS}
    fit = pd.concat(
        [one for name, one in found.items() if name.startswith("fit")], ignore_index=True
    )
    check = pd.concat(
        [one for name, one in found.items() if name.startswith("check")], ignore_index=True
    )
    save({"expectation": reliability_figure(check)}, DOCS / "figures")
    (DOCS / "expectation.md").write_text(
        (DOCS / "expectation.md.in")
        .read_text()
        .format(
            constants=constants(fit),
            overall=overall(check),
            held=held(check),
            steps=steps_held(check),
            useful=USEFUL,
        )
    )


if __name__ == "__main__":
    main()
