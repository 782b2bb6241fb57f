"""The comparison as one call: inputs in, statements out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mechpert_al.agents.panel import Panel, read_panel
from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.consensus.other_line import refuse_the_same
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import UsageError
from mechpert_al.evaluation.checkpoints import Checkpoints
from mechpert_al.evaluation.comparison import Comparison, summarise
from mechpert_al.evaluation.grid import run_grid
from mechpert_al.evaluation.inputs import LoopInputs
from mechpert_al.evaluation.protocol import make_protocol
from mechpert_al.evaluation.screen import Screen
from mechpert_al.networks import PriorNetwork


def compare(
    effects: EffectTable | Mapping[str, EffectTable],
    panel: Panel | Knowledge | str | Path,
    *,
    network: PriorNetwork | None = None,
    other_line: EffectTable | None = None,
    strategies: Sequence[str] | None = None,
    predictors: Sequence[str] | None = None,
    n_jobs: int = 1,
    scheduler: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    keep: str | Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    **settings: Any,
) -> Comparison:
    """Strategies × predictors × budgets on held-out measurements.

    Parameters
    ----------
    effects
        One measured screen, or several by name; each is a judge of its own.
    panel
        A panel (or its folder, or the name of a shipped one), or knowledge made from one.
    network
        Prior network, for centralities and the baselines that read one.
    other_line
        A screen of another cell line that was measured already.
    strategies, predictors
        Names; by default all strategies, and the default predictor with two baselines.
    n_jobs
        Processes; the numbers do not depend on it.
    scheduler
        Address of a running Dask scheduler to spread the work over, in place of processes.
    progress
        Called with a text, the number of finished parts and of all parts.
    keep
        Folder for finished parts: a comparison that was interrupted goes on from them.
    say
        Told what was taken over from there, and what is damaged.
    settings
        Fields of `evaluation.protocol.Protocol`: budgets, n_splits, test_fraction, random_draws,
        seed, rounds, controls, test_genes.

    Returns
    -------
    Comparison
        With random always in it, and oracles for scale.
    """
    screens, knowledge = judged(effects, panel, network, other_line)
    protocol, notices = make_protocol(
        knowledge,
        None if strategies is None else tuple(strategies),
        None if predictors is None else tuple(predictors),
        **settings,
    )
    notices += knowledge.notices
    for screen in screens:
        smallest = min(protocol.budgets)
        pool = len(screen.numbers) - round(protocol.test_fraction * len(screen.numbers))
        if smallest > pool:
            raise UsageError(
                f"{screen.name}: a budget of {smallest} needs more genes than the {pool} that may "
                "be measured",
                "Choose smaller budgets or a smaller test fraction.",
            )
        larger = [budget for budget in protocol.budgets if budget > pool]
        if larger:
            notices.append(
                f"{screen.name}: budgets above the {pool} genes of the pool were left out: "
                + ", ".join(map(str, larger))
            )
        notices += screen.notices
    kept = None if keep is None else Checkpoints(Path(keep), knowledge, protocol, say)
    results = run_grid(screens, knowledge, protocol, n_jobs, progress, scheduler, kept)
    return summarise(results, protocol, inputs_of(screens, knowledge), notices)


def compare_loop(loaded: LoopInputs, **settings: Any) -> Comparison:
    """The comparison that a loop file describes; `settings` as in `compare`."""
    section = loaded.loop.compare
    result = compare(
        loaded.judges,
        loaded.knowledge,
        strategies=section.strategies,
        predictors=section.predictors,
        budgets=section.budgets,
        n_splits=section.splits,
        test_fraction=section.test_fraction,
        random_draws=section.random_draws,
        rounds=section.rounds,
        degraded=section.degraded,
        oracles=section.oracles,
        seed=loaded.loop.seed,
        **settings,
    )
    return replace(
        result,
        inputs={**result.inputs, "files": loaded.files},
        notices=[*loaded.notices, *result.notices],
    )


def judged(
    effects: EffectTable | Mapping[str, EffectTable],
    panel: Panel | Knowledge | str | Path,
    network: PriorNetwork | None,
    other_line: EffectTable | None = None,
) -> tuple[list[Screen], Knowledge]:
    """Held-out screens and knowledge from whatever the caller has."""
    if isinstance(panel, Knowledge):
        knowledge = panel
    else:
        panel = panel if isinstance(panel, Panel) else read_panel(panel)
        knowledge = Knowledge.from_panel(panel, network)
    if other_line is not None:
        knowledge = knowledge.with_other_line(other_line)
    tables = {"effects": effects} if isinstance(effects, EffectTable) else effects
    if not tables:
        raise UsageError("no measured screen was given", "Give effects to judge by.")
    return [screen_of(name, table, knowledge) for name, table in tables.items()], knowledge


def screen_of(name: str, effects: EffectTable, knowledge: Knowledge) -> Screen:
    """A screen to judge by, with the other line's profiles over its readouts if one is known.

    Raises
    ------
    DataError
        If the other line is that screen itself, or has no readout in common with it.
    """
    if knowledge.other_line is not None:
        refuse_the_same(effects, knowledge.other_line, name, knowledge.line_source)
    line = knowledge.on_readouts(effects.readouts).line
    return Screen.of(name, effects, knowledge.genes, line)


def inputs_of(screens: Sequence[Screen], knowledge: Knowledge) -> dict[str, Any]:
    """What went into a comparison, by content."""
    return {
        "effects": {
            screen.name: {
                "sha256": screen.effects.content_hash,
                "n_perturbations": screen.effects.n_perturbations,
                "n_readouts": screen.effects.n_readouts,
                "n_not_measured": screen.effects.n_not_measured,
            }
            for screen in screens
        },
        "consensus": {
            "sha256": knowledge.consensus.content_hash,
            "agents": list(knowledge.consensus.layers),
            "n_candidates": knowledge.n_genes,
        },
        "similarity": None
        if knowledge.similarity is None
        else {"sha256": knowledge.similarity.content_hash},
        "network": None if knowledge.prior is None else {"sha256": knowledge.prior.content_hash},
        "other_line": None
        if knowledge.other_line is None
        else {"sha256": knowledge.other_line.content_hash},
    }
