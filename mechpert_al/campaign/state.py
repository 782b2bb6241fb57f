"""What a campaign knows: a pure fold over the records of its journal.

Three facts about a gene decide everything: whether it is *measured*, whether it is *pending*
(ordered and not yet measured), and whether it is *excluded*. A failed gene is none of the three, so
it may be proposed again; an abandoned one is excluded for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mechpert_al.campaign.journal import MEND, Reading, Record
from mechpert_al.errors import IntegrityError, UsageError


# ---------------------------------------------------------------------- what records say
class Event(BaseModel):
    """Base of all records: frozen, and no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    #: When it was written, UTC.
    time: str


class Created(Event):
    """The campaign began."""

    kind: Literal["created"] = "created"
    #: Format of the journal.
    format: str
    #: The program that began it.
    version: str
    campaign: str
    seed: int
    #: How many genes may be proposed, and the hash of the consensus network.
    n_candidates: int
    consensus: str
    #: Hash of another line's measurements; None without another line.
    other_line: str | None = None


class Proposed(Event):
    """A batch was ordered."""

    kind: Literal["proposed"] = "proposed"
    round: int
    #: Genes to measure for the first time (or again, after a failure), in order.
    genes: tuple[str, ...]
    #: Measured genes that are measured again in this batch.
    bridging: tuple[str, ...] = ()
    strategy: str
    seed: int
    #: Hash of the consensus network, and of the measurements that were known.
    consensus: str
    effects: str | None
    #: Hash of another line's measurements; None without another line.
    other_line: str | None = None
    #: The constraints that held.
    constraints: dict[str, Any]
    #: The order, as `Batch.as_document` gives it.
    order: dict[str, Any]


class Ingested(Event):
    """Measurements were accepted."""

    kind: Literal["ingested"] = "ingested"
    #: Name of the delivered file and its SHA-256.
    file: str
    sha256: str
    #: Its copy, and the effects that were accepted from it (names in the folder ``ingested``).
    copy_of: str | None
    effects: str
    #: Options with which it was read.
    options: dict[str, Any]
    #: Genes measured for the first time; genes whose earlier measurements this replaces; genes
    #: whose earlier measurements this is pooled with.
    genes: tuple[str, ...]
    replaced: tuple[str, ...] = ()
    pooled: tuple[str, ...] = ()
    not_ordered: tuple[str, ...] = ()
    #: (name in the file, gene, why).
    renamed: tuple[tuple[str, str, str], ...] = ()
    #: Perturbations of the file that do not count as measured, and why.
    not_measured: dict[str, str] = {}


Fate = Literal["failed", "abandoned"]


class Withdrawn(Event):
    """Genes were given up: for now (failed) or for good (abandoned)."""

    kind: Literal["withdrawn"] = "withdrawn"
    genes: tuple[str, ...]
    fate: Fate
    reason: str
    #: Genes whose measurements were taken out of the campaign.
    dropped: tuple[str, ...] = ()


AnyEvent = Created | Proposed | Ingested | Withdrawn
_EVENT: TypeAdapter[AnyEvent] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="kind")])


# ---------------------------------------------------------------------- what follows from them
class Source(NamedTuple):
    """Where a measurement of a gene comes from: a delivered file, and the effects accepted."""

    file: str
    effects: str


class Stamp(NamedTuple):
    """A record, by number and hash."""

    seq: int
    hash: str


NO_STAMP = Stamp(0, "")


@dataclass(frozen=True)
class CampaignState:
    """What a campaign knows.

    Parameters
    ----------
    name
        Of the campaign.
    measured
        For each measured gene where its measurements come from; several are pooled. In the order
        of measurement.
    pending
        Genes that are ordered and not yet measured, and the round that ordered each.
    due
        Measured genes that a round ordered again (bridging genes), and that round.
    failed
        Genes that may be proposed again, and why they failed.
    abandoned
        Genes that are never proposed again, and why.
    rounds
        The batches so far.
    deliveries
        The accepted files so far.
    created
        How the campaign began.
    stamp
        The last record that changed what is measured.
    n_records
        Records so far.
    """

    created: Created
    measured: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    pending: Mapping[str, int] = field(default_factory=dict)
    due: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    abandoned: Mapping[str, str] = field(default_factory=dict)
    rounds: tuple[Proposed, ...] = ()
    deliveries: tuple[Ingested, ...] = ()
    stamp: Stamp = NO_STAMP
    n_records: int = 1

    @property
    def name(self) -> str:
        """Of the campaign."""
        return self.created.campaign

    @property
    def genes(self) -> tuple[str, ...]:
        """Every gene that the journal says something of."""
        return tuple(dict.fromkeys([*self.measured, *self.pending, *self.failed, *self.abandoned]))

    def after(self, event: AnyEvent, stamp: Stamp) -> CampaignState:
        """The state once a further record is written.

        Raises
        ------
        ValueError
            If the record contradicts those before it.
        """
        match event:
            case Proposed():
                state = self._after_proposal(event)
            case Ingested():
                state = self._after_delivery(event, stamp)
            case Withdrawn():
                state = self._after_withdrawal(event, stamp)
            case Created():
                raise ValueError("the campaign is created again")
        return replace(state, n_records=self.n_records + 1)

    def _after_proposal(self, event: Proposed) -> CampaignState:
        if event.round != len(self.rounds) + 1:
            raise ValueError(f"round {event.round} follows round {len(self.rounds)}")
        for names, what in (
            (self.measured, "measured"), (self.pending, "pending"), (self.abandoned, "abandoned"),
        ):  # fmt: skip
            _refuse(set(event.genes) & set(names), f"proposed, but {what} already")
        _refuse(set(event.bridging) - set(self.measured), "measured again, but not measured yet")
        return replace(
            self,
            pending={**self.pending, **dict.fromkeys(event.genes, event.round)},
            due={**self.due, **dict.fromkeys(event.bridging, event.round)},
            failed=_without(self.failed, event.genes),
            rounds=(*self.rounds, event),
        )

    def _after_delivery(self, event: Ingested, stamp: Stamp) -> CampaignState:
        _refuse(set(event.genes) & set(self.measured), "measured for the first time twice")
        again = {*event.replaced, *event.pooled}
        _refuse(again - set(self.measured), "measured again, but not measured yet")
        source = Source(event.file, event.effects)
        measured = dict(self.measured)
        measured |= {gene: (source,) for gene in (*event.genes, *event.replaced)}
        measured |= {gene: (*self.measured[gene], source) for gene in event.pooled}
        return replace(
            self,
            measured=measured,
            pending=_without(self.pending, event.genes),
            due=_without(self.due, event.pooled),  # a correction is not the measurement due
            failed=_without(self.failed, event.genes),
            deliveries=(*self.deliveries, event),
            stamp=stamp,
        )

    def _after_withdrawal(self, event: Withdrawn, stamp: Stamp) -> CampaignState:
        _refuse(set(event.dropped) - set(self.measured), "not measured, but dropped")
        reasons = {
            gene: event.reason
            for gene in event.genes
            if gene not in _without(self.measured, event.dropped)
        }
        is_failed = event.fate == "failed"
        return replace(
            self,
            measured=_without(self.measured, event.dropped),
            pending=_without(self.pending, event.genes),
            due=_without(self.due, event.genes),
            failed={**self.failed, **reasons} if is_failed else _without(self.failed, event.genes),
            abandoned=self.abandoned if is_failed else {**self.abandoned, **reasons},
            stamp=stamp if event.dropped else self.stamp,
        )


def withdrawal(
    genes: Sequence[str],
    fate: Fate,
    reason: str,
    state: CampaignState,
    drop_measurements: bool,
    time: str,
) -> Withdrawn:
    """The record of a withdrawal.

    Parameters
    ----------
    genes
        Under the campaign's names.
    fate, reason, drop_measurements
        See `Campaign.withdraw`.
    state
        What is measured and pending.
    time
        When, UTC.

    Raises
    ------
    UsageError
        Naming each gene that cannot be withdrawn so.
    """
    if not genes or not reason.strip():
        raise UsageError("a withdrawal needs genes and a reason", "Say why, in words.")
    measured = tuple(gene for gene in genes if gene in state.measured)
    problems = []
    for gene in genes:
        if gene in state.due or (gene in measured and drop_measurements):
            continue
        if gene in measured:
            problems.append(f"{gene} is measured")
        elif fate == "failed" and gene not in state.pending:
            problems.append(f"{gene} is not pending")
    if problems:
        raise UsageError(
            f"cannot be withdrawn: {'; '.join(problems)}",
            "Nothing was withdrawn. --drop-measurements also takes out what was measured; "
            "--abandoned is for genes that shall never be proposed.",
        )
    return Withdrawn(
        time=time,
        genes=tuple(genes),
        fate=fate,
        reason=reason.strip(),
        dropped=measured if drop_measurements else (),
    )


def event_of(record: Record) -> AnyEvent:
    """What a record says.

    Raises
    ------
    ValueError
        If it cannot be understood.
    """
    return _EVENT.validate_python(record.content, strict=False)


def replayed(reading: Reading, place: object) -> CampaignState:
    """The state that a journal leads to.

    Parameters
    ----------
    reading
        Its records.
    place
        The journal's name, for messages.

    Raises
    ------
    IntegrityError
        A record that cannot be understood or contradicts those before it, with its line.
    """
    state: CampaignState | None = None
    for record in reading.records:
        try:
            event = event_of(record)
            if state is not None:
                state = state.after(event, Stamp(record.number, record.hash))
            elif isinstance(event, Created):
                state = CampaignState(event)
            else:
                raise ValueError(f"the journal begins with a record {event.kind!r}")
        except ValidationError as error:
            raise IntegrityError(f"{place}, line {record.number}: {_told(error)}", MEND) from error
        except ValueError as error:
            raise IntegrityError(f"{place}, line {record.number}: {error}", MEND) from error
    if state is None:
        raise IntegrityError(f"{place}: the journal is empty", MEND)
    return state


def _told(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"])) or "record"
    return f"{key}: {first['msg']}"


def _without(names: Mapping[str, Any], gone: Iterable[str]) -> dict[str, Any]:
    gone = set(gone)
    return {name: value for name, value in names.items() if name not in gone}


def _refuse(genes: set[str], what: str) -> None:
    if genes:
        raise ValueError(f"{', '.join(sorted(genes))}: {what}")
