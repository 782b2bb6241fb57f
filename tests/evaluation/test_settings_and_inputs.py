"""Choosing settings on one screen, and reading what a loop file names."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.agents import Agent, Hypothesis, Panel
from mechpert_al.config import LoopFile
from mechpert_al.consensus import Knowledge
from mechpert_al.effects import EffectTable, write_effects
from mechpert_al.errors import ConfigError, DataError, UsageError
from mechpert_al.evaluation.inputs import digest, find_loop, load_inputs
from mechpert_al.evaluation.settings import Choice, choose_settings

N = 80


def modules(seed: int, n_modules: int = 8) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Genes in modules that respond alike."""
    generator = np.random.default_rng(seed)
    genes = tuple(f"M{i:03d}" for i in range(N))
    member = np.arange(N) % n_modules
    programme = generator.normal(size=(n_modules, 60))
    return genes, member, programme[member] + 0.7 * generator.normal(size=(N, 60))


def panel_of(genes: tuple[str, ...], member: np.ndarray, n_wrong: int) -> Panel:
    """Three agents: true partners named by all, wrong ones by one agent alone at 0.3."""
    generator = np.random.default_rng(9)
    said = []
    for target in range(N):
        partners = [i for i in np.flatnonzero(member == member[target]) if i != target][:4]
        for agent in ("a", "b", "c"):
            said += [Hypothesis(agent, genes[target], genes[i], 1, 0.8, "") for i in partners]
        strangers = np.flatnonzero(member != member[target])
        for agent in ("a", "b", "c"):
            for i in generator.choice(strangers, n_wrong, replace=False):
                said.append(Hypothesis(agent, genes[target], genes[i], 1, 0.9, ""))
    agents = {name: Agent(name, "mechanism") for name in "abc"}
    return Panel("made", agents, genes, tuple(said), dict.fromkeys("abc", frozenset(genes)))


def test_a_filter_is_chosen_where_it_pays_and_only_there() -> None:
    genes, member, profiles = modules(1)
    effects = EffectTable(genes, tuple(f"R{i}" for i in range(60)), profiles)
    noisy = Knowledge.from_panel(panel_of(genes, member, 12))
    chosen = choose_settings([("line", effects)], noisy)
    assert chosen.min_agents > 1  # lone proposals are wrong here
    assert len(chosen.tried) == 9
    assert chosen.applied(noisy).consensus.min_agents == chosen.min_agents
    clean = Knowledge.from_panel(panel_of(genes, member, 0))
    kept = choose_settings([("line", effects)], clean)
    assert (kept.min_agents, kept.min_confidence) == (1, 0.0)


def test_a_choice_says_what_it_is() -> None:
    assert str(Choice(2, 0.4, ())) == "agreement of 2 agents, confidence from 0.4"


def test_a_shipped_loop_is_found_by_name_and_a_wrong_name_lists_them() -> None:
    loop, path = find_loop("k562")
    assert path is not None
    assert loop.effects[0].name == "K562"
    with pytest.raises(UsageError, match="k562"):
        find_loop("k563")


def test_inputs_are_read_beside_the_loop_file(tmp_path: Path) -> None:
    genes = ("RPL18", "RPS14", "LARS", "PSMC4")
    table = EffectTable(genes, ("R1", "R2"), np.arange(8.0).reshape(4, 2))
    write_effects(table, tmp_path / "a.h5ad")
    loop = LoopFile.model_validate(
        {"effects": ({"path": "a.h5ad", "name": "A"},), "panel": {"path": "essential585"}}
    )
    (tmp_path / "loop.toml").write_text("")
    loaded = load_inputs(loop, tmp_path / "loop.toml")
    assert loaded.judges["A"].perturbations == genes
    expected = hashlib.sha256((tmp_path / "a.h5ad").read_bytes()).hexdigest()
    assert loaded.files[0] == {"role": "effects (judge)", "name": "a.h5ad", "sha256": expected}


@pytest.mark.parametrize(
    ("document", "error", "said"),
    [
        ({}, ConfigError, "no panel"),
        ({"panel": {"path": "essential585"}}, ConfigError, "no measured screen"),
        (
            {
                "panel": {"path": "essential585"},
                "effects": ({"path": "gone.h5ad", "source": "ask the lab"},),
            },
            DataError,
            "ask the lab",
        ),
    ],
)
def test_what_is_missing_is_named(document: dict, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        load_inputs(LoopFile.model_validate(document))


def test_a_folder_is_hashed_by_names_and_contents(tmp_path: Path) -> None:
    for name, text in (("b", "two"), ("a", "one")):
        (tmp_path / name).write_text(text)
    first = digest(tmp_path)
    assert first == hashlib.sha256(b"a\0one" + b"b\0two").hexdigest()
    (tmp_path / "b").rename(tmp_path / "c")
    assert digest(tmp_path) != first
