"""``mechpert-al data``: public data sets."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from mechpert_al import datasets
from mechpert_al.cli.groups import Group
from mechpert_al.cli.options import json_option
from mechpert_al.cli.output import byte_progress, print_json, say, table
from mechpert_al.errors import DataError

folder_option = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the files are kept; in the cache directory by default.",
)


@click.group(cls=Group, epilog="Example: mechpert-al data fetch hgnc")
def data() -> None:
    """Public data sets: list them, fetch them, find them."""


@data.command("list", epilog="Example: mechpert-al data list --json")
@folder_option
@json_option
def list_(folder: Path | None, as_json: bool) -> None:
    """List the data sets with address, size, checksum and licence."""
    rows = [
        {**asdict(one), "path": datasets.fetched(one.name, folder)}
        for one in datasets.registry().values()
    ]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        row |= {"size": _size(row["size"]), "fetched": "yes" if row["path"] else ""}
    shown = ("name", "size", "fetched", "licence", "what")
    table(["name", "size>", *shown[2:]], [[row[key] for key in shown] for row in rows])
    say("Address, exact size and MD5 of each: mechpert-al data list --json")


@data.command(epilog="Example: mechpert-al data fetch replogle2022_rpe1_normalized_bulk")
@click.argument("name")
@folder_option
@click.option("--mirror", metavar="URL", help="Ask this address for the file, by its own name.")
@json_option
def fetch(name: str, folder: Path | None, mirror: str | None, as_json: bool) -> None:
    """Fetch a data set, checked; continued if an earlier try broke off."""
    known = datasets.dataset(name)
    say(f"{known.what} ({_size(known.size) or 'size not published'}). Licence: {known.licence}.")
    with byte_progress(known.file) as on_bytes:
        path = datasets.fetch(name, folder, base_url=mirror, on_bytes=on_bytes)
    say(f"{known.file}: {_checked(known)}.")
    if as_json:
        print_json({"name": name, "path": path})
    else:
        click.echo(path)


@data.command(epilog="Example: mechpert-al data path hgnc")
@click.argument("name", required=False)
@folder_option
@json_option
def path(name: str | None, folder: Path | None, as_json: bool) -> None:
    """Print where a data set lies, or the folder of all of them."""
    place = folder or datasets.cache_dir() / "data"
    if name is not None:
        found = datasets.fetched(name, folder)
        if found is None:
            raise DataError(
                f"{name} has not been fetched to {place}",
                f"Fetch it: mechpert-al data fetch {name}",
            )
        place = found
    if as_json:
        print_json({"name": name, "path": place})
    else:
        click.echo(place)


def _checked(known: datasets.Dataset) -> str:
    """What was checked of a file, in words."""
    published = {"size": known.size, "MD5": known.checked_md5}
    checked = [name for name, value in published.items() if value is not None]
    told = f"{' and '.join(checked)} as published" if checked else "nothing to check it by"
    return f"{told}; {known.note}" if known.note else told


def _size(size: int | None) -> str:
    """Bytes in the unit that suits them."""
    if size is None:
        return ""
    for unit, step in (("GB", 10**9), ("MB", 10**6)):
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size} B"
