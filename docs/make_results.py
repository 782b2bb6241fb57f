"""Write docs/results.md and its figures from comparisons.

Run, with MECHPERT_AL_DATA set to the folder of the data::

    python docs/make_results.py            runs the comparisons (about half an hour), then writes
    python docs/make_results.py FOLDER     writes from comparisons that are already in FOLDER
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mechpert_al.evaluation import Comparison
from mechpert_al.evaluation.compare import judged
from mechpert_al.evaluation.inputs import find_loop, load_inputs
from mechpert_al.evaluation.metrics import PRIMARY, Judge, Predicted
from mechpert_al.evaluation.screen import Screen, splits
from mechpert_al.evaluation.statistics import CrossedBootstrap, interval
from mechpert_al.report.figures import all_strategies, learning_curves, save

DOCS = Path(__file__).parent
BASELINES = (
    "--predictor kriging --predictor neighbours --predictor similarity_kriging "
    "--predictor similarity_list"
)
AGENTS = "--predictor agent:regulation --predictor agent:complex --predictor agent:response"
FEW = "--budget 50 --splits 6 --strategy expected_coverage --strategy facility_location"
COMMANDS = {
    "k562": f"mechpert-al compare k562 --splits 12 --controls {BASELINES} {AGENTS}",
    "rpe1": f"mechpert-al compare rpe1 --splits 12 --controls {BASELINES}",
    "other": "mechpert-al compare other_line --splits 12 --budget 10 --budget 20 --budget 30 "
    "--budget 50 --budget 100 --strategy expected_coverage --random-draws 10",
    "transfer": f"mechpert-al compare transfer {FEW}",
    "rounds": f"mechpert-al compare k562 --rounds 5 --strategy typiclust {FEW}",
}
SHOWN = (
    "oracle", "expected_coverage", "facility_location", "expected_correlation",
    "probabilistic_coverage", "similarity_coverage", "typiclust", "prob_cover", "prior_coverage",
    "most_proposed", "pagerank_consensus", "random", "betweenness_prior", "betweenness_prior_pool",
    "k_centre", "uncertainty", "pagerank_prior", "closeness_prior", "degree_prior",
    "eigenvector_prior",
)  # fmt: skip


def run(folder: Path) -> None:
    """Run every comparison that is not in the folder yet."""
    for name, command in COMMANDS.items():
        if not (folder / name / "comparison.json").is_file():
            arguments = command.split()[1:]
            subprocess.run(
                [sys.executable, "-m", "mechpert_al", *arguments, "--out", str(folder / name)],
                check=True,
            )

    if not (folder / "variants.json").is_file():
        script = DOCS / "make_variants.py"
        subprocess.run([sys.executable, str(script), str(folder / "variants.json")], check=True)


def variants(folder: Path) -> str:
    """Variants of kernel and predictor against the default."""
    rows = json.loads((folder / "variants.json").read_text())
    budgets = list(dict.fromkeys(row["budget"] for row in rows))
    lines = []
    for name in dict.fromkeys(row["variant"] for row in rows):
        own = [row for row in rows if row["variant"] == name]
        is_default = name == "default"
        cells = [f"{row['mean']:.3f}" if is_default else number(row, sign="+") for row in own]
        lines.append((name, *cells))
    return table(("tried", *(f"N = {budget}" for budget in budgets)), lines)


def load(folder: Path, name: str) -> Comparison:
    """A comparison that was written before."""
    document = json.loads((folder / name / "comparison.json").read_text())
    document.pop("format")
    return Comparison(**document)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def number(one: dict[str, Any] | None, value: str = "value", sign: str = "") -> str:
    """A number with its interval."""
    if one is None:
        return ""
    return f"{one[value]:{sign}.3f} [{one['low']:{sign}.3f}, {one['high']:{sign}.3f}]"


def row_of(result: Comparison, dataset: str, **wanted: Any) -> Any:
    """The one summary row with these values."""
    (row,) = result.rows(**{"dataset": dataset, "metric": "pearson_centred", "rounds": 1, **wanted})
    return row


def area_of(result: Comparison, dataset: str, strategy: str, predictor: str) -> str:
    """Normalised area with its interval."""
    rows = result.rows(
        dataset=dataset, strategy=strategy, predictor=predictor, metric="normalised_area"
    )
    return number(rows[0], "mean") if rows else ""


def strategies(result: Comparison, predictor: str) -> str:
    """Every shown strategy at 50 anchors under one predictor."""
    dataset = result.datasets[0]
    rows = []
    for name in SHOWN:
        row = row_of(result, dataset, strategy=name, predictor=predictor, budget=50)
        gain, ratio = row["gain_over_random"], row["ratio_to_best_centrality"]
        rows.append(
            (
                f"`{name}`",
                number(row, "mean"),
                area_of(result, dataset, name, predictor),
                "" if gain is None else f"{number(gain, sign='+')} {gain['verdict']}",
                "" if gain is None else f"{gain['p_holm']:.4f}" if gain["p_holm"] else "",
                "" if gain is None else f"{row['random_percentile']:.0f}",
                "" if ratio is None else number(ratio),
            )
        )
    header = (
        "strategy", "Pearson, N = 50", "area 10–50", "over random", "p (Holm)", "percentile",
        "ratio to best centrality",
    )  # fmt: skip
    return table(header, rows)


def curves(results: Sequence[Comparison], predictor: str) -> str:
    """Means at every budget for the strategies that matter."""
    budgets = results[0].protocol["budgets"]
    rows = []
    for result in results:
        (dataset,) = result.datasets
        for name in ("oracle", "expected_coverage", "similarity_coverage", "random"):
            means = [
                f"{rows_[0]['mean']:.3f}" if rows_ else ""
                for rows_ in (
                    result.rows(
                        dataset=dataset, strategy=name, predictor=predictor, budget=budget,
                        metric="pearson_centred", rounds=1,
                    )
                    for budget in budgets
                )
            ]  # fmt: skip
            rows.append((dataset, f"`{name}`", *means))
    return table(("data", "strategy", *map(str, budgets)), rows)


def headline(results: Sequence[Comparison]) -> str:
    """The default against random, centralities and panel heuristics, with two predictors."""
    rows = []
    for result in results:
        (dataset,) = result.datasets
        for predictor in ("kriging", "neighbours"):
            wanted = {"predictor": predictor, "budget": 50}
            own = row_of(result, dataset, strategy="expected_coverage", **wanted)
            random = row_of(result, dataset, strategy="random", **wanted)
            best, panel = own["ratio_to_best_centrality"], own["ratio_to_best_panel_heuristic"]
            rows.append(
                (
                    dataset,
                    predictor,
                    number(own, "mean"),
                    number(random, "mean"),
                    number(own["gain_over_random"], sign="+"),
                    f"{number(best)} `{best['which']}`",
                    f"{number(panel)} `{panel['which']}`",
                )
            )
    header = (
        "data", "predictor", "expected coverage", "random (50 draws)", "gain over random",
        "ratio to best centrality", "ratio to best panel heuristic",
    )  # fmt: skip
    return table(header, rows)


def contrasts(results: Sequence[Comparison]) -> str:
    """The default predictor against the others, paired."""
    rows = [
        (
            row["dataset"],
            f"`{row['strategy']}` + `{row['predictor']}`",
            f"`{row['against_strategy']}` + `{row['against_predictor']}`",
            f"{row['value']:.3f}",
            f"{row['against']:.3f}",
            f"{number(row['gain'], sign='+')} {row['gain']['verdict']}",
            f"{row['ratio']['value']:.2f}" if row["ratio"] else "",
        )
        for result in results
        for row in result.contrasts
    ]
    header = ("data", "this", "against", "this", "that", "difference", "ratio")
    return table(header, rows)


def controls(results: Sequence[Comparison]) -> str:
    """What the controls did."""
    words = {True: "fails, as it must", False: "**DOES NOT FAIL**", None: "reported, no rule"}
    rows = [
        (
            row["dataset"],
            f"`{row['control']}`",
            row["as"],
            number(row),
            f"{row['against']:.3f}" if "against" in row else "",
            number(row.get("difference"), sign="+"),
            words[row["fails_as_it_must"]],
        )
        for result in results
        for row in result.controls
    ]
    header = ("data", "control", "as", "value", "against", "difference", "verdict")
    return table(header, rows)


def adapting(result: Comparison) -> str:
    """Rounds against one shot."""
    rows = [
        (
            f"`{row['strategy']}`",
            "yes" if row["learns"] else "no",
            str(row["budget"]),
            f"{number(row['gain_over_one_shot'], sign='+')} {row['gain_over_one_shot']['verdict']}",
        )
        for row in result.adapting
        if row["predictor"] == "kriging" and row["budget"] >= 50
    ]
    return table(("strategy", "learns", "N", "five rounds − one shot"), rows)


class Kept:
    """Scores of the default strategy, gene by gene, from the kept parts of one comparison.

    Parameters
    ----------
    folder
        Where the comparison was written.
    genes, tests
        Names of the candidates, and each split's test genes as candidate numbers.
    """

    def __init__(self, folder: Path, genes: tuple[str, ...], tests: Sequence[np.ndarray]) -> None:
        self.tables: dict[tuple[str, int], np.ndarray] = {}
        for path in sorted((folder / "parts").glob("*.npz")):
            with np.load(path, allow_pickle=False) as file:
                about, scores = json.loads(file["about"].tobytes()), file["scores"]
            for (_, strategy, predictor, budget, rounds, metrics), numbers in zip(
                about["cells"], scores, strict=True
            ):
                if (strategy, rounds) == ("expected_coverage", 1):
                    table = np.full((len(tests), len(genes)), np.nan)
                    table = self.tables.setdefault((predictor, budget), table)
                    split = about["split"]
                    table[split, tests[split]] = numbers[metrics.index(PRIMARY)]
        self.budgets = sorted({budget for _, budget in self.tables})

    def mean(self, predictor: str, budget: int) -> float:
        """Mean over genes and splits."""
        return float(np.nanmean(self.tables[predictor, budget]))


def line_section(folder: Path, other: Comparison) -> dict[str, str]:
    """What the section about another line says."""
    loop, path = find_loop("other_line")
    loaded = load_inputs(loop, path)
    (screen,), _ = judged(loaded.judges, loaded.knowledge, None)
    settings = loop.compare.splits, loop.compare.test_fraction, loop.seed
    tests = [split.test for split in splits(screen, *settings)]
    both, alone = (Kept(folder / name, screen.genes, tests) for name in ("other", "rpe1"))
    bootstrap = CrossedBootstrap.draw(len(tests), len(screen.genes), loop.seed)
    gains = {
        row["against_predictor"]: f"{number(row['gain'], sign='+')} ({row['gain']['verdict']})"
        for row in other.contrasts
        if row["strategy"] == row["against_strategy"] == "expected_coverage"
    }
    return {
        "other_line": other_line(both, alone, bootstrap),
        "saved": "; ".join(saved(both, alone, bootstrap, budget) for budget in (20, 50)),
        "copied": copied(screen, settings),
        "over_similarity": gains["similarity_co_kriging"],
    }


def other_line(both: Kept, alone: Kept, bootstrap: CrossedBootstrap) -> str:
    """Every predictor with another line known, kriging without, and paired differences."""
    predictors = list(dict.fromkeys(predictor for predictor, _ in both.tables))
    rows = []
    for source, predictor, known in (
        *((both, one, "K562 not read" if one == "neighbours" else "K562 known")
          for one in predictors),
        (alone, "kriging", "RPE1 alone"),
    ):  # fmt: skip
        tables = [source.tables[predictor, n] for n in both.budgets]
        cells = [interval(float(np.nanmean(one)), bootstrap.means(one)) for one in tables]
        rows.append((f"`{predictor}`, {known}", *(number(asdict(cell)) for cell in cells)))
    for source, known in ((both, "K562 known"), (alone, "RPE1 alone")):
        cells = []
        for n in both.budgets:
            ours, theirs = both.tables["co_kriging", n], source.tables["kriging", n]
            draws = bootstrap.means(ours) - bootstrap.means(theirs)
            cells.append(interval(float(np.nanmean(ours) - np.nanmean(theirs)), draws))
        told = (number(asdict(cell), sign="+") for cell in cells)
        rows.append((f"`co_kriging` minus `kriging`, {known}", *told))
    return table(("expected coverage with", *map(str, both.budgets)), rows)


def saved(both: Kept, alone: Kept, bootstrap: CrossedBootstrap, budget: int) -> str:
    """How many anchors without another line reach what co-kriging reaches."""
    reached = bootstrap.means(both.tables["co_kriging", budget])
    curves = [bootstrap.means(alone.tables["kriging", n]) for n in alone.budgets]
    needed = [
        np.interp(value, [curve[draw] for curve in curves], alone.budgets)
        for draw, value in enumerate(reached)
    ]
    mean = both.mean("co_kriging", budget)
    curve = [alone.mean("kriging", n) for n in alone.budgets]
    one = interval(float(np.interp(mean, curve, alone.budgets)), np.array(needed))
    return (
        f"{budget} anchors reach {mean:.3f}, for which RPE1 alone takes {one.value:.0f} "
        f"[{one.low:.0f}, {one.high:.0f}]"
    )


def copied(screen: Screen, settings: tuple[int, float, int]) -> str:
    """Mean correlation of the other line's own profiles with the test genes' deviations."""
    line = screen.rotated(screen.line)
    profiles = np.zeros((len(screen.genes), line.unit.shape[1]))
    profiles[line.numbers] = line.unit
    nothing = np.zeros(line.unit.shape[1])
    met = []
    for split in splits(screen, *settings):
        predicted = Predicted(profiles[split.test], nothing, is_reduced=True)
        met.append(Judge(screen, split).score([predicted])[0][PRIMARY].mean())
    return f"{np.mean(met):.3f}"


def page(folder: Path) -> str:
    """The whole page."""
    k562, rpe1 = load(folder, "k562"), load(folder, "rpe1")
    other, transfer, rounds = (load(folder, name) for name in ("other", "transfer", "rounds"))
    lines = [k562, rpe1]
    protocol = k562.protocol
    note = next(text for text in transfer.notices if "settings chosen" in text)
    return (
        (DOCS / "results.md.in")
        .read_text()
        .format(
            n_splits=protocol["n_splits"],
            draws=protocol["random_draws"],
            headline=headline(lines),
            curves=curves(lines, "kriging"),
            k562=strategies(k562, "kriging"),
            rpe1=strategies(rpe1, "kriging"),
            k562_neighbours=strategies(k562, "neighbours"),
            rpe1_neighbours=strategies(rpe1, "neighbours"),
            contrasts=contrasts(lines),
            controls=controls(lines),
            adapting=adapting(rounds),
            note=note,
            variants=variants(folder),
            **line_section(folder, other),
            **{f"command_{name}": command for name, command in COMMANDS.items()},
        )
    )


def main() -> None:
    """Run what is missing, write the figures and the page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS.parent / "build" / "results"
    run(folder)
    for name in ("k562", "rpe1"):
        result = load(folder, name)
        (dataset,) = result.datasets
        figures = {
            f"learning-curves-{dataset}-kriging": learning_curves(result, dataset, "kriging"),
            f"strategies-{dataset}-kriging": all_strategies(result, dataset, "kriging"),
        }
        save(figures, DOCS / "figures")
    (DOCS / "results.md").write_text(page(folder))


if __name__ == "__main__":
    main()
