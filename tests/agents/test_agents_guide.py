"""What docs/agents.md says is so."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from mechpert_al.agents import read_panel
from mechpert_al.agents.description import completed, read_description
from mechpert_al.agents.faults import KINDS
from mechpert_al.config import PanelDescription, validated
from mechpert_al.testing.agents import FakeOllama

GENES = ("ATF4", "DDIT3", "EIF2AK4", "PSMA1", "PSMA3", "PSMB1")
GUIDE = Path(__file__).parents[2] / "docs" / "agents.md"


@pytest.fixture(scope="module")
def guide() -> str:
    return GUIDE.read_text(encoding="utf-8")


def test_the_example_is_a_description(guide: str, tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    settings = validated(tomllib.loads(example), PanelDescription, "agents.md")
    (tmp_path / "lenses").mkdir()
    (tmp_path / "lenses" / "chromatin.md").write_text("# Chromatin\n\nLook at it.\n")
    told = completed(settings, tmp_path / "my.toml")
    assert told.agents["chromatin"].model == "llama3.1:8b"
    assert told.agents["similarity"].role == "baseline"


def test_every_kind_of_fault_is_explained(guide: str) -> None:
    table = guide.split("## Reading the failures")[1].split("\n## ")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(KINDS)


def test_the_table_of_keys_has_the_defaults(guide: str) -> None:
    table = guide.split("| key | meaning | default |")[1].split("\n\n")[0]
    told = dict(re.findall(r"^\| `(\w+)` \|.*\| (.+) \|$", table, re.MULTILINE))
    fields = PanelDescription.model_fields
    for name in ("max_regulators", "targets_per_call", "context_tokens", "enumerate_up_to",
                 "tries", "calls_per_host"):  # fmt: skip
        assert told[name] == str(fields[name].default)
    assert set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.M)))) <= set(
        fields
    )


# ---------------------------------------------------------------------- its commands
def commands(guide: str) -> list[str]:
    """The commands of the guide's first block."""
    (block,) = re.findall(r"```console\n(.*?)```", guide, re.DOTALL)
    lines = [line.removeprefix("$ ").split("  #")[0].strip() for line in block.splitlines()]
    assert all(line.startswith("mechpert-al ") for line in lines)
    return lines


def test_the_commands_of_the_guide_run_one_after_the_other(
    guide: str, run_cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    genes = read_panel("essential585").candidates[:30]
    (tmp_path / "genes.txt").write_text("\n".join(genes) + "\n")
    monkeypatch.chdir(tmp_path)
    (model,) = read_description("local").models
    with FakeOllama(models={model: "d" * 64}) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.host)
        for command in commands(guide):
            done = run_cli(*shlex.split(command)[1:])
            assert done.exit_code == 0, (command, done.stderr)
        assert len(server.asked) == 4 * len(genes)
    done = run_cli("ask", "local", "--candidates", "genes.txt", "--out", "my-panel")
    assert done.exit_code == 0  # as it says: when all is answered it needs no server
    assert run_cli("panel", "verify", "my-panel").exit_code == 0


def test_the_python_of_the_guide_runs(
    guide: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (model,) = read_description("local").models
    found: dict = {"genes": GENES}
    with FakeOllama(models={model: "d" * 64}) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.host)
        exec(code, found)
    assert found["panel"].answered["complex"] == set(GENES)
    assert not any(found["asked"].unanswered.values())


def test_the_limits_of_the_guide_are_those_of_the_code(guide: str) -> None:
    table = guide.split("| key | meaning | default |")[1].split("\n\n")[0]
    told = dict(re.findall(r"^\| `(\w+)` \|.*\| (.+) \|$", table, re.MULTILINE))
    for name in ("connect_timeout", "read_timeout", "stall_timeout", "answer_timeout", "outage"):
        assert float(told[name]) == PanelDescription.model_fields[name].default
    assert set(PanelDescription.model_fields) - set(told) == {
        "name", "model", "agent", "seed", "hosts", "options", "context", "cards", "card_length"
    }  # fmt: skip
