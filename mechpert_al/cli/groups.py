"""Groups of commands: loaded when called, helpful about misspelt names, one place for failures."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import click

from mechpert_al import __version__
from mechpert_al.cli import failures

PROGRAM = "mechpert-al"


class Lazy(NamedTuple):
    """Where a command is (``module:object``) and what it does, in one line."""

    home: str
    short_help: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, name = self.home.partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


class Group(click.Group):
    """A group that answers an unknown command with the nearest ones."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown name is a usage error that lists what there is."""
        name, valid = args[0], self.list_commands(ctx)
        if name not in valid and not name.startswith("-"):
            near = difflib.get_close_matches(name, valid)
            guess = f" Did you mean {' or '.join(near)}?" if near else ""
            raise click.UsageError(
                f"No such command {name!r}.{guess} Commands: {', '.join(valid)}.", ctx
            )
        return super().resolve_command(ctx, args)


class LazyGroup(Group):
    """The outermost group: its commands are imported when they are called.

    Parameters
    ----------
    lazy
        Commands by name.
    """

    def __init__(self, *args: Any, lazy: Mapping[str, Lazy], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.lazy = lazy
        _add_version(self)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order of the overview."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; each gets ``--version``."""
        if cmd_name in self.lazy and cmd_name not in self.commands:
            command = self.lazy[cmd_name].load()
            _add_version(command)
            self.add_command(command, cmd_name)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.short_help) for name, one in self.lazy.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line and exit.

        A command returns None (exit code 0) or an exit code of its own.
        """
        arguments = list(sys.argv[1:] if args is None else args)
        with failures.reported(as_json="--json" in arguments):
            code = super().main(
                arguments, prog_name or PROGRAM, complete_var, standalone_mode=False, **extra
            )
            sys.stdout.flush()
        sys.exit(code or 0)


def _add_version(command: click.Command) -> None:
    """Give a command, and all commands below it, the option ``--version``."""
    if not any("--version" in option.opts for option in command.params):
        click.version_option(__version__, prog_name=PROGRAM)(command)
    if isinstance(command, click.Group):
        for below in command.commands.values():
            _add_version(below)
