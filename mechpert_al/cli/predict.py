"""``mechpert-al predict``: profiles of perturbations that were not measured."""

from __future__ import annotations

from pathlib import Path

import click

from mechpert_al.cli import completion
from mechpert_al.cli.options import json_option
from mechpert_al.cli.output import notes, print_json, say, table, working
from mechpert_al.errors import UsageError

_file = click.Path(path_type=Path)
#: Targets shown in the table.
SHOWN = 15


@click.command(
    epilog="Example: mechpert-al predict --effects effects.h5ad --panel essential585 -o out.h5ad"
)
@click.option("--campaign", type=_file, help="A campaign folder: its panel and measurements.")
@click.option("--effects", type=_file, help="What is measured (an effects file), with --panel.")
@click.option(
    "--panel",
    shell_complete=completion.panels,
    help="A panel folder, or the name of a shipped panel.",
)
@click.option("--network", type=_file, help="Prior network, for predictors that read one.")
@click.option(
    "--other-line", type=_file, help="Effects of another cell line that was measured already."
)
@click.option("--targets", type=_file, help="Genes to predict; all unmeasured ones by default.")
@click.option(
    "--predictor",
    shell_complete=completion.predictors,
    help="How it is predicted.  [default: kriging; co_kriging with another line]",
)
@click.option("-o", "--out", type=_file, required=True, help="The .h5ad file to write.")
@json_option
def predict(
    campaign: Path | None,
    effects: Path | None,
    panel: str | None,
    network: Path | None,
    other_line: Path | None,
    targets: Path | None,
    predictor: str | None,
    out: Path,
    as_json: bool,
) -> None:
    """Predict unmeasured perturbations: deviation, centre, expected accuracy, neighbours."""
    from mechpert_al.datasets import resolve
    from mechpert_al.effects import read_effects
    from mechpert_al.networks import read_network
    from mechpert_al.prediction import predict as run
    from mechpert_al.symbols import match, read_gene_list

    prior = read_network(resolve(network)) if network else None
    if campaign is not None:
        from mechpert_al.campaign import Campaign

        opened = Campaign.open(campaign)
        measured, known = opened.effects, opened.knowledge
        if measured is None:
            raise UsageError(f"{campaign}: nothing is measured yet", "Ingest measurements first.")
    elif effects is not None and panel is not None:
        from mechpert_al.design import known_from

        measured, known = read_effects(resolve(effects)), known_from(panel, prior)
    else:
        raise UsageError("nothing to predict from", "Give --campaign, or --effects and --panel.")
    if other_line is not None:
        place = resolve(other_line)
        known = known.with_other_line(read_effects(place), place.name)
    wanted = None
    if targets is not None:
        listed = read_gene_list(targets)
        matching = match(listed.genes, known.genes, source=str(targets)).complete()
        wanted = list(matching.mapping.values())
    with working("predicting"):
        result = run(measured, known, targets=wanted, predictor=predictor)
        result.write(out)
    notes(result.notices)
    rows = result.frame().sort_values("coverage", ascending=False, kind="stable")
    if as_json:
        print_json(
            {
                "out": out,
                "predictor": result.predictor,
                "n_anchors": len(result.anchors),
                "expectation": told.as_document() if (told := result.expectation) else None,
                "targets": rows.to_dict("records"),
                "notices": list(result.notices),
            }
        )
        return
    table(
        [
            "target",
            "coverage>",
            "expected r>",
            "linked",
            *(["other line>"] if result.from_other_line is not None else []),
            "strongest anchors (weight)",
        ],
        [
            (
                row["target"],
                f"{row['coverage']:.2f}",
                f"{row['expected_correlation']:.2f}",
                "yes" if row["is_supported"] else "no",
                *([f"{row['from_other_line']:.0%}"] if "from_other_line" in row else []),
                row["strongest_anchors"],
            )
            for row in rows.head(SHOWN).to_dict("records")
        ],
        title=f"{len(rows)} targets from {len(result.anchors)} anchors; the {SHOWN} best covered",
    )
    say(result.promise)
    say(
        f"Wrote deviations, centre, coverage and neighbours to {out}. Next, in Python: "
        "anndata.read_h5ad(…)"
    )
