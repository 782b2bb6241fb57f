"""What is run in each virtual lab: one row of scores, the same for any number of processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from mechpert_al.errors import UsageError
from mechpert_al.power.bench import TEST_FRACTION, AgentQuality, Bench
from mechpert_al.virtual.lab import AGREEMENT, VirtualLab

#: Precisions on the curve, besides those that are asked for.
PRECISIONS = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)
#: Numbers of anchors among which a budget of cells may be divided.
DIVISIONS = (5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500)
#: Strengths of responses, relative to the lab's, at which the budget is divided too: what a screen
#: without standard errors does not tell.
STRENGTHS = (1.0, 0.5, 0.25)
#: How one trait of the agents is changed at a time.
CHANGES: dict[str, dict[str, float]] = {
    "half the recall": {"recall": 0.5},
    "twice the recall": {"recall": 2.0},
    "confidences that say nothing": {"calibration": 0.0, "grading": 0.0},
    "30 % of the proposals invented": {"hallucination": 0.3},
    "60 % of the proposals invented": {"hallucination": 0.6},
    "agents independent of each other": {"agreement": 0.0},
    "agents all alike": {"agreement": 1.0},
}
#: Agents beyond the panel's own number that are tried.
MORE_AGENTS = 2
#: Under these names the scores of a lab are kept.
Key = tuple[Any, ...]
NOBODY: Key = ("nobody",)


@dataclass(frozen=True)
class PowerSettings:
    """What is planned, and how thoroughly.

    Parameters
    ----------
    agents
        Quality of the panel's agents, one for each; the first one stands for further agents.
    agreement
        Correlation between two agents' decisions to name a pair, 0–1.
    precisions
        Precisions on the curve.
    anchors
        Genes to measure, where that number is given.
    cells
        Budget of cells that is divided among anchors.
    goal
        Gain over random that is wanted, as a share of random's score.
    literature
        Informativeness and mean degree of the literature network that would be used without agents.
    n_labs, n_draws
        Virtual labs, and random batches in each.
    seed
        The labs have this seed and those after it.
    """

    agents: tuple[AgentQuality, ...] = (AgentQuality(0.65),) * 3
    agreement: float = AGREEMENT
    precisions: tuple[float, ...] = PRECISIONS
    anchors: int = 50
    cells: int = 5000
    goal: float = 0.1
    literature: dict[str, float] = field(default_factory=dict)
    n_labs: int = 24
    n_draws: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        checks = (
            ("agents", len(self.agents) >= 1, "at least one"),
            ("agreement", 0 <= self.agreement <= 1, "a number from 0 to 1"),
            ("precisions", all(0 < p <= 1 for p in self.precisions), "numbers above 0 and up to 1"),
            ("anchors", self.anchors >= 2, "at least 2"),
            ("cells", self.cells >= DIVISIONS[0], f"at least {DIVISIONS[0]}"),
            ("goal", self.goal > 0, "a number above 0"),
            ("labs", self.n_labs >= 4, "at least 4, for an interval"),
            ("random draws", self.n_draws >= 1, "at least 1"),
        )
        for name, holds, expected in checks:
            if not holds:
                raise UsageError(
                    f"{name} of a power analysis are not usable", f"Expected {expected}."
                )

    @property
    def base(self) -> AgentQuality:
        """The quality that stands for further agents, and is changed one trait at a time."""
        return self.agents[0]

    def as_document(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        return asdict(self)

    def divisions(self, lab: VirtualLab) -> tuple[int, ...]:
        """Numbers of anchors among which the budget may be divided in such a lab."""
        pool = lab.n_genes - round(TEST_FRACTION * lab.n_genes)
        return tuple(n for n in DIVISIONS if n <= min(pool, self.cells))


def run_labs(
    lab: VirtualLab,
    settings: PowerSettings,
    *,
    listed: float | None = None,
    n_jobs: int = 1,
    progress: Callable[[int], None] = lambda n: None,
) -> list[dict[Key, float]]:
    """Every lab's scores, in the order of their seeds.

    Parameters
    ----------
    lab
        The kind of lab.
    settings
        What is planned.
    listed
        See `Bench`.
    n_jobs
        Processes; the numbers do not depend on it.
    progress
        Called with 1 after each lab.

    Raises
    ------
    UsageError
        More anchors than the pool has genes.
    """
    from joblib import Parallel, delayed

    pool = lab.n_genes - round(TEST_FRACTION * lab.n_genes)
    if settings.anchors >= pool:
        raise UsageError(
            f"{settings.anchors} anchors from a pool of {pool} genes leave no choice",
            "Take fewer anchors or more genes.",
        )
    seeds = range(settings.seed, settings.seed + settings.n_labs)
    benches = [Bench(replace(lab, seed=seed), listed) for seed in seeds]
    rows: list[dict[Key, float]] = []
    calls = (delayed(lab_scores)(bench, settings) for bench in benches)
    for row in Parallel(n_jobs=n_jobs, return_as="generator")(calls):
        rows.append(row)
        progress(1)
    return rows


def lab_scores(bench: Bench, settings: PowerSettings) -> dict[Key, float]:
    """All that is scored in one lab.

    Returns
    -------
    dict
        By key: ``("nobody",)`` random anchors predicted from literature alone;
        ``("precision", p, how)``, ``("change", name, how)`` and ``("agents", k, how)`` with how
        ``design`` or ``random``; ``("cells", strength, n)`` with n anchors.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # the matrices are small: threads would only wait
        scores = {NOBODY: _nobody(bench, settings)}
        for precision in settings.precisions:
            agents = tuple(replace(one, precision=precision) for one in settings.agents)
            scores |= _both(("precision", precision), bench, settings, agents)
        for name, change in CHANGES.items():
            agents, agreement = _changed(bench, settings, change)
            scores |= _both(("change", name), bench, settings, agents, agreement)
        most = len(settings.agents) + MORE_AGENTS
        agents = settings.agents + (settings.base,) * MORE_AGENTS
        for number in range(1, most + 1):
            scores |= _both(("agents", number), bench, settings, agents[:number])
        return scores | _divided(bench, settings)


def _nobody(bench: Bench, settings: PowerSettings) -> float:
    kernel = bench.literature_kernel(**settings.literature)
    return bench.random_score(kernel, settings.anchors, settings.n_draws)


def _both(
    key: Key,
    bench: Bench,
    settings: PowerSettings,
    agents: Sequence[AgentQuality],
    agreement: float | None = None,
) -> dict[Key, float]:
    """The default design and random anchors, under the predictor of these agents."""
    shared = settings.agreement if agreement is None else agreement
    kernel = bench.consensus(tuple(agents), shared).kernel
    anchors = bench.design(kernel, settings.anchors)
    return {
        (*key, "design"): bench.score(kernel, anchors),
        (*key, "random"): bench.random_score(kernel, settings.anchors, settings.n_draws),
    }


def _changed(
    bench: Bench, settings: PowerSettings, change: dict[str, float]
) -> tuple[tuple[AgentQuality, ...], float]:
    """The panel with one trait changed; recall is changed by a factor."""
    change = dict(change)
    agreement = change.pop("agreement", settings.agreement)
    factor = change.pop("recall", None)
    agents = tuple(replace(one, **change) for one in settings.agents)
    if factor is not None:
        agents = tuple(
            replace(one, recall=min(1.0, factor * one.traits(bench.lab).recall)) for one in agents
        )
    return agents, agreement


def _divided(bench: Bench, settings: PowerSettings) -> dict[Key, float]:
    """The budget of cells divided among more and more anchors, for strong and weak responses."""
    kernel = bench.consensus(settings.agents, settings.agreement).kernel
    divisions = settings.divisions(bench.lab)
    order = bench.design(kernel, max(divisions))
    scores = {}
    for factor in STRENGTHS:
        model = bench.lab.model
        weaker = replace(model, strength=factor * model.strength)
        place = replace(bench, lab=replace(bench.lab, model=weaker))
        for n in divisions:
            measured = place.profiles(max(1.0, settings.cells / n))
            scores["cells", factor, n] = place.score(kernel, order[:n], measured)
    return scores
