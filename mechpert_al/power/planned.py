"""Planned against met: what virtual labs foretold of a screen, beside what the screen shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mechpert_al.agents.panel import Panel
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import UsageError
from mechpert_al.evaluation.compare import compare
from mechpert_al.evaluation.metrics import PRIMARY
from mechpert_al.power.analysis import Fitted
from mechpert_al.power.bench import AgentQuality, Bench
from mechpert_al.power.result import prediction_interval

if TYPE_CHECKING:
    import pandas as pd

BUDGETS = (10, 20, 30, 50, 100, 200)
QUANTITIES = ("design", "random", "gain")
STRATEGY, PREDICTOR = "expected_coverage", "kriging"
#: Labs, and splits and random batches in each; splits and random batches of the real screen.
N_LABS, N_SPLITS, N_DRAWS = 16, 3, 4
MET_SPLITS, MET_DRAWS = 12, 50


@dataclass(frozen=True, eq=False)
class Check:
    """What was planned and what was met.

    Parameters
    ----------
    rows
        One row a screen, budget and quantity (``design``, ``random``, ``gain``): ``planned`` with
        the interval for one screen, ``met`` with its own interval, and whether met lies in planned.
    settings
        Labs, splits and draws.
    """

    rows: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]

    def frame(self) -> pd.DataFrame:
        """The rows as a pandas table."""
        import pandas as pd

        return pd.json_normalize([dict(row) for row in self.rows], sep="_")

    def as_document(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {"settings": dict(self.settings), "rows": list(self.rows)}

    @property
    def datasets(self) -> list[str]:
        """Names of the screens."""
        return list(dict.fromkeys(row["dataset"] for row in self.rows))

    @property
    def statements(self) -> list[str]:
        """For each screen how often met lay in planned, in words."""
        return [self._statement(name) for name in self.datasets]

    def _statement(self, dataset: str) -> str:
        gains = [
            row for row in self.rows if row["dataset"] == dataset and row["quantity"] == "gain"
        ]
        missed = [str(row["budget"]) for row in gains if not row["holds"]]
        text = (
            f"{dataset}: the gain over random that was met lies in the planned interval at "
            f"{len(gains) - len(missed)} of {len(gains)} numbers of anchors"
        )
        return text + (f"; not at {', '.join(missed)}." if missed else ".")


def planned_against_met(
    kind: Fitted,
    screens: Mapping[str, EffectTable],
    panel: Panel,
    *,
    budgets: Sequence[int] = BUDGETS,
    n_labs: int = N_LABS,
    met_splits: int = MET_SPLITS,
    met_draws: int = MET_DRAWS,
    seed: int = 0,
    n_jobs: int = 1,
    progress: Callable[[int], None] = lambda n: None,
) -> Check:
    """Foretell a comparison on a real screen from virtual labs, then make it.

    Parameters
    ----------
    kind
        A fitted kind of lab with agents (see `fitted`).
    screens, panel
        The screens to judge by, by name, and the real panel.
    budgets
        Numbers of anchors.
    n_labs, met_splits, met_draws, seed
        Labs of the plan; splits and random batches of the comparison; seeds.
    n_jobs
        Processes.
    progress
        Called with 1 after each lab.
    """
    if kind.agents is None or kind.agreement is None:
        raise UsageError("nothing is known of the agents", "Give a panel and a screen to fit.")
    planned = _planned(kind, tuple(budgets), n_labs, seed, n_jobs, progress)
    rows = []
    for name, effects in screens.items():
        met = _met(effects, panel, tuple(budgets), met_splits, met_draws, seed, n_jobs)
        rows += [
            {
                "dataset": name,
                "budget": budget,
                "quantity": quantity,
                "planned": planned[quantity, budget],
                "met": met[quantity, budget],
                "holds": _holds(planned[quantity, budget], met[quantity, budget]),
            }
            for budget in budgets
            for quantity in QUANTITIES
        ]
    settings = {
        "n_labs": n_labs,
        "n_splits": N_SPLITS,
        "n_draws": N_DRAWS,
        "met_splits": met_splits,
        "met_draws": met_draws,
        "seed": seed,
    }
    return Check(rows, settings)


def _holds(planned: Mapping[str, float], met: Mapping[str, float]) -> bool:
    return bool(planned["low"] <= met["value"] <= planned["high"])


def _planned(
    kind: Fitted,
    budgets: tuple[int, ...],
    n_labs: int,
    seed: int,
    n_jobs: int,
    progress: Callable[[int], None],
) -> dict[tuple[str, int], dict[str, float]]:
    from joblib import Parallel, delayed

    calls = (
        delayed(_lab_curves)(
            replace(kind.lab, seed=seed + number), kind.listed, kind.agents, kind.agreement, budgets
        )
        for number in range(n_labs)
    )
    found = []
    for one in Parallel(n_jobs=n_jobs, return_as="generator")(calls):
        found.append(one)
        progress(1)
    return {key: prediction_interval(np.array([one[key] for one in found])) for key in found[0]}


def _lab_curves(
    lab: Any,
    listed: float | None,
    agents: tuple[AgentQuality, ...],
    agreement: float,
    budgets: tuple[int, ...],
) -> dict[tuple[str, int], float]:
    """Learning curves in one lab, mean over its splits."""
    from threadpoolctl import threadpool_limits

    sums: dict[tuple[str, int], list[float]] = {}
    with threadpool_limits(1, "blas"):
        kernel = Bench(lab, listed).consensus(agents, agreement).kernel
        for split in range(N_SPLITS):
            bench = Bench(lab, listed, split)
            order = bench.design(kernel, max(budgets))
            for n in budgets:
                design = bench.score(kernel, order[:n])
                random = bench.random_score(kernel, n, N_DRAWS)
                values = {"design": design, "random": random, "gain": design - random}
                for quantity, value in values.items():
                    sums.setdefault((quantity, n), []).append(value)
    return {key: float(np.mean(values)) for key, values in sums.items()}


def _met(
    effects: EffectTable,
    panel: Panel,
    budgets: tuple[int, ...],
    n_splits: int,
    random_draws: int,
    seed: int,
    n_jobs: int,
) -> dict[tuple[str, int], dict[str, float]]:
    result = compare(
        effects,
        panel,
        strategies=[STRATEGY],
        predictors=[PREDICTOR],
        budgets=budgets,
        n_splits=n_splits,
        random_draws=random_draws,
        seed=seed,
        n_jobs=n_jobs,
    )
    found = {}
    for n in budgets:
        wanted = {"metric": PRIMARY, "predictor": PREDICTOR, "budget": n, "rounds": 1}
        (design,) = result.rows(strategy=STRATEGY, **wanted)
        (random,) = result.rows(strategy="random", **wanted)
        for quantity, row, value in (
            ("design", design, "mean"),
            ("random", random, "mean"),
            ("gain", design["gain_over_random"], "value"),
        ):
            found[quantity, n] = {"value": row[value], "low": row["low"], "high": row["high"]}
    return found
