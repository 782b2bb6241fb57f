"""The campaign: the one object with a state, kept in a folder.

A campaign proposes batches, takes in measurements as they come (in parts, late, corrected, under
other names) and knows what it has, waits for, and why it chose so: what its journal says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mechpert_al.campaign.folder import PATIENCE, CampaignFolder, Snapshot, now, order_of
from mechpert_al.campaign.ordering import Ground, chosen, constraint_files, ground_of, next_batch
from mechpert_al.campaign.state import AnyEvent, CampaignState, Fate, withdrawal
from mechpert_al.campaign.status import Status, overview, status_of
from mechpert_al.campaign.verification import Verification, verified
from mechpert_al.config import CampaignSettings, load_toml
from mechpert_al.consensus import Knowledge
from mechpert_al.design import Batch, Constraints
from mechpert_al.effects import EffectTable
from mechpert_al.errors import MechPertError, UsageError
from mechpert_al.symbols import match

if TYPE_CHECKING:
    from mechpert_al.campaign.delivery import Decision
    from mechpert_al.campaign.exporting import Export, Format
    from mechpert_al.campaign.intake import Intake, Prepared


class Campaign:
    """A campaign in its folder.

    Use `Campaign.create` or `Campaign.open`.

    Parameters
    ----------
    folder
        Its files.
    settings
        What ``campaign.toml`` says.
    snapshot
        What the journal says.
    notices
        What the reader should know: a torn last line, derived files that were written again.
    """

    def __init__(
        self,
        folder: CampaignFolder,
        settings: CampaignSettings,
        snapshot: Snapshot,
        notices: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.settings = settings
        self.notices = (*snapshot.notices, *notices)
        self._snapshot = snapshot

    @classmethod
    def create(
        cls,
        folder: str | Path,
        panel: str | Path,
        *,
        effects: str | Path | None = None,
        network: str | Path | None = None,
        other_line: str | Path | None = None,
        candidates: str | Path | None = None,
        seed: int = 0,
        name: str | None = None,
        patience: float = PATIENCE,
    ) -> Campaign:
        """Begin a campaign in a folder of its own.

        Parameters
        ----------
        folder
            Made if need be.
        panel
            A panel folder, or the name of a shipped panel.
        effects
            What is measured already, in any form that `ingest` reads.
        network, other_line
            Prior network, for strategies that read one; effects of another line measured already.
        candidates
            List of the genes that may be proposed; all candidates of the panel by default.
        seed
            Everything random follows from it.
        name
            By default that of the folder.
        patience
            Seconds to wait for another writer.

        Raises
        ------
        DataError
            If there is a campaign already, or an input is wrong. Nothing is made then.
        """
        from mechpert_al.campaign.beginning import begin

        place = CampaignFolder(folder, patience)
        first = begin(place, panel, effects, network, other_line, candidates, seed, name)
        campaign = cls.open(folder, patience)
        if first is not None:
            campaign._take(first, None, accepts_units=False, is_trial=False)
        return campaign

    @classmethod
    def open(cls, folder: str | Path, patience: float = PATIENCE) -> Campaign:
        """Open a campaign; what an interrupted command left undone is done.

        Raises
        ------
        DataError
            If none is there.
        ConfigError
            If ``campaign.toml`` is wrong.
        IntegrityError
            If its journal is damaged. Nothing is changed then.
        """
        place = CampaignFolder(folder, patience)
        snapshot = place.read()
        settings = load_toml(place.settings, CampaignSettings)
        return cls(place, settings, snapshot, place.mend())

    @property
    def state(self) -> CampaignState:
        """What is measured, pending, failed, abandoned."""
        return self._snapshot.state

    @property
    def effects(self) -> EffectTable | None:
        """All measurements; None before the first."""
        return self.folder.effects(self.state)

    @cached_property
    def ground(self) -> Ground:
        """What it plans on: the panel, the network, the candidates."""
        return ground_of(self.settings, self.folder.settings)

    @property
    def knowledge(self) -> Knowledge:
        """What is known of the genes from names."""
        return self.ground.knowledge

    @property
    def candidates(self) -> tuple[str, ...]:
        """Genes that may be proposed."""
        return self.ground.candidates

    def order(self, round: int | None = None) -> Batch:
        """The batch of a round, by default of the last one.

        Raises
        ------
        UsageError
            If there was no such round.
        """
        return order_of(self.state, round)

    def constraints(self, **files: Any) -> tuple[Constraints, list[str]]:
        """Constraints of a batch from files; what is not given is as in the settings.

        Parameters
        ----------
        files
            ``include``, ``exclude``, ``cost``, ``budget``, ``max_per_group`` as in
            `Constraints.from_files`.

        Returns
        -------
        constraints, notices
        """
        given = constraint_files(self.settings.design, self.folder.settings, files)
        return Constraints.from_files(self.knowledge.genes, candidates=self.candidates, **given)

    def propose(
        self,
        n: int,
        *,
        constraints: Constraints | None = None,
        strategy: str | None = None,
        seed: int | None = None,
        dry_run: bool = False,
    ) -> Batch:
        """The next batch, with reasons; it is pending from then on.

        Parameters
        ----------
        n
            How many new genes; bridging genes come on top.
        constraints
            By default those of the settings.
        strategy, seed
            By default those of the settings.
        dry_run
            Only show what would be proposed.

        Raises
        ------
        NothingLeftError
            No gene can be proposed.
        UsageError
            Contradictory constraints. Nothing is written then.
        """
        limits, said = self.constraints() if constraints is None else (constraints, [])
        settings = chosen(self.settings, strategy, seed)
        with self._reading() if dry_run else self._writing():
            batch, event = next_batch(n, settings, self.state, self.ground, self.effects, limits)
            batch = replace(batch, notices=(*said, *batch.notices))
            if not dry_run:
                self._record(event)
        return batch

    def ingest(
        self,
        path: str | Path,
        *,
        replace: bool = False,
        replicate: bool = False,
        accept_units: bool = False,
        keep_failed_knock_downs: bool = False,
        dry_run: bool = False,
        **options: Any,
    ) -> Intake:
        """Take in measurements: all of a file, or nothing of it.

        Parameters
        ----------
        path
            Counts, effects or a table.
        replace
            Its numbers take the place of earlier ones of the same gene.
        replicate
            Its numbers are pooled with earlier ones of the same gene, weighted by cells.
        accept_units
            Take numbers that are in another unit, against other controls, or larger or smaller
            by far than what was measured before. In what they differ stands in the journal.
        keep_failed_knock_downs
            Let perturbations count that did not lower their own gene.
        dry_run
            Only say what would become of it.
        options
            Of `mechpert_al.effects.convert`.

        Raises
        ------
        DataError
            The file cannot be read, has other numbers than before for a gene, or numbers that
            cannot stand beside those measured before.
        SymbolError
            A name that cannot be matched without guessing.
        """
        from mechpert_al.campaign.intake import prepared

        if replace and replicate:
            raise UsageError(
                "a delivery cannot both replace and be pooled", "Give one of the two, or two files."
            )
        decision: Decision | None = "replace" if replace else "replicate" if replicate else None
        file = prepared(path, keep_failed_knock_downs, options)
        return self._take(file, decision, accept_units, dry_run)

    def _take(
        self, file: Prepared, decision: Decision | None, accepts_units: bool, is_trial: bool
    ) -> Intake:
        from mechpert_al.campaign.intake import taken_in

        with self._reading() if is_trial else self._writing():
            known = [*self.knowledge.genes, *self.state.genes]
            intake, event = taken_in(
                file, decision, accepts_units, self.state, self.effects, known,
                self.folder.store, is_trial,
            )  # fmt: skip
            if event is not None:
                self._record(event)
        return intake

    def withdraw(
        self,
        genes: Sequence[str],
        fate: Fate,
        reason: str,
        *,
        drop_measurements: bool = False,
    ) -> tuple[str, ...]:
        """Give genes up: for now (they may be proposed again) or for good.

        Parameters
        ----------
        genes
            Pending genes; also any other candidate, to abandon it.
        fate
            ``"failed"`` or ``"abandoned"``.
        reason
            In words; it stands in the journal.
        drop_measurements
            Take out what was measured of them. Without it, a measured gene is refused.

        Returns
        -------
        tuple of str
            The genes, under the campaign's names.

        Raises
        ------
        UsageError
            A gene that cannot be withdrawn so; nothing is withdrawn then.
        """
        with self._writing():
            state = self.state
            known = [*self.knowledge.genes, *state.genes]
            names = tuple(match(genes, known, source="withdraw").complete().mapping.values())
            self._record(withdrawal(names, fate, reason, state, drop_measurements, now()))
        return names

    def export(self, format: Format = "csv", *, round: int | None = None, **options: Any) -> Export:
        """The order of a round as a file for those who make, read and count the guides.

        Parameters
        ----------
        format
            ``csv`` (for people; without a library the genes, with one their guides),
            ``cellranger`` (feature reference) or ``mageck`` (library).
        round
            By default the last one. Genes that were withdrawn since are left out, and named.
        options
            ``library`` (the guide library), ``control_guides`` (a number, or below 1 a share of
            all guides), ``guides_per_gene``, ``reference`` (features.tsv of the transcriptome),
            ``layout`` (a `ReadLayout`), ``delimiter`` (of MAGeCK's file), ``mend`` (change
            identifiers that are refused, leave out guides that cannot be used).

        Raises
        ------
        DataError
            Listing everything that stands against the order, with the library's lines.
        UsageError
            If nothing was proposed yet, or a library is needed.
        """
        from mechpert_al.campaign.exporting import ExportOptions, export, with_settings

        given = with_settings(ExportOptions(**options), self.settings.orders, self.folder.settings)
        withdrawn = [*self.state.failed, *self.state.abandoned]
        return export(self.order(round), withdrawn, format, given)

    def status(self, n: int | None = None) -> Status:
        """What is measured, pending and excluded, and what further batches would bring.

        Parameters
        ----------
        n
            Genes in a further batch; by default as many as the last one had.
        """
        return status_of(self.settings, self.state, self.ground, self.effects, self.notices, n)

    def verify(self) -> Verification:
        """Check everything against the journal, and write derived files that are wrong again."""
        return verified(self.folder, self.notices)

    def rebuild(self) -> None:
        """Write all derived files again, from the journal and the accepted files."""
        with self._writing():
            self.folder.derive(self.state, anew=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self.folder.writing() as snapshot:
            self._snapshot = snapshot
            yield

    @contextmanager
    def _reading(self) -> Iterator[None]:
        self._snapshot = self.folder.read()
        yield

    def _record(self, event: AnyEvent) -> None:
        """Write a record, then what follows from it; a failure of the second loses nothing."""
        self._snapshot = self.folder.append(self._snapshot, event)
        try:
            self.folder.derive(self.state)
        except (MechPertError, OSError) as error:
            why = error.message if isinstance(error, MechPertError) else str(error)
            self.notices = (
                *self.notices,
                f"recorded; but derived files could not be written and will be later: {why}",
            )

    def __repr__(self) -> str:
        state = self.state
        return (
            f"Campaign({str(self.folder.path)!r}, {len(state.measured)} measured, "
            f"{len(state.pending)} pending, {len(state.rounds)} rounds)"
        )

    def _repr_html_(self) -> str:
        return overview(self.state, repr(self))
