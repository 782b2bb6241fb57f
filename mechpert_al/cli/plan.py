"""``mechpert-al plan``: the next batch, without a campaign."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mechpert_al.cli import completion
from mechpert_al.cli.options import json_option, seed_option
from mechpert_al.cli.output import notes, print_json, say, table, working

if TYPE_CHECKING:
    from mechpert_al.design import Batch

_file = click.Path(path_type=Path)


@click.command(epilog="Example: mechpert-al plan --panel essential585 -n 24 --out order.csv")
@click.option(
    "--panel",
    required=True,
    shell_complete=completion.panels,
    help="A panel folder, or the name of a shipped panel.",
)
@click.option("-n", "n", required=True, type=click.IntRange(min=1), help="Genes in the batch.")
@click.option("--effects", type=_file, help="What is measured already (an effects file).")
@click.option("--network", type=_file, help="Prior network, for strategies that read one.")
@click.option(
    "--other-line", type=_file, help="Effects of another cell line that was measured already."
)
@click.option(
    "--candidates", type=_file, help="Genes that may be proposed; all of the panel by default."
)
@click.option("--include", type=_file, help="Genes that must be in the batch, one a line.")
@click.option("--exclude", type=_file, help="Genes that must not be in it, one a line.")
@click.option("--cost", type=_file, help="Table with the columns gene, cost and (optional) group.")
@click.option("--budget", type=float, help="The most the batch may cost, in the unit of --cost.")
@click.option("--max-per-group", type=int, help="The most genes of one group of --cost.")
@click.option(
    "--strategy",
    shell_complete=completion.strategies,
    help="How the batch is chosen.  [default: expected_coverage; above 5,000 candidates "
    "facility_location]",
)
@click.option("-o", "--out", type=_file, help="Write the order as a CSV file.")
@seed_option
@json_option
def plan(
    panel: str,
    n: int,
    effects: Path | None,
    network: Path | None,
    other_line: Path | None,
    candidates: Path | None,
    include: Path | None,
    exclude: Path | None,
    cost: Path | None,
    budget: float | None,
    max_per_group: int | None,
    strategy: str | None,
    out: Path | None,
    seed: int,
    as_json: bool,
) -> None:
    """Propose the next batch of genes to perturb, in order and with reasons."""
    from mechpert_al.datasets import resolve
    from mechpert_al.design import Constraints, known_from, with_candidates
    from mechpert_al.design import plan as propose
    from mechpert_al.effects import read_effects
    from mechpert_al.networks import read_network
    from mechpert_al.symbols import read_gene_list

    with working("choosing genes"):
        known = known_from(panel, read_network(resolve(network)) if network else None)
        notices: list[str] = []
        listed = read_gene_list(candidates).genes if candidates else None
        if listed is not None:
            known, listed = with_candidates(known, listed, notices)
        if other_line is not None:
            place = resolve(other_line)
            known = known.with_other_line(read_effects(place), place.name)
        constraints, said = Constraints.from_files(
            known.genes,
            include=include,
            exclude=exclude,
            cost=cost,
            budget=budget,
            max_per_group=max_per_group,
            candidates=listed,
        )
        batch = propose(
            known,
            n,
            effects=read_effects(resolve(effects)) if effects else None,
            strategy=strategy,
            candidates=listed,
            constraints=constraints,
            seed=seed,
        )
    notes((*notices, *said, *batch.notices))
    if out is not None:
        batch.write(out)
    if as_json:
        print_json(batch.as_document())
    else:
        show(batch)
    if out is not None:
        say(f"Wrote the order to {out}. Next, to keep track of what comes back:")
        say(f"mechpert-al campaign new my-campaign --panel {shlex.quote(panel)}")
    elif not as_json:
        say("Next, the order as a file: the same command with --out order.csv")


def show(batch: Batch) -> None:
    """Print a batch as a table."""
    table(
        ["#>", "gene", "utility>", "coverage>", "new>", "why"],
        [
            (
                pick.rank,
                pick.gene,
                f"{pick.utility:.3g}",
                f"{pick.coverage_after:.1%}",
                len(pick.newly_covered),
                pick.reason,
            )
            for pick in batch
        ],
        title=(
            f"{len(batch)} genes by {batch.strategy}; coverage = expected explained fraction of "
            f"all {batch.n_candidates} candidates, {batch.coverage_before:.1%} before"
        ),
    )
    left = ", ".join(f"{count} {what}" for what, count in batch.left_out.items() if count)
    if left:
        say(f"Not proposed: {left}.")
