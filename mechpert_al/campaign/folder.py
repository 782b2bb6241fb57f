"""The folder of a campaign: what is the truth in it, what is derived, and the order of writing.

``journal.jsonl`` and ``ingested/`` are the truth; ``effects.h5ad`` and ``orders/`` follow from
them. An accepted file is stored first; then the journal's record says so, and from then on it
counts; last come the derived files. So a process may be killed at any moment: either nothing
happened, or it happened and whoever opens the folder next derives what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from mechpert_al import atomic
from mechpert_al.campaign.journal import Journal, Reading
from mechpert_al.campaign.lock import writing_alone
from mechpert_al.campaign.state import (
    AnyEvent,
    CampaignState,
    Created,
    Proposed,
    Stamp,
    event_of,
    replayed,
)
from mechpert_al.campaign.store import Store
from mechpert_al.design import Batch, Pick
from mechpert_al.effects import EffectTable, read_effects
from mechpert_al.effects.annotated import AnnotatedFile
from mechpert_al.effects.files import KEY, file_image
from mechpert_al.errors import DataError, IntegrityError, MechPertError, UsageError

#: Seconds to wait for another writer.
PATIENCE = 5.0
LOCK = "journal.jsonl.lock"
#: Unfinished files that only the writer of a campaign makes.
DRAFTS = (
    ".journal.jsonl.*", ".campaign.toml.*", ".candidates*", ".effects.h5ad.*", "orders/.round-*",
    "ingested/.*",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What the folder said when it was read: the journal, and the state it leads to."""

    reading: Reading
    state: CampaignState
    notices: tuple[str, ...] = ()


class CampaignFolder:
    """Files of a campaign.

    Parameters
    ----------
    path
        The folder.
    patience
        Seconds to wait for another writer.
    """

    def __init__(self, path: str | Path, patience: float = PATIENCE) -> None:
        self.path = Path(path)
        self.patience = patience
        self.settings = self.path / "campaign.toml"
        self.journal = Journal(self.path / "journal.jsonl")
        self.store = Store(self.path / "ingested")
        self.effects_file = self.path / "effects.h5ad"
        self.orders = self.path / "orders"

    # ------------------------------------------------------------------ reading
    def read(self) -> Snapshot:
        """The campaign as its journal has it.

        Raises
        ------
        DataError
            If no campaign is there.
        IntegrityError
            If its journal is damaged, missing, or lost records.
        """
        if not self.journal.path.is_file():
            raise self._missing()
        stamp = self._stamp()  # before the journal: another command may be writing both
        reading = self.journal.read()
        state = replayed(reading, self.journal.path)
        ahead = self._check_not_ahead(reading, stamp)
        return Snapshot(reading, state, (*reading.notices, *ahead))

    def _missing(self) -> MechPertError:
        if any(path.exists() for path in (self.effects_file, self.orders, self.store.folder)):
            return IntegrityError(
                f"{self.journal.path}: the journal is missing, the rest of a campaign is there",
                "Put it back from a backup; the measurements lie in the folder 'ingested'.",
            )
        return DataError(
            f"{self.path}: no campaign there (it has no file journal.jsonl)",
            f"Begin one: mechpert-al campaign new {self.path} --panel PANEL",
        )

    def _check_not_ahead(self, reading: Reading, stamp: Stamp | None) -> tuple[str, ...]:
        """Compare the journal with the record that the derived effects were made at.

        Raises
        ------
        IntegrityError
            If the journal does not have that record any more.
        """
        n = len(reading.records)
        if stamp is None or stamp.seq == 0:
            return ()
        if stamp.seq == n + 1 and reading.torn:
            return (f"{self.effects_file.name} already held what line {stamp.seq} recorded",)
        if stamp.seq > n or reading.records[stamp.seq - 1].hash != stamp.hash:
            what = f"ends with record {n}" if stamp.seq > n else "has another record there"
            raise IntegrityError(
                f"{self.journal.path}, line {min(stamp.seq, n + 1)}: records are missing: "
                f"{self.effects_file.name} was made at record {stamp.seq}, the journal {what}",
                "Nothing was changed. Put the journal back from a backup; if it is right as it is, "
                f"remove {self.effects_file.name}, which is made again.",
            )
        return ()

    def _stamp(self) -> Stamp | None:
        """The record that the derived effects were made at; None if they cannot be read."""
        try:
            with AnnotatedFile(self.effects_file) as file:
                found = json.loads(str(file.note(KEY)))["record"]
            return Stamp(int(found["seq"]), str(found["hash"]))
        except (DataError, OSError, KeyError, TypeError, ValueError):
            return None

    # ------------------------------------------------------------------ writing
    @contextmanager
    def writing(self) -> Iterator[Snapshot]:
        """Be the only writer; gives the campaign as it is now."""
        with writing_alone(self.path / LOCK, self.patience):
            yield self.read()

    def begin(self, files: Mapping[Path, bytes], event: Created) -> None:
        """Make the folder, the files that a person may change, and last the first record.

        Parameters
        ----------
        files
            Their paths and contents.
        event
            How the campaign began.

        Raises
        ------
        DataError
            If a campaign, or such a file with another content, is there already.
        """
        self.check_free(files)
        try:
            atomic.make_folder(self.path)
            with writing_alone(self.path / LOCK, self.patience):
                self.check_free(files)
                for path, content in files.items():
                    atomic.write_bytes(path, content)
                self.journal.append(Reading(), event.model_dump(mode="json"))
        except OSError as error:
            raise DataError(
                f"{self.path}: cannot be written to ({error.strerror})", "Give another folder."
            ) from error

    def check_free(self, files: Mapping[Path, bytes]) -> None:
        """See that a campaign can begin here.

        Raises
        ------
        DataError
            If there is one already, or a file of a person's with another content.
        """
        if self.journal.path.exists():
            raise DataError(
                f"{self.path}: is a campaign already",
                "Give another folder, or go on with this one: mechpert-al campaign status "
                f"{self.path}",
            )
        if self.store.folder.exists() or self.effects_file.exists():
            raise self._missing()
        for path, content in files.items():
            if path.exists() and path.read_bytes() != content:
                raise DataError(
                    f"{path}: is there already, with another content", "Remove or rename the file."
                )

    def append(self, snapshot: Snapshot, event: AnyEvent) -> Snapshot:
        """Write a record; from then on it counts."""
        reading = self.journal.append(snapshot.reading, event.model_dump(mode="json"))
        record = reading.records[-1]
        state = snapshot.state.after(event_of(record), Stamp(record.number, record.hash))
        return Snapshot(reading, state, snapshot.notices)

    # ------------------------------------------------------------------ what is derived
    def effects(self, state: CampaignState) -> EffectTable | None:
        """All measurements: from the derived file if it is right, else put together again."""
        if not state.measured:
            return None
        if self._stamp() == state.stamp:
            try:
                table = read_effects(self.effects_file)
            except (DataError, OSError):
                table = None
            if table is not None and table.info.get("content_hash") == table.content_hash:
                return table
        return self.assemble(state)

    def assemble(self, state: CampaignState) -> EffectTable | None:
        """All measurements, put together from the accepted files.

        Raises
        ------
        IntegrityError
            If one of these is missing or was changed.
        """
        counting = {source.effects for parts in state.measured.values() for source in parts}
        sources = [one for one in state.deliveries if one.effects in counting]
        told = [self.store.table(one.effects).info for one in sources]
        info = {
            "kind": "campaign",
            "campaign": state.name,
            "control": _distinct([info.get("control") for info in told]),
            "normalisation": _distinct([info.get("normalisation") for info in told]),
            "sources": [{"file": one.file, "sha256": one.sha256} for one in sources],
            "record": state.stamp._asdict(),
        }
        table = self.store.assembled(state.measured, info)
        return table and replace(table, info={**info, "content_hash": table.content_hash})

    def is_derived(self, state: CampaignState) -> bool:
        """Whether all derived files are there and fit the journal."""
        fits = self._stamp() == state.stamp if state.measured else not self.effects_file.exists()
        return fits and all(self.order_file(one.round).exists() for one in state.rounds)

    def derive(self, state: CampaignState, *, anew: bool = False) -> None:
        """Write the derived files that are missing or do not fit the journal.

        Parameters
        ----------
        state
            What the journal leads to.
        anew
            Write all of them.
        """
        for pattern in DRAFTS:  # of commands that were killed
            for left in self.path.glob(pattern + atomic.SUFFIX):
                left.unlink(missing_ok=True)
        for order in state.rounds:
            path = self.order_file(order.round)
            if anew or not path.exists():
                batch_of(order).write(path)
        if state.measured and self._stamp() == state.stamp and not anew:
            return
        table = self.assemble(state)
        if table is None:
            self.effects_file.unlink(missing_ok=True)
            return
        atomic.write_bytes(self.effects_file, file_image(table))

    def mend(self) -> tuple[str, ...]:
        """Derive what an interrupted command left undone, if that can be done now.

        Returns
        -------
        tuple of str
            What was done.
        """
        snapshot = self.read()
        if self.is_derived(snapshot.state):
            return ()
        try:
            with writing_alone(self.path / LOCK, 0):
                self.derive(self.read().state)
        except IntegrityError:
            raise
        except (DataError, OSError):
            return ()  # somebody is writing, or the folder is read-only: nothing depends on it
        return ("what an interrupted command left undone was done: derived files written again",)

    def order_file(self, round: int) -> Path:
        """Where the order of a round lies."""
        return self.orders / f"round-{round:03d}.csv"


def order_of(state: CampaignState, round: int | None = None) -> Batch:
    """The batch of a round, by default of the last one.

    Raises
    ------
    UsageError
        If there was no such round.
    """
    rounds = state.rounds
    number = len(rounds) if round is None else round
    if not 1 <= number <= len(rounds):
        raise UsageError(
            f"{state.name}: no round {number}" if rounds else "no batch was proposed yet",
            f"There are rounds 1 to {len(rounds)}." if rounds else "Propose one first.",
        )
    return batch_of(rounds[number - 1])


def batch_of(order: Proposed) -> Batch:
    """The batch that a record describes."""
    about = order.order
    picks = [
        Pick(
            **{
                **row,
                "newly_covered": tuple(row["newly_covered"]),
                "agents": tuple(row["agents"]),
                "cost": None if row["cost"] == "" else row["cost"],
            }
        )
        for row in about["batch"]
    ]
    return Batch(
        tuple(picks),
        about["strategy"],
        about["coverage_before"],
        about["n_candidates"],
        about["left_out"],
        tuple(about["notices"]),
    )


def now() -> str:
    """The time, UTC, as records have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _distinct(told: list) -> object:
    """What all sources say, or the list of what they say."""
    found = [one for number, one in enumerate(told) if one and one not in told[:number]]
    return found[0] if len(found) == 1 else found
