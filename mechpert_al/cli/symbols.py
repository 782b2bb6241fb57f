"""``mechpert-al symbols``: whether the names in a file are gene symbols."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mechpert_al.cli.groups import Group
from mechpert_al.cli.options import json_option
from mechpert_al.cli.output import print_json, say, table
from mechpert_al.errors import DataError

if TYPE_CHECKING:
    from mechpert_al.symbols import SymbolCheck

Names = list[tuple[str, int | None]]


@click.group(cls=Group, epilog="Example: mechpert-al symbols check candidates.csv")
def symbols() -> None:
    """Gene symbols: approved, outdated, ambiguous or damaged."""


@symbols.command(epilog="Example: mechpert-al symbols check candidates.csv network.tsv")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def check(files: tuple[Path, ...], as_json: bool) -> int:
    """Count and list the names of FILES that are no approved symbols.

    A file is a list of genes, a network, an effects table or a panel folder. Nothing is changed.
    Exit code 3 if a spreadsheet damaged names.
    """
    from mechpert_al.datasets import resolve
    from mechpert_al.symbols import SymbolTable, check_symbols

    known = SymbolTable.default()
    checks = [
        (f"{path}{part}", check_symbols(names, known))
        for path in files
        for part, names in _names_in(resolve(path))
    ]
    if as_json:
        print_json({"table": known.origin, "files": [_document(*one) for one in checks]})
    else:
        _print(checks, known.origin)
    n_damaged = sum(len(one.damaged) for _, one in checks)
    if n_damaged:
        say(
            f"{n_damaged} names were changed by a spreadsheet: write the symbols again, with the "
            "column formatted as text.",
            style="bold red",
        )
    return DataError.exit_code if n_damaged else 0


def _document(file: str, found: SymbolCheck) -> dict[str, Any]:
    counts = {kind.replace(" symbol", ""): count for kind, count in found.counts.items()}
    return {
        "file": file,
        "n_names": found.n_names,
        **counts,
        "names": [one._asdict() for one in found.findings],
    }


def _print(checks: list[tuple[str, SymbolCheck]], origin: str) -> None:
    from mechpert_al.symbols.checking import KINDS

    table(
        ["file", "names>", *(f"{kind}>" for kind in KINDS)],
        [[file, one.n_names, *(one.counts[kind] for kind in KINDS)] for file, one in checks],
        title=f"Symbols by {origin}",
    )
    rows = [
        (file, finding.line, finding.name, finding.kind, finding.why)
        for file, one in checks
        for finding in one.findings
    ]
    if rows:
        click.echo()
        table(["file", "line>", "name", "is", "why"], rows)


def _names_in(path: Path) -> Iterator[tuple[str, Names]]:
    """The names of a file, in parts that are judged apart."""
    if path.is_dir():
        from mechpert_al.agents.panel import read_panel

        yield "", [(name, None) for name in read_panel(path).candidates]
    elif path.suffix == ".h5ad":
        yield from _names_of_effects(path)
    else:
        yield from _names_of_text(path)


def _names_of_text(path: Path) -> Iterator[tuple[str, Names]]:
    from mechpert_al.networks import names_in
    from mechpert_al.symbols.gene_list import gene_columns, gene_rows

    network = names_in(path)
    if network is not None:
        yield "", [*network.items()]
        return
    columns = gene_columns(path)
    for column in columns if len(columns) > 1 else [None]:
        rows = gene_rows(path, column)
        part = f", {column}" if column else ""
        yield part, list(zip(rows["gene"], rows.index.tolist(), strict=True))


def _names_of_effects(path: Path) -> Iterator[tuple[str, Names]]:
    from mechpert_al.effects import read_effects

    effects = read_effects(path)
    yield ", perturbations", [(name, None) for name in effects.perturbations]
    yield ", readouts", [(name, None) for name in effects.readouts]
