"""``mechpert-al ask``: query the agents of a panel description into a panel folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mechpert_al.cli.options import json_option
from mechpert_al.cli.output import clean, print_json, say, table, tell

if TYPE_CHECKING:
    from mechpert_al.agents.live import Asked
    from mechpert_al.agents.outlook import Outlook
    from mechpert_al.agents.progress import Progress

_file = click.Path(path_type=Path)
#: Characters of a prompt that a dry run shows.
SHOWN = 6000


@click.command(
    epilog="Example: mechpert-al ask local --candidates genes.txt --out my-panel --dry-run"
)
@click.argument("description")
@click.option("--candidates", type=_file, required=True, help="Genes that may be proposed.")
@click.option("--targets", type=_file, help="Genes to ask about; all candidates by default.")
@click.option(
    "--evidence", type=_file,
    help="JSON file, target: text: what the agents are told of a target just before it.",
)  # fmt: skip
@click.option(
    "-o", "--out", type=_file, required=True, help="The panel folder; an earlier one is completed."
)
@click.option("--host", "hosts", multiple=True, metavar="URL", help="A server; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Show prompts, tokens and time; ask nothing.")
@click.option("--seed", type=click.IntRange(min=0), help="In place of the description's seed.")
@json_option
def ask(
    description: str,
    candidates: Path,
    targets: Path | None,
    evidence: Path | None,
    out: Path,
    hosts: tuple[str, ...],
    dry_run: bool,
    seed: int | None,
    as_json: bool,
) -> None:
    """Ask the agents of DESCRIPTION (a TOML file or a shipped name) about every target.

    Nothing is asked twice: the same command again asks only what is missing. Exit code 7 when
    targets stay unanswered, 4 when no server can answer, 130 after Ctrl-C; answers are kept.
    """
    from mechpert_al.agents.description import read_description, seeded
    from mechpert_al.agents.evidence import read_evidence
    from mechpert_al.agents.live import ask as run
    from mechpert_al.agents.live import matched_targets, questions_of
    from mechpert_al.agents.models import Abilities
    from mechpert_al.agents.outlook import models_before, outlook
    from mechpert_al.symbols import read_gene_list

    told = seeded(read_description(description), seed)
    genes = read_gene_list(candidates).genes
    wanted = genes
    if targets is not None:
        wanted, notices = matched_targets(read_gene_list(targets).genes, genes, str(targets))
        for notice in notices:
            say(notice)
    known = None if evidence is None else read_evidence(evidence)
    if dry_run:
        can = {name: one for name, (_, one) in models_before(out).items()}
        abilities = {**dict.fromkeys(told.models, Abilities()), **can}
        questions = questions_of(told, genes, wanted, abilities, evidence=known)
        _show_outlook(outlook(questions, out), as_json)
        return
    with _shown(told.settings.name) as tell:
        asked = run(told, genes, wanted, out, evidence=known, hosts=hosts, tell=tell, note=say)
    _show(asked, as_json and not any(asked.unanswered.values()))
    asked.refuse_unanswered()


def _show(asked: Asked, as_json: bool) -> None:
    done = asked.progress
    document = {
        "panel": asked.folder,
        "questions": done.total,
        "stored_before": done.stored,
        "answered": done.answered,
        "unanswered": asked.unanswered,
        "failures": dict(done.failures),
        "tokens_per_second": done.tokens_per_second,
        "prefix_hits": done.prefix_hits,
        "left_out": {host: fault.message for host, fault in asked.left_out.items()},
    }
    if as_json:
        print_json(document)
    else:
        say(f"{done.stored} answers were there, {done.answered} came now{_failures(done)}.")
        say(f"Written: {asked.folder}. See it: mechpert-al panel check {asked.folder}")


def _show_outlook(agents: list[Outlook], as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "agents": [{**vars(one), "room": one.room._asdict()} for one in agents],
                "seconds": sum(one.seconds for one in agents),
            }
        )
        return
    for one in agents:
        click.echo(f"=== {one.agent} ({one.model})")
        for message in one.prompt:
            text = message["content"]
            more = f" … ({len(text) - SHOWN} more characters)" if len(text) > SHOWN else ""
            click.echo(f"--- {message['role']}\n{clean(text[:SHOWN])}{more}")
    click.echo()
    table(
        [
            "agent",
            "model",
            "calls>",
            "answered>",
            "candidates shown>",
            "prompt tokens>",
            "num_ctx>",
            "time>",
        ],
        [
            (
                one.agent,
                one.model,
                one.n_questions,
                one.n_answered,
                one.n_shown,
                one.room.prompt,
                one.room.context,
                duration(one.seconds),
            )
            for one in agents
        ],
        title="What would be asked (time on one server, by earlier answers or a rough guess)",
    )
    if there := sum(one.n_answered for one in agents):
        number = sum(one.n_questions for one in agents)
        tell(f"{there} answers are there already; {number} calls would be made.")


# ---------------------------------------------------------------------- progress
@contextmanager
def _shown(name: str) -> Iterator[Callable[[Progress], None]]:
    """Show how far a run is, on stderr."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(name)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    text = TextColumn("{task.description}", markup=False)
    with Bars(text, BarColumn(), MofNCompleteColumn(), console=console) as bars:
        task = bars.add_task(clean(name), total=None)

        def advance(done: Progress) -> None:
            bars.update(task, description=line(done), completed=done.done, total=done.total)

        yield advance


class _Lines:
    """Progress where nobody watches: a line at each tenth of the way."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tenth = 0

    def __call__(self, done: Progress) -> None:
        tenth = 10 * done.done // max(done.total, 1)
        if tenth > self.tenth:
            self.tenth = tenth
            say(f"{self.name}: {done.done} of {done.total}. {line(done)}")


def line(done: Progress) -> str:
    """A run in one line: who is asked, how fast, how often the prompt was known, what failed."""
    parts: list[Any] = [f"{done.agent} {','.join(done.targets[:3])}"]
    if done.tokens_per_second is not None:
        parts.append(f"{done.tokens_per_second:.0f} tokens/s")
    if done.answered:
        parts.append(f"{done.prefix_hits / done.answered:.0%} prefix hits")
    if done.seconds_to_go is not None:
        parts.append(f"{duration(done.seconds_to_go)} to go")
    if done.away:
        parts.append(f"without {', '.join(done.away)}")
    return clean(", ".join(parts) + _failures(done))


def _failures(done: Progress) -> str:
    listed = ", ".join(f"{number} {kind}" for kind, number in done.failures.most_common(3))
    return f"; failed tries: {listed}" if listed else ""


def duration(seconds: float) -> str:
    """A time as people say it."""
    minutes, hours = seconds / 60, seconds / 3600
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if hours < 2 else f"{hours:.1f} h"
