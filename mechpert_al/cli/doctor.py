"""``mechpert-al doctor``: whether everything is there that live agents need."""

from __future__ import annotations

import click

from mechpert_al.cli.options import json_option
from mechpert_al.cli.output import print_json, table
from mechpert_al.errors import BackendError


@click.command(epilog="Example: mechpert-al doctor local --host http://gpu-box:11434")
@click.argument("descriptions", nargs=-1, metavar="[DESCRIPTION]...")
@click.option("--host", "hosts", multiple=True, metavar="URL", help="A server; may be repeated.")
@json_option
def doctor(descriptions: tuple[str, ...], hosts: tuple[str, ...], as_json: bool) -> int:
    """Check server, models, gene symbols, versions and disk; say how to mend what is wrong.

    Models are those of each DESCRIPTION, by default of the shipped panel `local`. Exit code 4 when
    something is wrong.
    """
    from mechpert_al.agents.checkup import checkup
    from mechpert_al.agents.description import read_description

    told = [read_description(one) for one in descriptions or ("local",)]
    lines = list(checkup(told, hosts))
    if as_json:
        print_json(
            {
                "is_well": all(one.is_well for one in lines),
                "lines": [one._asdict() for one in lines],
            }
        )
    else:
        table(
            ["", "what", "found", "remedy"],
            [("ok" if one.is_well else "!!", one.what, one.found, one.remedy) for one in lines],
        )
    return 0 if all(one.is_well for one in lines) else BackendError.exit_code
