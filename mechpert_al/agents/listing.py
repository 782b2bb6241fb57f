"""The panels that can be named: recorded ones, and descriptions of live ones."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mechpert_al.datasets import shipped_configs, shipped_panels


class ListedPanel(NamedTuple):
    """A panel; ``kind`` is ``recorded`` (answers are there) or ``live`` (agents can be asked)."""

    name: str
    kind: str
    models: list[str]
    agents: list[str]


def listed_panels() -> list[ListedPanel]:
    """All panels that come with the package."""
    recorded = [_recorded(name, path) for name, path in shipped_panels().items()]
    live = [_live(name, path) for name, path in shipped_configs().items()]
    return recorded + live


def _recorded(name: str, folder: Path) -> ListedPanel:
    about = json.loads((folder / "panel.json").read_text(encoding="utf-8"))
    return _listed(name, "recorded", about, about["agents"])


def _live(name: str, path: Path) -> ListedPanel:
    about = tomllib.loads(path.read_text(encoding="utf-8"))
    return _listed(name, "live", about, about["agent"])


def _listed(
    name: str, kind: str, about: Mapping[str, Any], agents: Mapping[str, Mapping[str, Any]]
) -> ListedPanel:
    models = (agent.get("model", about.get("model", "")) for agent in agents.values())
    return ListedPanel(name, kind, _distinct(models), list(agents))


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))
