"""``mechpert-al effects``: measurements into effects files, and what these hold."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mechpert_al.cli.convert_options import convert_options, reading_shown
from mechpert_al.cli.groups import Group
from mechpert_al.cli.options import json_option
from mechpert_al.cli.output import print_json, say, table
from mechpert_al.errors import DataError, UsageError

if TYPE_CHECKING:
    from mechpert_al.effects import ConversionReport, EffectTable

#: Up to this many values a JSON document has all of them.
SMALL = 5000


@click.group(cls=Group, epilog="Example: mechpert-al effects convert cells.h5ad -o effects.h5ad")
def effects() -> None:
    """Measurements: turn any supported file into effects, and look into one."""


@effects.command(
    epilog="Example: mechpert-al effects convert cells.h5ad --batch gem_group -o effects.h5ad"
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The effects file to write (.h5ad).",
)
@convert_options
@json_option
def convert(file: Path, out: Path, as_json: bool, **options: Any) -> None:
    """Turn FILE into effects: perturbed minus control, one row a perturbation.

    FILE holds counts or expression of single cells, pseudobulk or effects (.h5ad, .zarr), or a
    table (CSV, TSV; wide, or as DE tools write it). What was recognised, merged and left out is
    said.
    """
    from mechpert_al.datasets import resolve
    from mechpert_al.effects import convert as turn
    from mechpert_al.effects import write_effects

    source = resolve(file)
    if out.exists() and out.samefile(source):
        raise UsageError(f"{out} is the file to be converted", "Write to another file.")
    with reading_shown():
        found, report = turn(source, **options)
    write_effects(found, out)
    _tell(report)
    if as_json:
        print_json({"out": out, **_counts(found), **report.as_dict()})
        return
    say(f"{found.n_perturbations} perturbations × {found.n_readouts} readouts written.")
    click.echo(out)
    say(f"Next: mechpert-al plan --effects {shlex.quote(str(out))} --panel PANEL -n 24")


@effects.command(epilog="Example: mechpert-al effects check effects.h5ad")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def check(files: tuple[Path, ...], as_json: bool) -> None:
    """Read effects FILES, put them together by label, and tell what is in them."""
    from mechpert_al.datasets import resolve
    from mechpert_al.effects import read_with_report

    with reading_shown():
        read = [(file, *read_with_report(resolve(file))) for file in files]
    together = _united([(file, found) for file, found, _ in read])
    reports = [report for _, _, report in read if report is not None]
    for report in reports:
        _tell(report)
    if as_json:
        print_json(_document(together, files, reports))
        return
    table(["", ""], _summary(together))


def _united(parts: list[tuple[Path, EffectTable]]) -> EffectTable:
    """All tables in one.

    Raises
    ------
    DataError
        If a perturbation stands in two files.
    """
    together, home = parts[0][1], dict.fromkeys(parts[0][1].perturbations, parts[0][0])
    for file, found in parts[1:]:
        twice = [name for name in found.perturbations if name in home]
        if twice:
            raise DataError(
                f"{file}: {len(twice)} perturbations stand in another file too: "
                + ", ".join(f"{name} ({home[name]})" for name in twice[:10]),
                "Effects of one perturbation are pooled by campaign ingest --replicate.",
            )
        home |= dict.fromkeys(found.perturbations, file)
        together = together.union(found)
    return together


def _tell(report: ConversionReport) -> None:
    for line in report.lines():
        say(line)


def _counts(found: EffectTable) -> dict[str, Any]:
    return {
        "n_perturbations": found.n_perturbations,
        "n_readouts": found.n_readouts,
        "n_measured": found.n_measured,
        "n_not_measured": found.n_not_measured,
        "content_hash": found.content_hash,
    }


def _document(
    found: EffectTable, files: tuple[Path, ...], reports: list[ConversionReport]
) -> dict[str, Any]:
    """The counts; of a small table also every value and the correlations of the profiles."""
    from mechpert_al.effects import profile_correlation

    document = {
        "files": list(files),
        **_counts(found),
        "perturbations": list(found.perturbations),
        "has_n_cells": found.n_cells is not None,
        "has_standard_error": found.standard_error is not None,
        "info": dict(found.info),
        "reports": [report.as_dict() for report in reports],
    }
    if found.values.size <= SMALL:
        names = found.perturbations
        correlation, shared = profile_correlation(found)
        pairs = [(i, j) for i in range(len(names)) for j in range(len(names)) if i != j]
        document["readouts"] = list(found.readouts)
        document["effects"] = {
            name: dict(zip(found.readouts, map(float, row), strict=True))
            for name, row in zip(names, found.values, strict=True)
        }
        document["similarity"] = {f"{names[i]}|{names[j]}": correlation[i, j] for i, j in pairs}
        document["n_shared"] = {f"{names[i]}|{names[j]}": int(shared[i, j]) for i, j in pairs}
    return document


def _summary(found: EffectTable) -> list[tuple[str, Any]]:
    import numpy as np

    rows: list[tuple[str, Any]] = [
        ("perturbations", found.n_perturbations),
        ("readouts", found.n_readouts),
        ("values measured", found.n_measured),
        ("values not measured", found.n_not_measured),
    ]
    if found.n_cells is not None:
        least, middle, most = np.nanquantile(found.n_cells, [0, 0.5, 1])
        rows.append(("cells per perturbation", f"{least:g} to {most:g}, median {middle:g}"))
    rows.append(("standard errors", "yes" if found.standard_error is not None else "no"))
    for key in ("kind", "normalisation", "own_readout"):
        if found.info.get(key):
            rows.append((key.replace("_", " "), found.info[key]))
    for key in ("control", "control_rows", "combinations", "failed_knock_downs"):
        if found.info.get(key):
            rows.append((key.replace("_", " "), list(found.info[key])[:20]))
    rows.append(("content hash", found.content_hash))
    return rows
