"""The report of a campaign: which genes, why these, how sure, and what came before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mechpert_al.agents.panel import Panel, read_panel
from mechpert_al.campaign import Campaign
from mechpert_al.campaign.status import Status
from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.datasets import resolve
from mechpert_al.evaluation.inputs import digest
from mechpert_al.learning import Reliability, reliability
from mechpert_al.report import agents
from mechpert_al.report.batches import batch_table
from mechpert_al.report.cards import Card, Cell, Column, Figure, Part, Table, Words
from mechpert_al.report.coverage import Point, coverage_chart
from mechpert_al.report.looks import PAGE
from mechpert_al.report.neighbourhoods import gene_map, map_chart
from mechpert_al.report.page import Written, write_page
from mechpert_al.report.provenance import notices_card, provenance_card, recorded_line


def campaign_report(campaign: Campaign, path: str | Path, command: str = "") -> Written:
    """Write the report of a campaign as one HTML file.

    Parameters
    ----------
    campaign
        The campaign.
    path
        The HTML file.
    command
        The command that made it, for the record.
    """
    story = Story(campaign, command)
    return write_page(
        path,
        f"Campaign {campaign.state.name}",
        story.cards(),
        lead=story.lead,
        banner=story.banner,
    )


class Story:
    """What a campaign's report tells; each thing is computed once, when a card asks for it."""

    def __init__(self, campaign: Campaign, command: str = "") -> None:
        self.campaign = campaign
        self.command = command
        self.state = campaign.state

    # ------------------------------------------------------------------ what it is made of
    @cached_property
    def status(self) -> Status:
        """Coverage now and later, facts, notices."""
        return self.campaign.status()

    @cached_property
    def panel_path(self) -> Path:
        """Where the panel is."""
        return resolve(self.campaign.settings.panel.path, self.campaign.folder.settings)

    @cached_property
    def panel(self) -> Panel:
        """The panel as it was read, with what was dropped."""
        return read_panel(self.panel_path, self.campaign.settings.panel.agents)

    @cached_property
    def knowledge(self) -> Knowledge:
        """What is known of the genes, the pending ones included."""
        return self.campaign.knowledge.extended(list(self.state.pending))

    def covered_by(self, genes: Any) -> np.ndarray:
        """Expected explained fraction of each gene once these are measured."""
        index = self.knowledge.consensus.index
        rows = [index[gene] for gene in genes if gene in index]
        return self.knowledge.coverage(np.array(rows, dtype=int))

    @cached_property
    def anchors(self) -> np.ndarray:
        """Numbers of the measured candidates, shape (n_anchors,)."""
        index = self.campaign.knowledge.consensus.index
        return np.array([index[gene] for gene in self.state.measured if gene in index], dtype=int)

    @property
    def n_anchors(self) -> int:
        """Measured candidates."""
        return len(self.anchors)

    @cached_property
    def judged(self) -> list[Reliability]:
        """What measured candidates say of consensus, agents and networks; empty without any."""
        knowledge, effects = self.campaign.knowledge, self.campaign.effects
        if effects is None or not self.n_anchors:
            return []
        rows = effects.take([knowledge.genes[i] for i in self.anchors])
        profiles = rows.values.astype(np.float64)
        return reliability(knowledge, self.anchors, profiles, self.campaign.settings.seed)

    @property
    def lead(self) -> str:
        """The campaign in a sentence."""
        state = self.state
        return (
            f"{len(state.measured)} genes measured, {len(state.pending)} pending, "
            f"{len(state.rounds)} rounds, {len(self.campaign.candidates)} candidates."
        )

    @cached_property
    def banner(self) -> list[str]:
        """That the agents were recorded, where they were."""
        about = self.panel.about
        return [recorded_line(self.panel.name, about)] if about.get("recorded") else []

    # ------------------------------------------------------------------ cards
    def cards(self) -> list[Card]:
        """All cards, in order."""
        latest = len(self.state.rounds)
        title = f"Round {latest}: the batch to order" if latest else "The batch"
        return [
            Card(title, lambda: list(self.batches())),
            Card("Where it stands", lambda: list(self.standing())),
            Card("Map of the neighbourhoods", lambda: list(self.map())),
            Card("Coverage so far and to come", lambda: list(self.coverage())),
            Card("How far to trust the agents", lambda: list(agents.reliability(self))),
            Card("What was dropped, and why", lambda: list(agents.dropped(self))),
            Card("Deliveries", lambda: list(self.deliveries())),
            notices_card([*self.status.notices, *self.campaign.ground.notices]),
            self.provenance(),
        ]

    def batches(self) -> Iterator[Part]:
        """The last batch, then earlier ones, folded."""
        if not self.state.rounds:
            yield Words(["Nothing was proposed yet: mechpert-al campaign propose DIR -n 24"])
        for round_number in range(len(self.state.rounds), 0, -1):
            batch = self.campaign.order(round_number)
            yield batch_table(
                batch,
                f"Round {round_number}: {len(batch)} genes by {batch.strategy}, in this order",
                self.state_of,
                is_folded=round_number != len(self.state.rounds),
            )
            left = ", ".join(f"{n} {what}" for what, n in batch.left_out.items() if n)
            if left and round_number == len(self.state.rounds):
                yield Words([f"Not proposed: {left}."])

    def state_of(self, gene: str) -> str:
        """What the campaign knows of a gene, in a word."""
        state = self.state
        for name in ("measured", "pending", "failed", "abandoned"):
            if gene in getattr(state, name):
                return name
        return ""

    def standing(self) -> Iterator[Part]:
        """The outlook in words, and which genes are what."""
        yield Words(self.status.lines())
        yield Table(
            "What is known of the genes",
            [Column("genes"), Column("n", True), Column("which")],
            self.status.facts(),
        )

    def map(self) -> Iterator[Part]:
        """Every gene among its neighbours."""
        state, following = self.state, self.status.outlook.next
        states = dict.fromkeys(self.status.excluded, "excluded")
        states |= dict.fromkeys(following.genes if following else (), "proposed next")
        states |= dict.fromkeys(state.pending, "pending")
        states |= dict.fromkeys(state.measured, "measured")
        reasons = {
            pick.gene: f"round {number}: {pick.reason}"
            for number in range(1, len(state.rounds) + 1)
            for pick in self.campaign.order(number)
        }
        found = gene_map(self.knowledge, states, self.covered_by(state.measured), reasons)
        yield Figure(
            "map",
            map_chart(found, PAGE),
            "Map of the candidates: genes that the agents link lie near each other. Search for a "
            "gene above to read what is shown at its point.",
            "Near = alike by the consensus of the agents; lines are the strongest links. Within "
            "reach: at least a tenth of the profile is expected to be explained by what is "
            "measured. Genes that no agent links stand in rows below. Click in the legend to see "
            "one kind alone.",
            found.details,
        )
        if found.n_left_out:
            yield Words(
                [
                    f"{found.n_left_out} unmeasured genes with the fewest links are not drawn; "
                    "all of them count in every number."
                ]
            )

    def coverage(self) -> Iterator[Part]:
        """Coverage after each delivery, with what is pending, and by further batches."""
        points = self.coverage_points()
        yield Figure(
            "coverage",
            coverage_chart(points, PAGE),
            "Mean expected explained fraction of all candidates against number of measured genes; "
            "the numbers are in the table.",
            "Solid: measured. Dashed: pending, then further batches as the strategy would choose "
            "them now.",
        )
        yield Table(
            "Mean expected explained fraction of all candidates",
            [Column("when"), Column("genes", True), Column("coverage", True)],
            [
                (one.when, one.n, Cell(f"{100 * one.coverage:.1f} %", one.coverage))
                for one in {one.when: one for one in points}.values()
            ],
        )

    def coverage_points(self) -> list[Point]:
        """The course of coverage so far and to come."""
        state, told = self.state, self.status.outlook
        points = [Point("at the beginning", 0, 0.0, "measured")]
        there: dict[str, None] = {}
        for delivery in state.deliveries:
            there |= dict.fromkeys(gene for gene in delivery.genes if gene in state.measured)
            share = float(self.covered_by(there).mean())
            points.append(Point(f"after {delivery.file}", len(there), share, "measured"))
        points.append(Point("now", len(state.measured), told.now, "measured"))
        ahead = len(state.measured) + len(state.pending)
        points.append(Point("now", len(state.measured), told.now, "to come"))
        points.append(Point("with what is pending", ahead, told.after_pending, "to come"))
        points += [
            Point(f"with {n} further genes", ahead + n, share, "to come")
            for n, share in told.curve[1:]
        ]
        return points

    def deliveries(self) -> Iterator[Part]:
        """What came, when, and what of it does not count."""
        if not self.state.deliveries:
            yield Words(["Nothing was delivered yet: mechpert-al campaign ingest DIR FILE"])
            return
        yield Table(
            "Accepted files",
            [
                Column("file"),
                Column("when (UTC)"),
                Column("measured", True),
                Column("which"),
                Column("replaced"),
                Column("pooled"),
                Column("not ordered"),
                Column("SHA-256"),
            ],
            [
                (
                    one.file,
                    one.time[:16].replace("T", " "),
                    len(one.genes),
                    one.genes,
                    one.replaced,
                    one.pooled,
                    one.not_ordered,
                    one.sha256,
                )
                for one in self.state.deliveries
            ],
        )

    def provenance(self) -> Card:
        """Models, digests, files, hashes, versions, command."""
        settings = self.campaign.settings
        place = self.campaign.folder.settings
        named = {
            "panel": settings.panel.path,
            "network": settings.network.path if settings.network else None,
            "candidates": settings.candidates,
        }
        files = [
            {"role": role, "name": str(name), "sha256": digest(resolve(name, place))}
            for role, name in named.items()
            if name
        ]
        files.append(
            {
                "role": "journal",
                "name": self.campaign.folder.journal.path.name,
                "sha256": digest(self.campaign.folder.journal.path),
            }
        )
        contents = {
            "consensus": self.knowledge.consensus.content_hash,
            "consensus when begun": self.state.created.consensus,
            "campaign begun by version": self.state.created.version,
            "records in the journal": self.state.n_records,
            "panel": {key: value for key, value in self.panel.about.items() if key != "agents"},
            "agents": self.panel.about.get("agents", {}),
        }
        return provenance_card(self.command, files, settings.model_dump(), contents)
