"""A batch with its reasons: why this gene, why third, and who says so."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mechpert_al import atomic
from mechpert_al.agents.panel import Hypothesis
from mechpert_al.consensus.kernel import DENSE_LIMIT
from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.design.coverage import BY_LINKS, coverage_by
from mechpert_al.design.greedy import Selection
from mechpert_al.design.strategy import DesignState, Strategy

if TYPE_CHECKING:
    import pandas as pd

#: A target is covered from this expected explained fraction on (expected correlation about .32).
COVERED = 0.1
#: A rise in coverage that is worth a word.
RAISED = 1e-6
#: So many covered genes and mechanisms are named in a reason.
N_NAMED_GENES, N_NAMED_MECHANISMS = 4, 2
#: So many genes are named that were alike in another line, from this correlation on.
N_NAMED_ALIKE, ALIKE = 2, 0.1
#: Columns of an order file.
ORDER_COLUMNS = (
    "rank", "gene", "ensembl_id", "utility", "coverage_after", "newly_covered", "agents",
    "reason", "group", "cost",
)  # fmt: skip


@dataclass(frozen=True)
class Pick:
    """One gene of a batch.

    Parameters
    ----------
    rank, gene
        Place in the batch, from 1, and symbol.
    utility
        What it adds to the strategy's objective at its turn.
    coverage_after
        Mean coverage of all candidates once it and those before it are measured, 0–1.
    newly_covered
        Other genes whose coverage crosses 0.1 at its turn, best covered first.
    agents
        Agents that link it to the genes it covers.
    reason
        The same in words.
    ensembl_id, group, cost
        As far as they are known.
    """

    rank: int
    gene: str
    utility: float
    coverage_after: float
    newly_covered: tuple[str, ...]
    agents: tuple[str, ...]
    reason: str
    ensembl_id: str = ""
    group: str = ""
    cost: float | None = None


@dataclass(frozen=True, eq=False)
class Batch:
    """The genes to measure next, in order.

    Parameters
    ----------
    picks
        In order.
    strategy
        Which strategy chose them.
    coverage_before
        Mean coverage of all candidates by what is measured or pending already, 0–1.
    n_candidates
        How many genes the coverage is a mean over.
    left_out
        What could not be proposed, and how many: measured, pending, excluded, over budget …
    notices
        What the reader should know (a name matched under another symbol, fewer picks than asked).
    """

    picks: tuple[Pick, ...]
    strategy: str
    coverage_before: float
    n_candidates: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @property
    def genes(self) -> tuple[str, ...]:
        """Symbols in order."""
        return tuple(pick.gene for pick in self.picks)

    def __len__(self) -> int:
        return len(self.picks)

    def __iter__(self) -> Iterator[Pick]:
        return iter(self.picks)

    def rows(self) -> list[dict[str, Any]]:
        """One plain row a pick, in the order format's columns."""
        return [
            {
                "rank": pick.rank,
                "gene": pick.gene,
                "ensembl_id": pick.ensembl_id,
                "utility": round(pick.utility, 6),
                "coverage_after": round(pick.coverage_after, 6),
                "newly_covered": ";".join(pick.newly_covered),
                "agents": ";".join(pick.agents),
                "reason": pick.reason,
                "group": pick.group,
                "cost": "" if pick.cost is None else pick.cost,
            }
            for pick in self.picks
        ]

    def frame(self) -> pd.DataFrame:
        """The batch as a pandas table in the order format's columns."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def as_csv(self) -> str:
        """The order as CSV text."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(ORDER_COLUMNS), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows())
        return text.getvalue()

    def write(self, path: str | Path) -> None:
        """Write the order as a CSV file, whole or not at all."""
        atomic.write_bytes(Path(path), self.as_csv().encode())

    def as_document(self) -> dict[str, Any]:
        """The batch as plain JSON values."""
        return {
            "strategy": self.strategy,
            "coverage_before": self.coverage_before,
            "n_candidates": self.n_candidates,
            "batch": [
                {**row, "newly_covered": list(pick.newly_covered), "agents": list(pick.agents)}
                for row, pick in zip(self.rows(), self.picks, strict=True)
            ],
            "left_out": dict(self.left_out),
            "notices": list(self.notices),
        }

    def __repr__(self) -> str:
        return f"Batch({len(self)} genes by {self.strategy}: {', '.join(self.genes[:6])} …)"

    def _repr_html_(self) -> str:
        from mechpert_al.display import html_table

        return html_table(self.rows(), caption=f"{len(self)} genes by {self.strategy}")


def explained(
    selection: Selection,
    state: DesignState,
    strategy: Strategy,
    *,
    groups: Mapping[str, str] | None = None,
    costs: Mapping[str, float] | None = None,
    left_out: Mapping[str, int] | None = None,
    notices: Sequence[str] = (),
) -> Batch:
    """A batch from a selection: coverage pick by pick under the consensus kernel, with reasons.

    With very many candidates coverage counts direct links instead, and a notice says so.

    Whatever the strategy maximised, coverage is that of the consensus kernel, so that batches of
    different strategies can be held against each other; only a strategy that learns its kernel is
    explained by the kernel it learned.
    """
    knowledge = strategy.seen(state)
    if knowledge.is_large:
        notices = [*notices, BY_LINKS.format(limit=DENSE_LIMIT)]
    coverage = coverage_by(knowledge, state.given, len(selection))
    covered = coverage.values
    before = float(covered.mean())
    is_other = np.ones(knowledge.n_genes, dtype=bool)
    is_other[state.given] = False
    picks = []
    for rank, (pick, gain) in enumerate(zip(selection.picks, selection.gains, strict=True), 1):
        coverage.add(pick)
        after = coverage.values
        is_other[pick] = False
        crossed = np.flatnonzero(is_other & (covered < COVERED) & (after >= COVERED))
        newly = _largest_first(crossed, after, knowledge.genes)
        shown = newly
        if not newly:
            rise = after - covered
            raised = np.flatnonzero(is_other & (rise > RAISED))
            shown = _largest_first(_near_top(raised, rise), rise, knowledge.genes)[:N_NAMED_GENES]
        evidence = _evidence(knowledge, pick, shown)
        gene = knowledge.genes[pick]
        picks.append(
            Pick(
                rank,
                gene,
                float(gain),
                float(after.mean()),
                tuple(knowledge.genes[t] for t in newly),
                tuple(dict.fromkeys(h.agent for h in evidence)),
                _reason(knowledge, pick, newly, shown, evidence, state),
                group=(groups or {}).get(gene, ""),
                cost=None if costs is None else costs.get(gene, 1.0),
            )
        )
        covered = after
    return Batch(
        tuple(picks), strategy.name, before, knowledge.n_genes, dict(left_out or {}), tuple(notices)
    )


def _largest_first(targets: Iterable[int], values: np.ndarray, genes: Sequence[str]) -> list[int]:
    """Targets by falling value; equal ones by name, whatever the order of rows."""
    return sorted(targets, key=lambda target: (-round(float(values[target]), 9), genes[target]))


def _near_top(targets: np.ndarray, values: np.ndarray, n: int = N_NAMED_GENES) -> np.ndarray:
    """Targets that may be among the first n: the others differ by more than what is rounded."""
    if len(targets) <= n:
        return targets
    least = np.partition(values[targets], -n)[-n] - 1e-8
    return targets[values[targets] >= least]


def _evidence(knowledge: Knowledge, pick: int, targets: Sequence[int]) -> list[Hypothesis]:
    """What the agents said of the pick and the genes it covers, strongest first."""
    gene = knowledge.genes[pick]
    found = [
        hypothesis
        for target in targets
        for hypothesis in knowledge.consensus.evidence(gene, knowledge.genes[target])
    ]
    return sorted(found, key=lambda h: (-h.confidence, h.agent, h.target, h.regulator))


def _reason(
    knowledge: Knowledge,
    pick: int,
    newly: Sequence[int],
    shown: Sequence[int],
    evidence: Sequence[Hypothesis],
    state: DesignState,
) -> str:
    """Why this gene, in a sentence or two."""
    lead = "asked for; " if pick in state.limits.first else ""
    named = [knowledge.genes[t] for t in shown[:N_NAMED_GENES]]
    more = len(newly) - len(named)
    if newly:
        text = f"brings {len(newly)} more into reach: {', '.join(named)}"
        text += f" and {more} more" if more > 0 else ""
    elif named:
        text = f"brings no further gene into reach; raises most {', '.join(named)}"
    else:
        text = "stands alone: measured for its own sake"
    said: list[str] = []
    for hypothesis in evidence:
        if hypothesis.mechanism and len(said) < N_NAMED_MECHANISMS:
            claim = (
                f"{hypothesis.agent}: {hypothesis.mechanism} "
                f"({hypothesis.regulator} → {hypothesis.target}, {hypothesis.confidence:.2f})"
            )
            if all(hypothesis.mechanism not in earlier for earlier in said):
                said.append(claim)
    alike = _alike(knowledge, pick, shown)
    if named and not evidence:
        unlinked = "no agent links it to them directly"
        said.append(unlinked if alike else f"{unlinked}; they are reached through shared partners")
    if alike:
        said.append(f"alike in the other line: {', '.join(alike)}")
    return f"{lead}{text}. " + "; ".join(said) if said else f"{lead}{text}."


def _alike(knowledge: Knowledge, pick: int, targets: Sequence[int]) -> list[str]:
    """Which of the genes it covers were most like it in another line, with their correlation."""
    if knowledge.other_line is None or not targets:
        return []
    met = knowledge.alike_in_line[pick]
    found = [t for t in _largest_first(targets, met, knowledge.genes) if met[t] >= ALIKE]
    return [f"{knowledge.genes[t]} (r = {met[t]:.2f})" for t in found[:N_NAMED_ALIKE]]
