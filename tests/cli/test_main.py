import json
import os
import re
import signal
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from mechpert_al import __version__
from mechpert_al.cli import COMMANDS, main
from mechpert_al.cli.groups import Group, Lazy, LazyGroup
from mechpert_al.errors import (
    BackendError,
    ConfigError,
    DataError,
    IntegrityError,
    NothingLeftError,
    SymbolError,
    UnansweredError,
    UsageError,
)

HEAVY = {"altair", "anndata", "h5py", "httpx", "joblib", "modAL", "networkx", "numpy", "ollama"}
HEAVY |= {"pandas", "pooch", "pydantic", "requests", "rich", "rustworkx", "scipy", "sklearn"}


@pytest.mark.parametrize(
    "arguments", [["--help"], [], ["--version"], ["data", "--help"], ["panel", "check", "--help"]]
)
def test_nothing_heavy_is_loaded_on_the_way_to_help(arguments):
    code = (
        "import sys\n"
        "from mechpert_al.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    loaded = set(re.search("^LOADED (.*)$", done, re.MULTILINE).group(1).split())
    assert "click" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_help_lists_every_command_with_its_line(run_cli):
    done = run_cli("--help")
    assert done.exit_code == 0
    assert done.stderr == ""
    for name, lazy in COMMANDS.items():
        assert re.search(
            rf"^  {name} +{re.escape(lazy.short_help[:30])}", done.stdout, re.MULTILINE
        )


def walked(command, path=()):
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from walked(command.get_command(context, name), (*path, name))


@pytest.mark.parametrize("path", [path for path, _ in walked(main)], ids=" ".join)
def test_every_command_has_help_with_an_example_and_a_version(path):
    shown = CliRunner().invoke(main, [*path, "--help"])
    assert shown.exit_code == 0
    assert re.search(r"Example: mechpert-al \w", shown.stdout)
    told = CliRunner().invoke(main, [*path, "--version"])
    assert (told.exit_code, told.stdout) == (0, f"mechpert-al, version {__version__}\n")


@pytest.mark.parametrize(
    "path", [path for path, one in walked(main) if not isinstance(one, click.Group)], ids=" ".join
)
def test_every_option_has_help_and_shows_its_default(path):
    command = dict(walked(main))[path]
    context = click.Context(command)
    for option in command.params:
        if isinstance(option, click.Option):
            assert len(option.help or "") > 5, option.opts
            default = option.get_default(context)
            if isinstance(default, str | int | float) and default != "" and not option.is_flag:
                assert "default" in option.get_help_record(context)[1], (option.opts, default)


def test_alone_it_tells_what_people_come_for(run_cli):
    done = run_cli()
    assert done.exit_code == 0
    for command in ("mechpert-al plan", "mechpert-al compare", "mechpert-al campaign"):
        assert command in done.stdout


def test_an_unknown_command_is_answered_with_the_nearest(run_cli):
    done = run_cli("pannel", "--json")
    assert done.exit_code == 2
    assert "Did you mean panel" in done.stderr
    error = json.loads(done.stdout)["error"]
    assert error["kind"] == "usage"
    assert error["exit"] == 2
    assert "panel" in error["message"]


def test_an_unknown_command_of_a_group_and_an_unknown_option(run_cli):
    below = run_cli("panel", "chek", "essential585")
    assert (below.exit_code, below.stdout) == (2, "")
    assert "Did you mean check?" in below.stderr
    option = run_cli("panel", "list", "--jso")
    assert (option.exit_code, option.stdout) == (2, "")
    assert "--json" in option.stderr


# ---------------------------------------------------------------------- failures
def failing(error):
    """A command line with one command, which fails."""

    @click.command()
    @click.option("--json", "as_json", is_flag=True)
    def fail(as_json: bool) -> None:
        raise error

    group = LazyGroup(lazy={"fail": Lazy("nowhere:nothing", "Fails.")})
    group.add_command(fail)
    return group


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (UsageError("what", "how"), "usage", 2),
        (DataError("what", "how"), "data", 3),
        (ConfigError("what", "how"), "config", 3),
        (SymbolError("what", "how"), "symbols", 3),
        (BackendError("what", "how"), "backend", 4),
        (NothingLeftError("what", "how"), "nothing left", 5),
        (IntegrityError("what", "how"), "integrity", 6),
        (UnansweredError("what", "how"), "unanswered", 7),
    ],
)
def test_errors_become_text_and_exit_code(error, kind, code):
    plain = CliRunner().invoke(failing(error), ["fail"])
    assert (plain.exit_code, plain.stdout) == (code, "")
    assert plain.stderr == "Error: what\nhow\n"
    told = CliRunner().invoke(failing(error), ["fail", "--json"])
    assert told.exit_code == code
    assert told.stderr == plain.stderr
    assert json.loads(told.stdout) == {
        "error": {"kind": kind, "message": "what", "hint": "how", "exit": code}
    }


def test_a_file_that_the_system_refuses_is_named():
    error = PermissionError(13, "Permission denied", "/secret/file")
    done = CliRunner().invoke(failing(error), ["fail", "--json"])
    assert done.exit_code == 3
    assert json.loads(done.stdout)["error"]["message"] == "/secret/file: Permission denied"


def test_ctrl_c_ends_with_130():
    done = CliRunner().invoke(failing(KeyboardInterrupt()), ["fail", "--json"])
    assert done.exit_code == 130
    assert json.loads(done.stdout)["error"]["kind"] == "interrupted"


BUG = """
import click
from mechpert_al.cli.groups import Lazy, LazyGroup
@click.command()
def fail():
    {}['what nobody foresaw']
group = LazyGroup(lazy={"fail": Lazy("", "")})
group.add_command(fail)
group.main(["fail", *__import__("sys").argv[1:]])
"""


def test_a_bug_asks_to_be_reported():
    short = subprocess.run([sys.executable, "-c", BUG], capture_output=True, text=True, check=False)
    assert (short.returncode, short.stdout) == (1, "")
    assert "KeyError: 'what nobody foresaw'" in short.stderr
    assert "report it" in short.stderr
    assert "Traceback" not in short.stderr
    long = subprocess.run(
        [sys.executable, "-c", BUG],
        env={**os.environ, "MECHPERT_AL_TRACEBACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert long.returncode == 1
    assert "Traceback" in long.stderr


def test_a_command_may_have_an_exit_code_of_its_own():
    @click.command()
    @click.pass_context
    def leave(context: click.Context) -> None:
        context.exit(7)

    group = LazyGroup(lazy={"leave": Lazy("", "")})
    group.add_command(leave)
    assert CliRunner().invoke(group, ["leave"]).exit_code == 7


def test_a_reader_that_goes_away_is_no_bug():
    """As in ``mechpert-al data list --json | head -1``."""
    done = subprocess.Popen(
        [sys.executable, "-m", "mechpert_al", "data", "list", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    done.stdout.close()
    told = done.stderr.read()
    done.stderr.close()
    assert done.wait() in (0, 1, -signal.SIGPIPE)
    assert b"Traceback" not in told
    assert b"bug" not in told


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_full_disk_is_no_bug(options):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mechpert_al", "data", "list", *options],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert done.stderr == "Error: No space left on device\n"


def test_groups_of_commands_are_of_the_helpful_kind():
    for path, command in walked(main):
        if isinstance(command, click.Group):
            assert isinstance(command, Group), path
