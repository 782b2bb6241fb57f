"""A panel description made ready: every agent with its lens, model and options filled in."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from mechpert_al.config import AgentDescription, ModelOption, PanelDescription, load_toml
from mechpert_al.datasets import resolve, shipped_configs
from mechpert_al.errors import ConfigError
from mechpert_al.textfile import TextFile

LENSES = "lenses"
#: Model options that have a setting of their own.
INSTEAD = {"seed": "seed", "num_ctx": "context_tokens", "num_predict": "answer_tokens"}


@dataclass(frozen=True)
class LiveAgent:
    """An agent that can be asked.

    Parameters
    ----------
    name, role, model
        See `mechpert_al.config.AgentDescription`.
    title
        The lens in one line.
    lens
        What the agent is told about how to look at genes.
    seed
        Seed of the model's sampling.
    options
        Other model options: the temperature and what the description sets.
    think
        Whether a thinking model thinks; None if the description does not say.
    hosts
        Servers for this agent alone; none if it shares those of the panel.
    """

    name: str
    role: str
    model: str
    title: str
    lens: str
    seed: int
    options: Mapping[str, ModelOption]
    think: bool | str | None = None
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Description:
    """A panel description with everything that it names.

    Parameters
    ----------
    settings
        The file.
    agents
        Its agents by name.
    cards
        What is known of genes, by symbol; each cut to the length that the file allows.
    source
        Where it was read from.
    """

    settings: PanelDescription
    agents: Mapping[str, LiveAgent]
    cards: Mapping[str, str] = field(default_factory=dict)
    source: Path | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """The models that its agents need, each once."""
        return tuple(dict.fromkeys(agent.model for agent in self.agents.values()))


def read_description(path: str | Path) -> Description:
    """Read a panel description.

    Parameters
    ----------
    path
        A TOML file, or the name of one that comes with the package (``"local"``).

    Raises
    ------
    ConfigError
        A key or value is wrong, an agent has no model, or a lens is not there or is empty.
    DataError
        A file that it names is not there.
    """
    shipped = shipped_configs()
    file = shipped[str(path)] if str(path) in shipped else resolve(path)
    return completed(load_toml(file, PanelDescription), file)


def completed(settings: PanelDescription, source: Path | None = None) -> Description:
    """Fill in what agents take from the panel, and read the files that it names.

    Parameters
    ----------
    settings
        The description.
    source
        Its file: others are looked for beside it.
    """
    agents = {name: _agent(name, settings, source) for name in settings.agent}
    cards = {}
    if settings.cards is not None:
        cards = _cards(resolve(settings.cards, source), settings.card_length)
    return Description(settings, agents, cards, source)


def _agent(name: str, panel: PanelDescription, source: Path | None) -> LiveAgent:
    own = panel.agent[name]
    where = f"{source or panel.name}: agent.{name}"
    model = own.model or panel.model
    if model is None:
        raise ConfigError(
            f"{where} has no model",
            'Write model = "…" in it, or at the top of the file for all agents.',
        )
    lens = _lens(name, own, source, where)
    title = next((line.lstrip("# ") for line in lens.splitlines() if line.strip("# ")), "")
    if not title:
        raise ConfigError(f"{where}: its lens is empty", "Say how this agent looks at genes.")
    options: dict[str, ModelOption] = {"temperature": 0.0, **panel.options, **own.options}
    for key, instead in INSTEAD.items():
        if key in options:
            raise ConfigError(
                f"{where}: {key} (= {options[key]}) is no option here",
                f"Set {instead} outside the options.",
            )
    seed = own_seed(panel.seed, name) if own.seed is None else own.seed
    think = panel.think if own.think is None else own.think
    return LiveAgent(name, own.role, model, title, lens, seed, options, think, own.hosts)


def _lens(name: str, own: AgentDescription, source: Path | None, where: str) -> str:
    """The text of a lens, from the description itself or from its file."""
    if own.lens_text is not None:
        if own.lens is not None:
            raise ConfigError(f"{where} has both lens and lens_text", "Keep one of the two.")
        return own.lens_text.strip()
    file = resolve(f"{LENSES}/{own.lens or name}.md", source)
    try:
        return file.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: not UTF-8 text", "Save it in UTF-8.") from error


def _cards(path: Path, length: int) -> dict[str, str]:
    table = TextFile.of(path).table()
    missing = {"gene", "card"} - set(table.columns)
    if missing:
        raise ConfigError(
            f"{path}: no column {' and '.join(sorted(missing))}",
            f"Columns there: {', '.join(map(str, table.columns))}.",
        )
    return {
        gene: card if len(card) <= length else card[: length - 1].rstrip() + "…"
        for gene, card in zip(table["gene"], table["card"], strict=True)
    }


def own_seed(seed: int, name: str) -> int:
    """The seed of one agent: agents with the same lens and model still answer on their own."""
    digest = hashlib.sha256(f"{seed}\x1f{name}".encode()).digest()
    return int.from_bytes(digest[:4]) >> 1  # servers read 32 bits with a sign


def seeded(description: Description, seed: int | None) -> Description:
    """The same description with another seed, from which each agent has its own; None: as it is."""
    if seed is None:
        return description
    agents = {
        name: replace(agent, seed=own_seed(seed, name))
        for name, agent in description.agents.items()
    }
    return replace(description, agents=agents)
