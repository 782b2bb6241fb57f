"""Everything in a campaign's folder held against its journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mechpert_al.campaign.folder import CampaignFolder, batch_of
from mechpert_al.campaign.state import CampaignState
from mechpert_al.effects import EffectTable, read_effects
from mechpert_al.errors import DataError, IntegrityError


@dataclass(frozen=True)
class Verification:
    """What was checked and found.

    Parameters
    ----------
    n_records
        Records of the journal; all are whole and in their place.
    n_files
        Accepted files; all are as they were accepted.
    notices
        What is remarkable and does no harm.
    """

    n_records: int
    n_files: int
    notices: tuple[str, ...]


def verified(folder: CampaignFolder, said: Sequence[str] = ()) -> Verification:
    """Check journal, accepted files and derived files; mend the last.

    An order file that a person changed is only reported.

    Parameters
    ----------
    folder
        Of the campaign.
    said
        Notices of its opening.

    Raises
    ------
    IntegrityError
        Naming everything that cannot be put right. Nothing is changed then.
    """
    snapshot = folder.read()
    state = snapshot.state
    names = [name for one in state.deliveries for name in (one.copy_of, one.effects) if name]
    problems = []
    for name in dict.fromkeys(names):
        try:
            folder.store.check(name)
        except IntegrityError as error:
            problems.append(error.message)
    if problems:
        raise IntegrityError(
            "\n".join(problems), "Nothing was changed. Put the files back from a backup."
        )
    wrong = _wrong_effects(folder, state)
    notices = [*said, *snapshot.notices, *wrong, *_wrong_orders(folder, state)]
    if wrong or not folder.is_derived(state):
        notices.append(_mended(folder))
    strangers = folder.store.names() - set(names)
    notices += [
        f"ingested/{name}: belongs to no record (a command was killed before it counted)"
        for name in sorted(strangers)
    ]
    return Verification(state.n_records, len(set(names)), tuple(dict.fromkeys(notices)))


def _mended(folder: CampaignFolder) -> str:
    """Write what is missing or wrong of the derived files again; what came of it."""
    try:
        with folder.writing() as current:
            if _wrong_effects(folder, current.state):
                folder.effects_file.unlink(missing_ok=True)
            folder.derive(current.state)
    except (DataError, OSError) as error:
        return f"what is missing or wrong of these could not be written again: {error}"
    return "what was missing or wrong of these was written again"


def _wrong_effects(folder: CampaignFolder, state: CampaignState) -> list[str]:
    """What is wrong with the derived effects."""
    name, right = folder.effects_file.name, folder.assemble(state)
    if right is None:
        return [f"{name}: nothing is measured"] if folder.effects_file.exists() else []
    if not folder.effects_file.exists():
        return [f"{name}: missing"]
    return [] if _is_same(folder, right) else [f"{name}: not what follows from the accepted files"]


def _wrong_orders(folder: CampaignFolder, state: CampaignState) -> Iterator[str]:
    for order in state.rounds:
        path = folder.order_file(order.round)
        if not path.exists():
            yield f"orders/{path.name}: missing"
        elif path.read_bytes() != batch_of(order).as_csv().encode():
            yield (
                f"orders/{path.name}: not the order that was proposed (changed by hand?); "
                "campaign rebuild writes it again"
            )


def _is_same(folder: CampaignFolder, right: EffectTable) -> bool:
    try:
        table = read_effects(folder.effects_file)
    except (DataError, OSError):
        return False
    return table.info == right.info and table.content_hash == right.content_hash
