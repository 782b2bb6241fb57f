"""``mechpert-al campaign``: a screen planned and kept, from first batch to last delivery."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mechpert_al.cli.ask_again import ask_again
from mechpert_al.cli.convert_options import convert_options, reading_shown
from mechpert_al.cli.groups import Group
from mechpert_al.cli.options import json_option, seed_option
from mechpert_al.cli.output import notes, print_json, say, table, tell, working
from mechpert_al.errors import UsageError

if TYPE_CHECKING:
    from mechpert_al.campaign import Campaign

_file = click.Path(path_type=Path)
_folder = click.argument("folder", metavar="DIR", type=_file)
_dry_run = click.option("--dry-run", is_flag=True, help="Only show it; nothing is recorded.")


@click.group(cls=Group, epilog="Example: mechpert-al campaign new my-campaign --panel essential585")
def campaign() -> None:
    """A campaign in a folder: propose batches, take in measurements, know what is owed."""


@campaign.command(epilog="Example: mechpert-al campaign new my-campaign --panel essential585")
@_folder
@click.option("--panel", required=True, help="A panel folder, or the name of a shipped panel.")
@click.option("--effects", type=_file, help="What is measured already, in any supported form.")
@click.option("--network", type=_file, help="Prior network, for strategies that read one.")
@click.option(
    "--other-line", type=_file, help="Effects of another cell line that was measured already."
)
@click.option(
    "--candidates", type=_file, help="Genes that may be proposed; all of the panel by default."
)
@click.option("--name", help="Name of the campaign; by default that of the folder.")
@seed_option
@json_option
def new(
    folder: Path,
    panel: str,
    effects: Path | None,
    network: Path | None,
    other_line: Path | None,
    candidates: Path | None,
    name: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Begin a campaign in the folder DIR."""
    from mechpert_al.campaign import Campaign

    with reading_shown():
        begun = Campaign.create(
            folder,
            panel,
            effects=effects,
            network=network,
            other_line=other_line,
            candidates=candidates,
            seed=seed,
            name=name,
        )
    notes(begun.ground.notices)
    if as_json:
        print_json(
            {
                "campaign": begun.state.name,
                "folder": folder,
                "n_candidates": len(begun.candidates),
                "measured": sorted(begun.state.measured),
            }
        )
        return
    say(
        f"Campaign {begun.state.name}: {len(begun.candidates)} candidates, "
        f"{len(begun.state.measured)} measured. Settings: {begun.folder.settings}"
    )
    say(f"Next: mechpert-al campaign propose {_typed(folder)} -n 24")


@campaign.command(epilog="Example: mechpert-al campaign propose my-campaign -n 24")
@_folder
@click.option("-n", "n", required=True, type=click.IntRange(min=1), help="New genes in the batch.")
@click.option("--include", type=_file, help="Genes that must be in it, one a line.")
@click.option("--exclude", type=_file, help="Genes that must not be in this batch, one a line.")
@click.option("--cost", type=_file, help="Table with the columns gene, cost and (optional) group.")
@click.option("--budget", type=float, help="The most the batch may cost, in the unit of --cost.")
@click.option(
    "--max-per-group", type=click.IntRange(min=1), help="The most genes of one group of --cost."
)
@click.option("--strategy", help="How it is chosen; by default as in campaign.toml.")
@click.option("--seed", type=click.IntRange(min=0), help="By default as in campaign.toml.")
@_dry_run
@json_option
def propose(
    folder: Path,
    n: int,
    strategy: str | None,
    seed: int | None,
    dry_run: bool,
    as_json: bool,
    **limits: Any,
) -> None:
    """Propose the next batch, in order and with reasons; it is pending from then on.

    While a batch is pending, further genes are proposed, not the same again.
    """
    from mechpert_al.cli.plan import show

    with working("choosing genes"):
        opened = _opened(folder)
        constraints, said = opened.constraints(**limits)
        round_number = len(opened.state.rounds) + 1
        batch = opened.propose(
            n, constraints=constraints, strategy=strategy, seed=seed, dry_run=dry_run
        )
    if not dry_run:
        round_number = len(opened.state.rounds)
    path = None if dry_run else opened.folder.order_file(round_number)
    notes([*said, *batch.notices, *opened.notices])
    if as_json:
        print_json({"round": round_number, "order": path, **batch.as_document()})
    else:
        show(batch)
    if dry_run:
        say("A trial run: nothing was recorded. To order it, the same command without --dry-run.")
        return
    say(f"Round {round_number} is pending. The order: {path}")
    say(f"Next, guides: mechpert-al campaign export {_typed(folder)} --format cellranger")
    say(f"When measurements come: mechpert-al campaign ingest {_typed(folder)} FILE")


@campaign.command(epilog="Example: mechpert-al campaign ingest my-campaign delivery.csv")
@_folder
@click.argument("file", type=_file)
@click.option("--replace", is_flag=True, help="Other numbers than before are a correction.")
@click.option(
    "--replicate",
    is_flag=True,
    help="Other numbers than before are a replicate: pool them, weighted by cells.",
)
@click.option(
    "--keep-failed-knock-downs",
    is_flag=True,
    help="Let perturbations count that did not lower their own gene (knock-outs need not).",
)
@click.option(
    "--accept-units",
    is_flag=True,
    help="Take numbers in another unit, size or against other controls than those before.",
)
@convert_options
@_dry_run
@json_option
def ingest(folder: Path, file: Path, as_json: bool, **options: Any) -> None:
    """Take in the measurements of FILE: all of it, or nothing.

    FILE is whatever `effects convert` reads; parts of a batch are welcome, and so are genes that
    nobody ordered. A file that says nothing new changes nothing.
    """
    opened = _opened(folder)
    with reading_shown():
        intake = opened.ingest(file, **options)
    for line in (*intake.report.lines(), *opened.notices):
        say(line)
    if as_json:
        print_json(intake.as_document())
        return
    for line in intake.lines():
        tell(line)
    if options["dry_run"]:
        say("A trial run: nothing was recorded.")
    elif intake.is_recorded:
        say(f"Next: mechpert-al campaign status {_typed(folder)}")


@campaign.command(epilog="Example: mechpert-al campaign status my-campaign")
@_folder
@click.option(
    "-n", "n", type=click.IntRange(min=1), help="Genes in a further batch; as the last by default."
)
@json_option
def status(folder: Path, n: int | None, as_json: bool) -> None:
    """Show what is measured, pending and excluded, and what further batches would bring."""
    with working("looking ahead"):
        found = _opened(folder).status(n)
    notes(found.notices)
    if as_json:
        print_json(found.as_document())
        return
    table(["", "genes>", "which"], found.facts(), title=found.state.name)
    for line in found.lines():
        tell(line)
    if found.outlook.next is not None:
        size = found.outlook.next.n
        say(f"Next: mechpert-al campaign propose {_typed(folder)} -n {size}")


@campaign.command(
    epilog="Example: mechpert-al campaign withdraw my-campaign MED1 --failed --reason 'few cells'"
)
@_folder
@click.argument("genes", nargs=-1, required=True, metavar="GENE…")
@click.option("--failed", "fate", flag_value="failed", help="It may be proposed again.")
@click.option("--abandoned", "fate", flag_value="abandoned", help="It is never proposed again.")
@click.option("--reason", required=True, help="Why; it stands in the journal.")
@click.option("--drop-measurements", is_flag=True, help="Also take out what was measured of it.")
@json_option
def withdraw(
    folder: Path,
    genes: tuple[str, ...],
    fate: Any,
    reason: str,
    drop_measurements: bool,
    as_json: bool,
) -> None:
    """Give genes up: for now (--failed) or for good (--abandoned)."""
    if fate is None:
        raise UsageError(
            "are the genes failed or abandoned?",
            "--failed: they may be proposed again. --abandoned: never.",
        )
    opened = _opened(folder)
    names = opened.withdraw(genes, fate, reason, drop_measurements=drop_measurements)
    notes(opened.notices)
    if as_json:
        print_json(
            {"withdrawn": list(names), "fate": fate, "pending": sorted(opened.state.pending)}
        )
    else:
        tell(f"{fate}: {', '.join(names)}")


@campaign.command(
    epilog="Example: mechpert-al campaign export my-campaign --format cellranger --library lib.tsv"
)
@_folder
@click.option(
    "--format",
    "format",
    type=click.Choice(["csv", "cellranger", "mageck"]),
    default="csv",
    show_default=True,
    help="For people, for Cell Ranger (feature reference), for MAGeCK (library).",
)
@click.option("--library", type=_file, help="The guide library; read by its columns.")
@click.option(
    "--control-guides",
    type=float,
    metavar="N|FRACTION",
    help="Control guides: a number, or a share of all guides; by default 5 % and at least 10.",
)
@click.option("--guides-per-gene", type=click.IntRange(min=1), help="The most guides of one gene.")
@click.option(
    "--reference", type=_file, help="features.tsv(.gz) of the transcriptome: its gene names."
)
@click.option(
    "--orientation",
    type=click.Choice(["forward", "reverse"]),
    default="forward",
    show_default=True,
    help="How the sequencer reads the spacer.",
)
@click.option(
    "--read",
    type=click.Choice(["R1", "R2"]),
    default="R2",
    show_default=True,
    help="In which read.",
)
@click.option("--pattern", default="", help="Where in the read, with (BC) for the spacer.")
@click.option(
    "--mend", is_flag=True, help="Change identifiers that are refused, leave out unusable guides."
)
@click.option("--round", "round_number", type=click.IntRange(min=1), help="The last by default.")
@click.option("-o", "--out", type=_file, help="Write it to a file; to stdout by default.")
@json_option
def export(
    folder: Path,
    format: Any,
    round_number: int | None,
    out: Path | None,
    as_json: bool,
    orientation: Any,
    read: Any,
    pattern: str,
    control_guides: float | None,
    **options: Any,
) -> None:
    """Write the order of a round for those who make, read and count the guides."""
    from mechpert_al.guides import ReadLayout

    opened = _opened(folder)
    made = opened.export(
        format,
        round=round_number,
        layout=ReadLayout(orientation, read, pattern),
        control_guides=control_guides,
        delimiter="," if out is not None and out.suffix.lower() == ".csv" else "\t",
        **options,
    )
    notes([*opened.notices, *made.notes])
    written = [] if out is None else made.write(out)
    if as_json:
        print_json({**made.as_document(), "out": list(written)})
    elif out is None:
        click.echo(made.text, nl=False)
    for path in written:
        say(f"Wrote {path}.")


@campaign.command(epilog="Example: mechpert-al campaign verify my-campaign")
@_folder
@json_option
def verify(folder: Path, as_json: bool) -> None:
    """Check every record and file against the journal; write derived files that are wrong again."""
    from mechpert_al.campaign import Campaign

    with reading_shown():
        found = Campaign.open(folder).verify()
    if as_json:
        print_json(
            {
                "n_records": found.n_records,
                "n_files": found.n_files,
                "notices": list(found.notices),
                "intact": True,
            }
        )
    else:
        tell(f"Intact: {found.n_records} records, {found.n_files} accepted files.")
    notes(found.notices)


@campaign.command(epilog="Example: mechpert-al campaign rebuild my-campaign")
@_folder
def rebuild(folder: Path) -> None:
    """Write effects.h5ad and the orders again, from the journal and the accepted files."""
    from mechpert_al.campaign import Campaign

    with working("writing"):
        opened = Campaign.open(folder)
        opened.rebuild()
    say(f"Written again: {opened.folder.effects_file.name} and {len(opened.state.rounds)} orders.")


@campaign.command(epilog="Example: mechpert-al campaign report my-campaign --out report.html")
@_folder
@click.option("-o", "--out", type=_file, help="The HTML file; report.html in DIR by default.")
@json_option
def report(folder: Path, out: Path | None, as_json: bool) -> None:
    """Write a report of the campaign: one HTML file that needs nothing else."""
    from mechpert_al.cli.output import command_line, told_report
    from mechpert_al.report.campaign import campaign_report

    with working("writing the report"):
        written = campaign_report(_opened(folder), out or folder / "report.html", command_line())
    if as_json:
        print_json({"out": written.path, "failures": [one._asdict() for one in written.failures]})
    else:
        click.echo(written.path)
    told_report(written)


def _opened(folder: Path) -> Campaign:
    from mechpert_al.campaign import Campaign

    return Campaign.open(folder)


def _typed(folder: Path) -> str:
    """The folder as it is typed in a command."""
    return shlex.quote(str(folder))


campaign.add_command(ask_again)
