"""From scores to statements: means with intervals, gains, ratios, and what the controls did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from mechpert_al.design.strategy import build_strategy
from mechpert_al.evaluation.controls import PREFIX
from mechpert_al.evaluation.metrics import METRICS, PRIMARY
from mechpert_al.evaluation.protocol import AREA, Protocol
from mechpert_al.evaluation.split_scores import Cell, SplitScores
from mechpert_al.evaluation.statistics import (
    CrossedBootstrap,
    Interval,
    bootstrap_p,
    interval,
    known_mean,
    share_below,
    verdict,
)

#: Metrics where more is better; only for these are gains and ratios stated.
GAINED = tuple(metric for metric in METRICS if metric != "mse_ratio")
#: Baselines that choose their own anchors for their own predictor: (strategy, predictor).
OWN_ANCHORS = (("similarity_coverage", "similarity_kriging"), ("prior_coverage", "prior_kriging"))
GROUPS = {
    "ratio_to_best_centrality": "centrality",
    "ratio_to_best_panel_heuristic": "panel heuristic",
}


class ScoreTable:
    """Scores of one data set as tables of splits × genes, with their resampled means."""

    def __init__(self, name: str, results: Sequence[SplitScores], protocol: Protocol) -> None:
        self.name = name
        self.protocol = protocol
        self.results = results
        self.splits = {one.split.number: one.split for one in results}
        self.genes = np.unique([gene for one in results for gene in one.genes])  # by name
        self.scores: dict[tuple[Cell, str], np.ndarray] = {}
        for one in results:
            columns = np.searchsorted(self.genes, one.genes)
            for cell, metrics in one.scores.items():
                for metric, values in metrics.items():
                    self._table(cell, metric)[one.split.number, columns] = values
        self.bootstrap = CrossedBootstrap.draw(len(self.splits), len(self.genes), protocol.seed)
        self._draws: dict[tuple[Cell, str], np.ndarray] = {}
        self._means: dict[tuple[Cell, str], float] = {}
        self._group_of = {name: build_strategy(name).group for name in protocol.designs}

    def _table(self, cell: Cell, metric: str) -> np.ndarray:
        shape = (len(self.splits), len(self.genes))
        return self.scores.setdefault((cell, metric), np.full(shape, np.nan))

    def draws(self, cell: Cell, metric: str) -> np.ndarray:
        """Resampled means of a cell."""
        if (cell, metric) not in self._draws:
            self._draws[cell, metric] = self.bootstrap.means(self.scores[cell, metric])
        return self._draws[cell, metric]

    def mean(self, cell: Cell, metric: str) -> float:
        """Mean over all scored targets and splits."""
        if (cell, metric) not in self._means:
            values = self.scores[cell, metric]
            known = ~np.isnan(values)
            self._means[cell, metric] = float(values[known].mean()) if known.any() else np.nan
        return self._means[cell, metric]

    @cached_property
    def listed(self) -> list[Cell]:
        """The cells of strategies and predictors proper, without controls."""
        return [
            cell
            for cell in dict.fromkeys(cell for cell, _ in self.scores)
            if not (cell.strategy.startswith(PREFIX) or cell.predictor.startswith(PREFIX))
        ]

    def group(self, name: str) -> list[str]:
        """The compared strategies of one group."""
        return [strategy for strategy, group in self._group_of.items() if group == name]

    # ------------------------------------------------------------------ rows
    def summary(self) -> Iterator[dict[str, Any]]:
        """One row a cell and metric, then the areas."""
        for cell in self.listed:
            for metric in METRICS:
                yield self._summary_row(cell, metric)
        yield from self._areas()

    def _summary_row(self, cell: Cell, metric: str) -> dict[str, Any]:
        mean = interval(self.mean(cell, metric), self.draws(cell, metric))
        known = ~np.isnan(self.scores[cell, metric])
        row: dict[str, Any] = {
            "dataset": self.name,
            "strategy": cell.strategy,
            "predictor": cell.predictor,
            "budget": cell.budget,
            "rounds": cell.rounds,
            "metric": metric,
            **_numbers(mean, "mean"),
            "n": int(known.sum()),
            "n_genes": int(known.any(axis=0).sum()),
            "random_spread": None,
            "random_percentile": None,
            "gain_over_random": None,
            "gain_over_best_centrality": None,
            **dict.fromkeys(GROUPS),
        }
        if cell.strategy == "random":
            row["random_spread"] = self._spread(cell, metric)
        if cell.strategy == "random" or metric not in GAINED:
            return row
        random = cell._replace(strategy="random", rounds=1)
        row["random_percentile"] = self._percentile(cell, random, metric)
        row["gain_over_random"] = self._gain(cell, random, metric)
        for key, group in GROUPS.items():
            best = self._best(group, cell, metric)
            if best is not None:
                row[key] = self._ratio(cell, best, metric)
        best = self._best("centrality", cell, metric)
        if best is not None and best.strategy != cell.strategy:
            gain = self._gain(cell, best, metric)
            row["gain_over_best_centrality"] = {**gain, "which": best.strategy}
        return row

    def _best(self, group: str, cell: Cell, metric: str) -> Cell | None:
        """The best one-shot strategy of a group by its mean, under the same predictor."""
        rivals = [
            cell._replace(strategy=name, rounds=1)
            for name in self.group(group)
            if (cell._replace(strategy=name, rounds=1), metric) in self.scores
        ]
        return max(rivals, key=lambda rival: self.mean(rival, metric), default=None)

    def _spread(self, random: Cell, metric: str) -> dict[str, float] | None:
        """Where 95 % of the random designs of a split fall, mean over splits."""
        parts = [one.random_means for one in self.results if random in one.random_means]
        draws = [part[random][metric] for part in parts]
        ends = [np.quantile(one, [0.025, 0.975]) for one in draws if np.isfinite(one).all()]
        return (
            dict(zip(("low", "high"), np.mean(ends, axis=0).tolist(), strict=True))
            if ends
            else None
        )

    def _percentile(self, cell: Cell, random: Cell, metric: str) -> float:
        """Per cent of random draws of the same split that score lower, mean over splits."""
        shares = []
        for one in self.results:
            if random in one.random_means:
                own = known_mean(self.scores[cell, metric][one.split.number])
                shares.append(share_below(one.random_means[random][metric], float(own)))
        return float(100 * np.mean(shares))

    def _gain(self, cell: Cell, rival: Cell, metric: str) -> dict[str, Any]:
        """The difference of means with its interval; ``p`` is adjusted later."""
        draws = self.draws(cell, metric) - self.draws(rival, metric)
        gain = interval(self.mean(cell, metric) - self.mean(rival, metric), draws)
        own, other = self.scores[cell, metric], self.scores[rival, metric]
        better = _gene_means(own - other)
        return {
            **_numbers(gain),
            "p": bootstrap_p(draws),
            "win_rate": float(((better > 0) + 0.5 * (better == 0)).mean()) if better.size else None,
            "verdict": verdict(gain),
        }

    def _ratio(self, cell: Cell, rival: Cell, metric: str) -> dict[str, Any] | None:
        below = self.mean(rival, metric)
        if not below > 0:
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            draws = self.draws(cell, metric) / self.draws(rival, metric)
        ratio = interval(self.mean(cell, metric) / below, draws)
        return {**_numbers(ratio), "which": rival.strategy}

    # ------------------------------------------------------------------ area
    def _areas(self) -> Iterator[dict[str, Any]]:
        """Area under the learning curve between the budgets of `AREA`, against the oracle's."""
        budgets = [b for b in self.protocol.budgets if AREA[0] <= b <= AREA[1]]
        if len(budgets) < 2 or budgets[0] != AREA[0] or budgets[-1] != AREA[1]:
            return
        oracle = Cell(self.name, "oracle", self.protocol.default_predictor, budgets[0])
        if not all((oracle._replace(budget=b), PRIMARY) in self.scores for b in budgets):
            return
        ceiling, ceiling_draws = self._area(oracle, budgets)
        for start in (cell for cell in self.listed if cell.budget == budgets[0]):
            if not all((start._replace(budget=b), PRIMARY) in self.scores for b in budgets):
                continue
            value, draws = self._area(start, budgets)
            area = interval(value / ceiling, draws / ceiling_draws)
            yield {
                "dataset": self.name,
                "strategy": start.strategy,
                "predictor": start.predictor,
                "budget": None,
                "rounds": start.rounds,
                "metric": "normalised_area",
                **_numbers(area, "mean"),
                "n": int((~np.isnan(self.scores[start, PRIMARY])).sum()),
                "n_genes": len(self.genes),
                "random_spread": None,
                "random_percentile": None,
                "gain_over_random": None,
                "gain_over_best_centrality": None,
                **dict.fromkeys(GROUPS),
            }

    def _area(self, start: Cell, budgets: Sequence[int]) -> tuple[float, np.ndarray]:
        cells = [start._replace(budget=budget) for budget in budgets]
        means = [self.mean(cell, PRIMARY) for cell in cells]
        draws = np.array([self.draws(cell, PRIMARY) for cell in cells])
        return float(np.trapezoid(means, budgets)), np.trapezoid(draws, budgets, axis=0)

    # ------------------------------------------------------------------ the other lists
    def cells(self) -> Iterator[dict[str, Any]]:
        """One row a cell, split and metric."""
        for (cell, metric), values in self.scores.items():
            for split, row in enumerate(values):
                known = row[~np.isnan(row)]
                yield {
                    "dataset": self.name,
                    "strategy": cell.strategy,
                    "predictor": cell.predictor,
                    "budget": cell.budget,
                    "rounds": cell.rounds,
                    "split": split,
                    "metric": metric,
                    "value": float(known.mean()) if known.size else None,
                }

    def controls(self) -> Iterator[dict[str, Any]]:
        """What each control did at the stated budget, by the rules fixed beforehand."""
        protocol, budget = self.protocol, self.protocol.stated_budget
        real = Cell(self.name, protocol.default_strategy, protocol.default_predictor, budget)
        random = real._replace(strategy="random")
        for cell in [c for c, metric in self.scores if metric == PRIMARY and c.budget == budget]:
            as_design = cell.strategy.startswith(PREFIX)
            if not (as_design or cell.predictor.startswith(PREFIX)):
                continue
            name = (cell.strategy if as_design else cell.predictor).removeprefix(PREFIX)
            kind, _, learner = name.partition(":")
            rule = CONTROL_RULES.get((kind, "design" if as_design else "predictor"))
            row: dict[str, Any] = {
                "dataset": self.name,
                "control": PREFIX + name,
                "as": "design" if as_design else "predictor",
                "budget": budget,
                **_numbers(interval(self.mean(cell, PRIMARY), self.draws(cell, PRIMARY))),
                "rule": "reported beside the controls, no rule" if rule is None else rule,
                "fails_as_it_must": None,
            }
            if rule is not None:
                versus = random if as_design else real
                if learner:
                    versus = real._replace(strategy=learner)
                if name in BESIDE:
                    versus = real._replace(predictor=PREFIX + BESIDE[name])
                row["against"] = self.mean(versus, PRIMARY)
                row["difference"] = _numbers(
                    interval(
                        self.mean(versus, PRIMARY) - self.mean(cell, PRIMARY),
                        self.draws(versus, PRIMARY) - self.draws(cell, PRIMARY),
                    )
                )
                same = np.array_equal(
                    self.scores[versus, PRIMARY], self.scores[cell, PRIMARY], equal_nan=True
                )
                if name == "permuted_measured" and same:  # the step was left out in every fit
                    row["rule"] = "does not apply: measured correlations could not be estimated"
                else:
                    row["fails_as_it_must"] = _fails(name, as_design, row)
            yield row

    def adapting(self) -> Iterator[dict[str, Any]]:
        """Rounds minus one shot, same budget, same predictor."""
        for cell in self.listed:
            one_shot = cell._replace(rounds=1)
            if cell.rounds > 1 and (one_shot, PRIMARY) in self.scores:
                gain = self._gain(cell, one_shot, PRIMARY)
                gain.pop("p")
                yield {
                    "dataset": self.name,
                    "strategy": cell.strategy,
                    "predictor": cell.predictor,
                    "budget": cell.budget,
                    "rounds": cell.rounds,
                    "learns": build_strategy(cell.strategy).learns,
                    "gain_over_one_shot": gain,
                }

    def contrasts(self) -> Iterator[dict[str, Any]]:
        """The default predictor against each other one, with the same and with its own anchors."""
        protocol, budget = self.protocol, self.protocol.stated_budget
        default = Cell(self.name, protocol.default_strategy, protocol.default_predictor, budget)
        pairs = [
            (default._replace(strategy=strategy), default._replace(strategy=strategy, predictor=p))
            for strategy in (protocol.default_strategy, "random")
            for p in protocol.predictors
            if p != protocol.default_predictor
        ]
        pairs += [(default, default._replace(strategy=s, predictor=p)) for s, p in OWN_ANCHORS]
        for ours, other in pairs:
            if (ours, PRIMARY) in self.scores and (other, PRIMARY) in self.scores:
                gain = self._gain(ours, other, PRIMARY)
                gain.pop("p")
                yield {
                    "dataset": self.name,
                    "budget": budget,
                    "strategy": ours.strategy,
                    "predictor": ours.predictor,
                    "against_strategy": other.strategy,
                    "against_predictor": other.predictor,
                    "value": self.mean(ours, PRIMARY),
                    "against": self.mean(other, PRIMARY),
                    "gain": gain,
                    "ratio": self._ratio(ours, other, PRIMARY),
                }

    def targets(self) -> Iterator[dict[str, Any]]:
        """The default against random gene by gene, at the stated budget; means over splits."""
        protocol, budget = self.protocol, self.protocol.stated_budget
        default = Cell(self.name, protocol.default_strategy, protocol.default_predictor, budget)
        pair = (default, default._replace(strategy="random"))
        if not all((cell, PRIMARY) in self.scores for cell in pair):
            return
        own, random = (known_mean(self.scores[cell, PRIMARY], axis=0) for cell in pair)
        n_splits = (~np.isnan(self.scores[default, PRIMARY])).sum(axis=0)
        for gene, n, value, against in zip(self.genes, n_splits, own, random, strict=True):
            if n:
                yield {
                    "dataset": self.name,
                    "target": str(gene),
                    "n_splits": int(n),
                    "value": float(value),
                    "random": float(against),
                    "gain": float(value - against),
                }

    def notices(self) -> Iterator[str]:
        """Targets that could not be scored."""
        for cell in self.listed[:1]:
            values = self.scores[cell, PRIMARY]
            tested = sum(len(split.test) for split in self.splits.values())
            missing = tested - int((~np.isnan(values)).sum())
            if missing:
                yield (
                    f"{self.name}: {missing} of {tested} tests of a target could not be scored "
                    "(too few measured readouts)"
                )


#: What it means that a control fails, fixed before any is run.
CONTROL_RULES = {
    ("permuted_panel", "design"): "as a design not above random beyond its interval",
    ("rewired", "design"): "as a design not above random beyond its interval",
    ("permuted_panel", "predictor"): "below half of the real score, and real − control above 0",
    ("rewired", "predictor"): "below half of the real score, and real − control above 0",
    ("permuted_measured", "predictor"): "below the same predictor without the measured step",
    ("permuted_other_line", "predictor"): "not above kriging without the other line, beyond its "
    "interval",
    ("permuted_feedback", "design"): "in rounds not above the same strategy in one shot, beyond "
    "its interval",
    ("permuted_feedback", "predictor"): "below half of the real score, and real − control above 0",
}


#: Controls that take out one step are held against the predictor without that step.
BESIDE = {
    "permuted_measured": "without_measured",
    "permuted_other_line": "without_other_line",
}


def _fails(name: str, as_design: bool, row: Mapping[str, Any]) -> bool:
    difference = row["difference"]
    if as_design or name == "permuted_other_line":
        return bool(difference["high"] >= 0)
    if name == "permuted_measured":
        return bool(difference["low"] > 0)
    return bool(difference["low"] > 0 and row["value"] < row["against"] / 2)


def _gene_means(values: np.ndarray) -> np.ndarray:
    """Mean of each gene over the splits that score it."""
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    sums = np.where(known, values, 0).sum(axis=0)
    return sums[counts > 0] / counts[counts > 0]


def _numbers(one: Interval, value: str = "value") -> dict[str, float | None]:
    numbers = {value: one.value, "low": one.low, "high": one.high}
    return {key: (float(n) if np.isfinite(n) else None) for key, n in numbers.items()}
