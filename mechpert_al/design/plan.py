"""Planning a batch without a campaign: from a panel and what is measured to the next genes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mechpert_al.agents.panel import Panel, read_panel
from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.design.batch import Batch, explained
from mechpert_al.design.constraints import Constraints
from mechpert_al.design.strategy import DesignState, Strategy, chosen_strategy
from mechpert_al.effects.align import align
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import NothingLeftError, UsageError
from mechpert_al.networks import PriorNetwork
from mechpert_al.symbols import match


def plan(
    panel: Panel | Knowledge | str | Path,
    n: int,
    *,
    effects: EffectTable | None = None,
    network: PriorNetwork | None = None,
    other_line: EffectTable | None = None,
    strategy: str | Strategy | None = None,
    candidates: Sequence[str] | None = None,
    pending: Sequence[str] = (),
    constraints: Constraints | None = None,
    seed: int = 0,
    round: int = 1,
) -> Batch:
    """The next batch of genes to perturb, with reasons.

    Parameters
    ----------
    panel
        A panel (or its folder, or the name of a shipped one), or knowledge made from one.
    n
        How many genes.
    effects
        What is measured already.
    network
        Prior network, for strategies that read one.
    other_line
        A screen of another cell line that was measured already: its correlations join the kernel.
    strategy
        Name, or a strategy of your own; by default ``expected_coverage``, and
        ``facility_location`` with more than 5,000 candidates.
    candidates
        Genes that may be proposed; by default all candidates of the panel. A gene that the panel
        does not know may be proposed too, and is said to stand alone.
    pending
        Genes that are ordered and not yet measured.
    constraints
        Must-include, exclude, costs, budget, groups.
    seed, round
        Randomness (ties, random strategies) follows from the two.

    Returns
    -------
    Batch
        Fewer than n genes, with a notice, when fewer are left.

    Raises
    ------
    NothingLeftError
        No gene can be proposed.
    UsageError
        Contradictory constraints.
    SymbolError
        A candidate whose name may mean several genes.
    """
    if n < 1:
        raise UsageError(f"a batch of {n} genes was asked for", "Ask for at least 1.")
    knowledge = known_from(panel, network)
    if other_line is not None:
        knowledge = knowledge.with_other_line(other_line)
    constraints = constraints or Constraints()
    notices = list(knowledge.notices)
    wanted = knowledge.genes
    if candidates is not None:
        knowledge, wanted = with_candidates(knowledge, candidates, notices)
    method = chosen_strategy(strategy, knowledge)
    index = knowledge.consensus.index
    measured, profiles = np.zeros(0, dtype=int), None
    if effects is not None:
        aligned = align(effects, knowledge.genes)
        measured, profiles = aligned.numbers, aligned.effects.values.astype(np.float64)
        notices += aligned.notices
    ordered = np.array([number(index, gene, "pending") for gene in pending], dtype=int)
    waiting = np.setdiff1d(ordered, measured)
    taken = [knowledge.genes[i] for i in (*measured, *waiting)]
    constraints.check(knowledge.genes, taken, n)
    allowed = [g for g in wanted if g not in set(taken) and g not in constraints.exclude]
    allowed = list(dict.fromkeys([*constraints.must_include, *allowed]))
    left_out = {
        "measured": len(measured),
        "pending": len(waiting),
        "excluded": len(constraints.exclude & set(knowledge.genes)),
        "not on the candidate list": len(set(knowledge.genes) - set(wanted)),
    }
    if not allowed:
        raise NothingLeftError(
            "no candidate is left to propose: "
            + ", ".join(f"{count} {what}" for what, count in left_out.items() if count),
            "Widen the candidate list, or end the campaign.",
        )
    state = DesignState(
        knowledge,
        np.array([index[gene] for gene in allowed]),
        measured,
        profiles,
        waiting,
        constraints.limits(knowledge.genes),
        seed,
        round,
    )
    selection = method.select(state, n)
    if not len(selection):
        barred = {**left_out, **selection.left_out}
        raise NothingLeftError(
            "no candidate can be proposed: "
            + ", ".join(f"{count} {what}" for what, count in barred.items() if count),
            "Raise the budget or the cap per group, widen the candidate list, or end the campaign.",
        )
    if len(selection) < n:
        notices.append(f"{n} genes were asked for and {len(selection)} could be proposed")
    return explained(
        selection,
        state,
        method,
        groups=constraints.groups,
        costs=constraints.costs or None,
        left_out={**left_out, **selection.left_out},
        notices=notices,
    )


def known_from(panel: Panel | Knowledge | str | Path, network: PriorNetwork | None) -> Knowledge:
    """Knowledge from whatever stands for a panel."""
    if isinstance(panel, Knowledge):
        return panel
    return Knowledge.from_panel(panel if isinstance(panel, Panel) else read_panel(panel), network)


def with_candidates(
    knowledge: Knowledge, candidates: Sequence[str], notices: list[str]
) -> tuple[Knowledge, tuple[str, ...]]:
    """Knowledge that holds all given candidates, and their names in it.

    Names are matched to the panel's by the symbol rule. A gene that the panel does not know joins
    as one of which no agent said anything; what may be a misspelt or ambiguous name is refused.
    """
    matching = match(candidates, knowledge.genes, source="candidates")
    doubtful = [one for one in matching.unmatched if one.possible]
    if doubtful or matching.collisions:
        replace(matching, unmatched=tuple(doubtful)).complete()
    strangers = [one.name for one in matching.unmatched]
    notices += [f"{one.name} is {one.reference} ({one.why})" for one in matching.renamed]
    if strangers:
        notices.append(
            f"{len(strangers)} candidates are not known to the panel and have no neighbours: "
            + ", ".join(strangers[:10])
            + (" …" if len(strangers) > 10 else "")
        )
    names = tuple(dict.fromkeys(matching.mapping.get(gene, gene) for gene in candidates))
    return knowledge.extended(strangers), names


def number(index: Any, gene: str, what: str) -> int:
    """Candidate number of a gene.

    Raises
    ------
    UsageError
        If it is no candidate.
    """
    if gene not in index:
        raise UsageError(
            f"{gene} ({what}) is not a candidate of the panel", "Check the symbol and the list."
        )
    return int(index[gene])
