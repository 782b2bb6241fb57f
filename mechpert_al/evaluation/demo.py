"""The demonstration: a first batch of real genes, then design rounds in a virtual lab.

It needs no data, no network and no server. The batch comes from the shipped recorded panel, before
anything is measured. The rounds run in a virtual lab, through the same code that judges strategies
on real screens; their measurements, agents and literature are simulated, and every part of the
result says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mechpert_al.agents.panel import read_panel
from mechpert_al.config import LoopFile, LoopVirtual
from mechpert_al.design import Batch, plan
from mechpert_al.errors import UsageError
from mechpert_al.evaluation.compare import compare_loop
from mechpert_al.evaluation.comparison import Comparison
from mechpert_al.evaluation.inputs import find_loop, load_inputs, virtual_lab
from mechpert_al.evaluation.metrics import PRIMARY
from mechpert_al.evaluation.simulate import Simulation, simulate_loop
from mechpert_al.virtual import VirtualLab
from mechpert_al.virtual.lab import QUALITY

FORMAT = "mechpert-al demo 1"
#: The shipped panel of the first batch, its size, and the shipped loop of the virtual lab.
PANEL, N_FIRST, LOOP = "essential585", 24, "demo"


@dataclass(frozen=True, eq=False)
class DemoResult:
    """What the demonstration shows.

    Parameters
    ----------
    panel
        Name of the shipped panel.
    batch
        The first batch of real genes, with reasons; no measurement stands behind it.
    lab
        The virtual lab.
    quality
        Quality of its simulated agents, 0–1.
    comparison
        The default strategy, the five centralities and random, after each round.
    simulation
        The default strategy's rounds: which genes, what was learned.
    """

    panel: str
    batch: Batch
    lab: VirtualLab
    quality: float
    comparison: Comparison
    simulation: Simulation

    @property
    def strategy(self) -> str:
        """The strategy whose rounds are shown."""
        return str(self.simulation.settings["strategy"])

    @property
    def predictor(self) -> str:
        """What predicts the held-out genes."""
        return str(self.simulation.settings["predictor"])

    @property
    def budgets(self) -> list[int]:
        """Numbers of measured genes after each round."""
        return list(self.comparison.protocol["budgets"])

    @cached_property
    def curves(self) -> dict[str, list[Mapping[str, Any]]]:
        """For each strategy its rows of the summary, round by round; the best at the end first."""
        rows = self.comparison.rows(metric=PRIMARY, predictor=self.predictor)
        found: dict[str, list[Mapping[str, Any]]] = {}
        for row in sorted(rows, key=lambda row: row["budget"]):
            found.setdefault(row["strategy"], []).append(row)
        return dict(sorted(found.items(), key=lambda item: -item[1][-1]["mean"]))

    @property
    def final(self) -> Mapping[str, Any]:
        """The default strategy's row after the last round."""
        return self.curves[self.strategy][-1]

    @property
    def first_batches(self) -> list[Mapping[str, Any]]:
        """The default strategy's batches in the first split, round by round."""
        return [row for row in self.simulation.batches if row["split"] == 0]

    @property
    def statement(self) -> str:
        """What came out, in words, with intervals."""
        final = self.final
        random = self.curves["random"][-1]
        over_random, over_best = final["gain_over_random"], final["gain_over_best_centrality"]
        protocol, settings = self.comparison.protocol, self.simulation.settings
        return (
            f"After {settings['rounds']} rounds of {settings['batch']} simulated measurements "
            f"{self.strategy} "
            f"predicts the held-out genes with a correlation of {_interval(final, 'mean')}; "
            f"{protocol['random_draws']} random designs reach {random['mean']:.3f} on average. "
            f"Over random: {_interval(over_random)}, a {over_random['verdict']}. Over the best of "
            f"five centralities ({over_best['which']}): {_interval(over_best)}, a "
            f"{over_best['verdict']}. (95 % intervals over {final['n_genes']} simulated genes and "
            f"{protocol['n_splits']} splits of one virtual lab; agents of quality "
            f"{self.quality:g}.)"
        )

    @property
    def notices(self) -> list[str]:
        """What the reader should know, each thing once."""
        parts = (self.batch.notices, self.comparison.notices, self.simulation.notices)
        return list(dict.fromkeys(notice for part in parts for notice in part))

    def as_document(self) -> dict[str, Any]:
        """Everything as one JSON document."""
        return {
            "format": FORMAT,
            "simulated": True,
            "note": "Genes and reasons of the first batch are real; every measurement, agent and "
            "link of the virtual lab is simulated.",
            "statement": self.statement,
            "first_batch": {"panel": self.panel, "simulated": False, **self.batch.as_document()},
            "virtual_lab": {**self.lab.as_document(), "quality": self.quality, "simulated": True},
            "rounds": self.simulation.rounds,
            "batches": self.simulation.batches,
            "comparison": self.comparison_document(),
        }

    def comparison_document(self) -> dict[str, Any]:
        """The comparison as one JSON document that says that it is simulated."""
        return {"simulated": True, **self.comparison.as_document()}


def demonstrate(
    seed: int = 0, quality: float = QUALITY, progress: Callable[[int], None] | None = None
) -> DemoResult:
    """Plan a batch of real genes, then run design rounds in a virtual lab.

    Parameters
    ----------
    seed
        Everything random follows from it; another seed is another virtual lab.
    quality
        Quality of the simulated agents, from 0 (they know nothing) to 1.
    progress
        Called with 1 after each of `n_steps` steps.
    """
    if not 0 <= quality <= 1:
        raise UsageError(f"quality is {quality}", "Expected a number from 0 to 1.")
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # its matrices are small: threads would only wait
        return _demonstrate(*_loop(seed, quality), progress or _say_nothing)


def n_steps() -> int:
    """How many steps `demonstrate` tells of."""
    return 2 + 2 * find_loop(LOOP)[0].compare.splits


def _loop(seed: int, quality: float) -> tuple[LoopFile, LoopVirtual]:
    """The shipped loop with another seed and quality, and the section of its virtual lab."""
    loop, path = find_loop(LOOP)
    if loop.virtual is None:
        raise UsageError(f"{path}: no virtual lab is described", "It needs a section [virtual].")
    section = loop.virtual.model_copy(update={"quality": quality})
    return loop.model_copy(update={"seed": seed, "virtual": section}), section


def _demonstrate(loop: LoopFile, section: LoopVirtual, step: Callable[[int], None]) -> DemoResult:
    batch = plan(read_panel(PANEL), N_FIRST, seed=loop.seed)
    step(1)
    loaded = load_inputs(loop)
    comparison = compare_loop(loaded, progress=lambda text, done, total: step(1))
    simulation = simulate_loop(loaded)
    step(1)
    lab = virtual_lab(loop.seed, section)
    return DemoResult(PANEL, batch, lab, section.quality, comparison, simulation)


def _say_nothing(n: int) -> None:
    """Progress that nobody wants to see."""


def _interval(row: Mapping[str, Any], value: str = "value") -> str:
    sign = "+" if value == "value" else ""
    return f"{row[value]:{sign}.3f} [{row['low']:{sign}.3f}, {row['high']:{sign}.3f}]"
