"""From what a campaign knows to its next order: the constraints that hold, and bridging genes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mechpert_al.agents.panel import Panel, read_panel
from mechpert_al.campaign.folder import now
from mechpert_al.campaign.state import CampaignState, Proposed
from mechpert_al.config import CampaignDesign, CampaignSettings
from mechpert_al.consensus import Knowledge
from mechpert_al.datasets import resolve
from mechpert_al.design import Batch, Constraints, Pick, plan, with_candidates
from mechpert_al.design.constraints import refuse
from mechpert_al.effects import EffectTable, read_effects
from mechpert_al.errors import NothingLeftError
from mechpert_al.symbols import SymbolTable, match, read_gene_list

#: Group of the picks that are measured again.
BRIDGING = "bridging"


@dataclass(frozen=True, eq=False)
class Ground:
    """What a campaign plans on: what is known of the genes, and which may be proposed.

    Parameters
    ----------
    knowledge
        From the panel and the prior network; every candidate is in it.
    candidates
        Genes that may be proposed, under the knowledge's names.
    notices
        What was matched under another name, or stands alone.
    """

    knowledge: Knowledge
    candidates: tuple[str, ...]
    notices: tuple[str, ...] = ()

    @property
    def other_line_hash(self) -> str | None:
        """Hash of the other line's measurements; None without another line."""
        line = self.knowledge.other_line
        return None if line is None else line.content_hash


def ground_of(settings: CampaignSettings, place: Path) -> Ground:
    """Read what the settings name.

    Parameters
    ----------
    settings
        Of the campaign.
    place
        The settings file: paths in it are relative to it.
    """
    panel = read_panel(resolve(settings.panel.path, place), settings.panel.agents)
    listed = None
    if settings.candidates is not None:
        listed = read_gene_list(resolve(settings.candidates, place)).genes
        panel = spelt_as(panel, listed)
    prior = None
    if settings.network is not None:
        from mechpert_al.networks import read_network

        prior = read_network(
            resolve(settings.network.path, place), min_score=settings.network.min_score
        )
    knowledge = Knowledge.from_panel(panel, prior)
    notices = list(knowledge.notices)
    names = knowledge.genes
    if listed is not None:
        knowledge, names = with_candidates(knowledge, listed, notices)
    if settings.prediction.other_line is not None:
        line = resolve(settings.prediction.other_line, place)
        n_said = len(knowledge.notices)
        knowledge = knowledge.with_other_line(read_effects(line), line.name)
        notices += knowledge.notices[n_said:]
    return Ground(knowledge, names, tuple(notices))


def spelt_as(panel: Panel, genes: Sequence[str]) -> Panel:
    """The panel under the names of a list: an order names genes as the laboratory does."""
    matching = match(genes, panel.candidates)
    taken = {name for one in matching.collisions for name in one.names}
    ours = {one.reference: one.name for one in matching.renamed if one.name not in taken}
    if not ours:
        return panel

    def named(gene: str) -> str:
        return ours.get(gene, gene)

    return replace(
        panel,
        candidates=tuple(map(named, panel.candidates)),
        hypotheses=tuple(
            one._replace(target=named(one.target), regulator=named(one.regulator))
            for one in panel.hypotheses
        ),
        answered={agent: frozenset(map(named, told)) for agent, told in panel.answered.items()},
    )


def constraint_files(
    design: CampaignDesign, place: Path, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Arguments of `Constraints.from_files`: as given, else as in the settings.

    Parameters
    ----------
    design, place
        The settings, and the file they stand in.
    given
        None counts as not given.
    """
    by_settings = {
        "cost": None if design.cost is None else resolve(design.cost, place),
        "budget": design.budget,
        "max_per_group": design.max_per_group,
    }
    return {**by_settings, **{name: one for name, one in given.items() if one is not None}}


def excluded(design: CampaignDesign, state: CampaignState, genes: Iterable[str]) -> tuple[str, ...]:
    """Genes that are never proposed: by the settings, or abandoned."""
    by_settings = match(design.exclude, genes, source="design.exclude").mapping.values()
    names = dict.fromkeys([*by_settings, *state.abandoned])
    return tuple(sorted(gene for gene in names if gene not in state.measured))


@dataclass(frozen=True)
class Bridging:
    """Genes that every batch measures.

    Parameters
    ----------
    again
        Those that are measured: they are ordered again.
    first
        Those that are not: they come first in the batch.
    """

    again: tuple[str, ...] = ()
    first: tuple[str, ...] = ()

    @classmethod
    def of(cls, design: CampaignDesign, state: CampaignState, ground: Ground) -> Bridging:
        """Bridging genes of the next batch.

        Raises
        ------
        SymbolError
            A bridging gene that is no candidate and not measured.
        """
        known = dict.fromkeys([*ground.knowledge.genes, *state.measured])
        matching = match(design.bridging, known, source="design.bridging").complete()
        genes = tuple(matching.mapping.values())
        again = tuple(gene for gene in genes if gene in state.measured)
        waiting = {*again, *state.pending}
        return cls(again, tuple(gene for gene in genes if gene not in waiting))

    def cost(self, constraints: Constraints) -> float:
        """What those cost that are measured again."""
        return sum(constraints.costs.get(gene, 1.0) for gene in self.again)

    def contradictions(self, state: CampaignState, constraints: Constraints) -> list[str]:
        """What stands against them, one sentence each."""
        problems = [
            f"{gene} is a bridging gene, but "
            f"{'abandoned' if gene in state.abandoned else 'excluded'}"
            for gene in (*self.again, *self.first)
            if gene in state.abandoned or gene in constraints.exclude
        ]
        problems += [
            f"{gene} must be included, but is a bridging gene and measured again anyway"
            for gene in self.again
            if gene in constraints.must_include
        ]
        cost, budget = self.cost(constraints), constraints.budget
        if self.again and budget is not None and cost >= budget:
            problems.append(
                f"the bridging genes ({', '.join(self.again)}) cost {cost:g}, "
                f"the budget is {budget:g}"
            )
        return problems


def chosen(
    settings: CampaignSettings, strategy: str | None = None, seed: int | None = None
) -> CampaignSettings:
    """The settings with another strategy or seed."""
    design = settings.design
    if strategy is not None:
        design = design.model_copy(update={"strategy": strategy})
    return settings.model_copy(
        update={"design": design, "seed": settings.seed if seed is None else seed}
    )


def next_batch(
    n: int,
    settings: CampaignSettings,
    state: CampaignState,
    ground: Ground,
    effects: EffectTable | None,
    constraints: Constraints,
) -> tuple[Batch, Proposed]:
    """The next batch (new genes in order, then the bridging genes), and the record of it.

    Parameters
    ----------
    n
        New genes.
    effects
        All measurements so far.
    constraints
        Of this batch; what is excluded for good is added.

    Raises
    ------
    NothingLeftError
        No gene can be proposed.
    UsageError
        Contradictory constraints.
    """
    genes = ground.knowledge.genes
    out = excluded(settings.design, state, genes)
    said = match(settings.design.exclude, genes, source="design.exclude").lines()
    everything = replace(constraints, exclude=constraints.exclude | set(out))
    bridging = Bridging.of(settings.design, state, ground)
    limits = _with_bridging_genes(everything, bridging)
    taken = [*state.measured, *state.pending]
    refuse(
        [*bridging.contradictions(state, everything), *limits.contradictions(genes, taken, n)],
        "Change one of the lists, or [design] in campaign.toml",
    )
    knowledge = ground.knowledge.extended(list(state.pending))
    index = knowledge.consensus.index
    anchors = [gene for gene in state.measured if gene in index]
    try:
        batch = plan(
            knowledge,
            n,
            effects=None if effects is None or not anchors else effects.take(anchors),
            strategy=settings.design.strategy,
            candidates=ground.candidates,
            pending=tuple(state.pending),
            constraints=limits,
            seed=settings.seed,
            round=len(state.rounds) + 1,
        )
    except NothingLeftError as error:
        raise NothingLeftError(error.message, _ways_on(state)) from error
    batch = _with_bridging(batch, bridging.again, constraints)
    batch = replace(batch, notices=(*said, *batch.notices))
    batch = _with_ids(batch, knowledge.genes)
    return batch, _record_of(batch, bridging, settings, state, ground, effects, constraints)


def _record_of(
    batch: Batch,
    bridging: Bridging,
    settings: CampaignSettings,
    state: CampaignState,
    ground: Ground,
    effects: EffectTable | None,
    constraints: Constraints,
) -> Proposed:
    """The journal's record of a batch."""
    return Proposed(
        time=now(),
        round=len(state.rounds) + 1,
        genes=batch.genes[: len(batch) - len(bridging.again)],
        bridging=bridging.again,
        strategy=batch.strategy,
        seed=settings.seed,
        consensus=ground.knowledge.consensus.content_hash,
        effects=None if effects is None else effects.content_hash,
        other_line=ground.other_line_hash,
        constraints={  # costs and groups stand in the order itself
            "must_include": list(constraints.must_include),
            "exclude": sorted(constraints.exclude),
            "budget": constraints.budget,
            "max_per_group": constraints.max_per_group,
        },
        order=batch.as_document(),
    )


def _with_bridging_genes(constraints: Constraints, bridging: Bridging) -> Constraints:
    """Constraints of the new genes: what bridging genes take is gone from them."""
    first = [gene for gene in bridging.first if gene not in constraints.exclude]
    others = [gene for gene in constraints.must_include if gene not in bridging.again]
    budget = constraints.budget
    return replace(
        constraints,
        must_include=tuple(dict.fromkeys([*first, *others])),
        budget=None if budget is None else max(0.0, budget - bridging.cost(constraints)),
    )


def _with_ids(batch: Batch, genes: Sequence[str]) -> Batch:
    """The batch with Ensembl ids; what a symbol means is judged beside all candidates."""
    table = SymbolTable.default()
    meant = table.identify([*genes, *batch.genes])
    ids = {gene: table.ensembl_id(meant[gene].gene or gene) or "" for gene in batch.genes}
    picks = [replace(pick, ensembl_id=pick.ensembl_id or ids[pick.gene]) for pick in batch]
    return replace(batch, picks=tuple(picks))


def _with_bridging(batch: Batch, again: Sequence[str], constraints: Constraints) -> Batch:
    """The batch with bridging genes behind it."""
    after = batch.picks[-1].coverage_after if batch.picks else batch.coverage_before
    reason = "measured again, as in every batch, so that batches can be compared."
    repeated = [
        Pick(
            len(batch) + place, gene, 0.0, after, (), (), reason,
            group=BRIDGING,
            cost=constraints.costs.get(gene, 1.0) if constraints.costs else None,
        )
        for place, gene in enumerate(again, start=1)
    ]  # fmt: skip
    return replace(batch, picks=(*batch.picks, *repeated))


def _ways_on(state: CampaignState) -> str:
    ways = ["Widen the candidate list (or the budget and the caps, if there are any)"]
    if state.pending:
        waiting = ", ".join(sorted(state.pending)[:10])
        ways.append(f"ingest what is pending ({waiting}), or withdraw it as failed")
    return "; ".join([*ways, "or end the campaign"]) + "."
