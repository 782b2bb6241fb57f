"""``mechpert-al doctor``: whether everything is there that live agents need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mechpert_al.cli.options import json_option
from mechpert_al.cli.output import print_json, table, working
from mechpert_al.errors import BackendError

if TYPE_CHECKING:
    from mechpert_al.agents.checkup import Line


@click.command(epilog="Example: mechpert-al doctor local --host http://gpu-box:11434")
@click.argument("descriptions", nargs=-1, metavar="[DESCRIPTION]...")
@click.option("--host", "hosts", multiple=True, metavar="URL", help="A server; may be repeated.")
@json_option
def doctor(descriptions: tuple[str, ...], hosts: tuple[str, ...], as_json: bool) -> int:
    """Check server, models, gene symbols, versions and disk; say how to mend what is wrong.

    Models are those of each DESCRIPTION (a TOML file or a shipped name). Without one, those of all
    shipped panels are looked for, and any model will do. Exit code 4 when something is wrong.
    """
    from mechpert_al.agents.checkup import checkup
    from mechpert_al.agents.description import read_description
    from mechpert_al.datasets import shipped_configs

    told = [read_description(one) for one in descriptions or shipped_configs()]
    with working("looking for servers"):
        lines = list(checkup(told, hosts, is_needed=bool(descriptions)))
    is_well = not any(one.is_wrong for one in lines)
    if as_json:
        print_json({"is_well": is_well, "lines": [one._asdict() for one in lines]})
    else:
        table(
            ["", "what", "found", "remedy"],
            [(_mark(one), one.what, one.found, one.remedy) for one in lines],
        )
    return 0 if is_well else BackendError.exit_code


def _mark(one: Line) -> str:
    if one.is_well:
        return "ok"
    return "!!" if one.is_needed else "-"
