"""What docs/agents.md says is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from mechpert_al.agents.description import completed
from mechpert_al.agents.faults import KINDS
from mechpert_al.config import PanelDescription, validated

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
