"""Asking a panel from beginning to end: connect, ask, write the folder, say what is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mechpert_al.agents.asking import Run
from mechpert_al.agents.description import Description, read_description
from mechpert_al.agents.duty import Patience
from mechpert_al.agents.faults import Fault
from mechpert_al.agents.folder import PanelFolder, refuse_other
from mechpert_al.agents.hosts import Hosts, connect, refuse_thoughtless
from mechpert_al.agents.models import Abilities, Model
from mechpert_al.agents.outlook import models_before, outlook
from mechpert_al.agents.progress import Progress
from mechpert_al.agents.questions import Question, Questions
from mechpert_al.agents.store import AnswerStore
from mechpert_al.datasets import resolve
from mechpert_al.errors import DataError, UnansweredError
from mechpert_al.symbols import match

__all__ = ["Asked", "ask", "matched_targets", "outlook", "questions_of"]

if TYPE_CHECKING:
    from mechpert_al.networks import PriorNetwork

#: Seconds between two writings of the panel's files, at least.
WRITE_EVERY = 30.0
#: Writing takes at most this share of the time.
WRITING_SHARE = 0.02
#: Seconds that calls on their way have to end after an interruption.
GRACE = 2.0
#: Targets that a message names.
NAMED = 10


@dataclass(frozen=True)
class Asked:
    """What became of a run.

    Parameters
    ----------
    folder
        The panel folder.
    progress
        Its counts.
    unanswered
        For each agent the targets that stayed unanswered.
    faults
        Why questions stayed unanswered.
    left_out
        Servers that were left out, at the beginning or on the way.
    """

    folder: Path
    progress: Progress
    unanswered: Mapping[str, list[str]]
    faults: Mapping[Question, Fault]
    left_out: Mapping[str, Fault]

    def refuse_unanswered(self) -> None:
        """Stop if targets stayed unanswered.

        Raises
        ------
        UnansweredError
            Naming them, and why.
        """
        lines = [
            f"{agent}: {len(targets)} unanswered: {', '.join(targets[:NAMED])}"
            + (" …" if len(targets) > NAMED else "")
            for agent, targets in self.unanswered.items()
            if targets
        ]
        if lines:
            kinds = {fault.name: fault for fault in self.faults.values()}
            lines += [f"{name}: {fault.message}" for name, fault in kinds.items()]
            hints = " ".join(dict.fromkeys(fault.hint for fault in kinds.values()))
            raise UnansweredError(
                "\n".join(lines),
                f"{hints} All failed tries: {self.folder / 'failures.jsonl'}. The same command "
                "again asks only what is missing.",
            )


def matched_targets(
    targets: Sequence[str], candidates: Sequence[str], source: str = "targets"
) -> tuple[tuple[str, ...], list[str]]:
    """Targets by the names that they have among the candidates, and what was renamed.

    Raises
    ------
    DataError
        One is no candidate.
    """
    matching = match(targets, candidates, source=source)
    strangers = [gene for gene in targets if gene not in matching.mapping]
    if strangers:
        raise DataError(
            f"{source}: not among the candidates: {', '.join(strangers[:NAMED])}"
            + (f" and {len(strangers) - NAMED} more" if len(strangers) > NAMED else ""),
            "Add them to the candidates, or leave them out of the targets.",
        )
    renamed = dict.fromkeys(matching.mapping[gene] for gene in targets)
    return tuple(renamed), list(matching.lines())


def questions_of(
    description: Description,
    candidates: Sequence[str],
    targets: Sequence[str],
    abilities: Mapping[str, Abilities] | None = None,
    evidence: Mapping[str, str] | None = None,
) -> Questions:
    """The questions of a run.

    Parameters
    ----------
    description
        Whom to ask.
    candidates
        Genes that may be proposed, at least two.
    targets
        Genes to ask about, all of them candidates.
    abilities
        What the models can; without, nothing is taken to be known.
    evidence
        By target, what its agents are told of it just before they answer; targets without are asked
        as ever.

    Raises
    ------
    DataError
        Too few candidates, they do not fit into a prompt, or there is evidence on a gene that is
        not asked about.
    """
    if len(candidates) < 2:
        raise DataError(f"{len(candidates)} candidates", "At least two genes are needed.")
    told = {gene: text for gene, text in (evidence or {}).items() if text}
    strangers = set(told).difference(targets)
    if strangers:
        raise DataError(
            f"evidence on genes that are not asked about: {', '.join(sorted(strangers)[:NAMED])}",
            "Name them among the targets.",
        )
    known = abilities or dict.fromkeys(description.models, Abilities())
    asked = Questions(description, tuple(candidates), tuple(targets), known, evidence=told)
    if description.settings.network is not None and _is_short(asked):
        asked = replace(asked, network=_network(description))
    return asked


def _is_short(asked: Questions) -> bool:
    """Whether some prompt does not show all candidates, if only for the evidence beside them."""
    most = len(asked.candidates)
    return any(n < most for n in asked.shown.values()) or any(
        len(asked.listed(question)) < most
        for question in asked
        if not asked.evidence.keys().isdisjoint(question.targets)
    )


def _network(description: Description) -> PriorNetwork:
    from mechpert_al.networks import read_network

    return read_network(resolve(str(description.settings.network), description.source))


def ask(
    description: Description | str | Path,
    candidates: Sequence[str],
    targets: Sequence[str] | None,
    folder: str | Path,
    *,
    evidence: Mapping[str, str] | None = None,
    hosts: Sequence[str] = (),
    tell: Callable[[Progress], None] = lambda progress: None,
    note: Callable[[str], None] = lambda text: None,
    patience: Patience = Patience(),  # noqa: B008 - it cannot change
) -> Asked:
    """Ask every agent about every target that it has not answered yet.

    Parameters
    ----------
    description
        Whom to ask: a panel description, its TOML file, or the name of a shipped one.
    candidates
        Genes that may be proposed, at least two.
    targets
        Genes to ask about, all of them candidates; None for all candidates.
    folder
        The panel folder; one from an earlier run is completed.
    evidence
        By target, a text that stands just before it in the prompt, such as what was measured since.
        Another text is another question: it is asked, and its answer takes the place of the earlier
        one. Targets without a text are asked, or taken from the store, as ever.
    hosts
        Addresses of servers; those of the description by default.
    tell
        Called with the progress after each event, from any thread but from one at a time. What it
        counts as answered survives the end of this process.
    note
        Called with what a person should know: servers that are left out, short-lists.
    patience
        Pauses between tries.

    Returns
    -------
    Asked
        With the targets that stayed unanswered, and why; ``read_panel(folder)`` reads the answers.

    Raises
    ------
    BackendError
        No server can answer, or none any more; what was answered is kept.
    DataError, ConfigError
        The description is wrong, the candidates are too few or do not fit into a prompt, or a
        target is none of them.
    KeyboardInterrupt
        As it came; what was answered is kept and the folder is written.
    """
    place = Path(folder)
    refuse_other(place)
    if not isinstance(description, Description):
        description = read_description(description)
    wanted = _wanted(targets, candidates, note)
    with closing(connect(description, hosts)) as joined:
        for fault in joined.faults:
            note(f"Left out: {fault.message} {fault.hint}")
        models = _completed(joined.models, models_before(place))
        _refuse_unknown(description, models, joined)
        refuse_thoughtless(description, models)
        for name in description.models:
            if models[name][1].can_think is None:
                note(f"No server says whether {name} can think: thinking is not switched off.")
        abilities = {name: can for name, (_, can) in models.items()}
        questions = questions_of(description, candidates, wanted, abilities, evidence)
        for name, n_shown in questions.shown.items():
            if n_shown < len(candidates):
                note(f"{name}: {n_shown} of {len(candidates)} candidates fit into a prompt")
        with AnswerStore(place) as store:
            store.remember(models)
            digests = {name: model.digest for name, (model, _) in models.items()}
            run = Run(questions, digests, joined, store, tell, patience)
            for agent in run.duty.unable():
                raise joined.why_not(description.agents[agent].model)
            if run.work.n_open == 0 and joined.faults:
                note("All is answered already: no server is needed.")
            asked = _until_done(run, PanelFolder(place, questions, models, _versions(joined), note))
        for host in asked.left_out.keys() - joined.left_out.keys():
            fault = asked.left_out[host]
            note(f"Left out on the way: {fault.message} {fault.hint}")
        return asked


def _wanted(
    targets: Sequence[str] | None, candidates: Sequence[str], note: Callable[[str], None]
) -> Sequence[str]:
    """The genes to ask about, by the names that they have among the candidates."""
    if targets is None or set(targets) <= set(candidates):
        return candidates if targets is None else targets
    matched, renamed = matched_targets(targets, candidates)
    for line in renamed:
        note(line)
    return matched


def _completed(
    now: Mapping[str, tuple[Model, Abilities]], before: Mapping[str, tuple[Model, Abilities]]
) -> dict[str, tuple[Model, Abilities]]:
    """The models of a run; what no server says now is taken from before."""
    found = {**before, **now}
    for name, (model, can) in now.items():
        if can == Abilities() and name in before and before[name][0].digest == model.digest:
            found[name] = model, before[name][1]
    return found


def _refuse_unknown(
    description: Description, models: Mapping[str, tuple[Model, Abilities]], joined: Hosts
) -> None:
    """Stop if nobody can say which model of a name is meant.

    Raises
    ------
    Fault
        No server can.
    """
    for name in description.models:
        if name not in models:
            raise joined.why_not(name)


def _versions(joined: Hosts) -> dict[str, str]:
    return {host.server.host: host.version for host in joined.there}


def _until_done(run: Run, folder: PanelFolder) -> Asked:
    """Let the threads work; write the folder now and then, and whatever happens at the end."""
    folder.begin(run.keys_now(), run.store)
    threads = run.start()
    next_time = time.monotonic() + WRITE_EVERY
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(timeout=0.1)
                if time.monotonic() >= next_time:
                    next_time = _write_now(run, folder)
        run.confirm()
    finally:
        run.stop()
        deadline = time.monotonic() + GRACE
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        unanswered = folder.write(run.keys_now(), run.store)
    if run.stopped_by is not None:
        raise run.stopped_by
    if run.has_crashed:
        raise RuntimeError("a thread that asked ended in an error, which stands above")
    left_out = {**run.hosts.left_out, **run.duty.missing()}
    return Asked(folder.path, run.progress, unanswered, run.unanswered, left_out)


def _write_now(run: Run, folder: PanelFolder) -> float:
    """Write the folder; when to do so the next time."""
    start = time.monotonic()
    folder.write(run.keys_now(), run.store)
    end = time.monotonic()
    return end + max(WRITE_EVERY, (end - start) / WRITING_SHARE)
