"""docs/campaign.md does what it says: its commands run, and show what the page shows."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from mechpert_al.cli import main
from mechpert_al.cli.campaign import campaign

PAGE = Path(__file__).parent.parent / "docs" / "campaign.md"
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Shown(NamedTuple):
    """A command of the page, and the lines that the page shows below it."""

    command: str
    lines: tuple[str, ...]


def shown_commands() -> list[Shown]:
    found: list[tuple[list[str], list[str]]] = []
    for block in CONSOLE.findall(PAGE.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(([line[2:]], []))
            elif line.startswith(">"):
                found[-1][0].append(line[2:])
            else:
                found[-1][1].append(line)
    return [Shown("\n".join(command), tuple(lines)) for command, lines in found]


def pattern(line: str) -> re.Pattern[str]:
    """The line, with anything in place of … and of runs of blanks."""
    parts = (re.sub(r"(\\ )+", r"\\s+", re.escape(part.strip())) for part in line.split("…"))
    return re.compile(r"[^\n]*".join(parts))


def run(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and output; what is not a command of ours is the shell's."""
    if not command.startswith("mechpert-al"):
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr
    may_fail = command.endswith(" || true")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(shlex.split(command.removesuffix(" || true"))[1:])
    output = "".join(capsys.readouterr())
    return 0 if may_fail else ended.value.code, output


def test_every_command_shows_what_the_page_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    for command, lines in shown_commands():
        code, output = run(command, capsys)
        assert code == 0, f"{command}\n{output}"
        for line in lines:
            assert pattern(line).search(output), f"{command}\n{line}\n{output}"
    assert Path("report.html").stat().st_size > 1000


def test_the_page_has_every_command_of_the_group():
    commands = " ".join(shown.command for shown in shown_commands())

    verbs = set(campaign.commands) - {"ask-again"}  # it needs a server: docs/agents.md has it
    assert len(verbs) >= 9
    for verb in verbs:
        assert f"mechpert-al campaign {verb} screen" in commands
    agents = (PAGE.parent / "agents.md").read_text(encoding="utf-8")
    assert "mechpert-al campaign ask-again" in agents
