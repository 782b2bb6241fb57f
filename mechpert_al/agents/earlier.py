"""What an earlier run left in a panel folder: what of it stays, and where the rest is kept.

A line of an agent's file stays beside those of a later run only if it was asked alike: with the
same lens, model, seed, options, candidates and context. How servers are reached and how long they
are waited for makes no difference.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

PANEL = "panel.json"
#: Names of the folders for what is put aside.
ASIDE = "earlier"


def entries(folder: Path) -> dict[str, dict[str, Any]]:
    """The agents of the panel that is there, as panel.json has them."""
    return {
        name: entry
        for name, entry in _part(folder, "agents").items()
        if isinstance(entry, dict) and _is_plain(entry.get("file"))
    }


def servers(folder: Path) -> dict[str, Any]:
    """The servers that answered so far, and their versions."""
    return _part(folder, "servers")


def _part(folder: Path, key: str) -> dict[str, Any]:
    """A part of panel.json; nothing of one that is not there or is spoilt."""
    try:
        document = json.loads((folder / PANEL).read_bytes())
    except (OSError, ValueError):
        return {}
    part = document.get(key) if isinstance(document, dict) else None
    return part if isinstance(part, dict) else {}


def _is_plain(name: object) -> bool:
    return isinstance(name, str) and Path(name).name == name and name not in ("", ".", "..")


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """In what an agent was asked otherwise than it is now."""
    old, new = before.get("asked_alike"), now["asked_alike"]
    if not isinstance(old, Mapping):
        return ["format"]
    return [key for key in new if old.get(key) != new[key]]


def changes(
    folder: Path, before: Mapping[str, dict[str, Any]], now: Mapping[str, dict[str, Any]]
) -> list[str]:
    """For each agent whose lines have no place in the panel any more, why."""
    found = []
    for name, entry in before.items():
        if next(lines(folder / entry["file"]), None) is None:
            continue
        if name not in now:
            found.append(f"{name}: not asked any more")
        elif differs := difference(entry, now[name]):
            found.append(f"{name}: asked otherwise than before ({', '.join(differs)})")
    return found


def put_aside(folder: Path, before: Mapping[str, dict[str, Any]]) -> Path:
    """Copy the panel that is there, without its answer store, to a folder of its own inside."""
    number = 1
    while (place := folder / f"{ASIDE}-{number}").exists():
        number += 1
    half = folder / f".{ASIDE}-{number}-{os.getpid()}"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    about = json.loads((folder / PANEL).read_bytes())
    listed = about.get("candidates")
    names = [PANEL, *(entry["file"] for entry in before.values())]
    names += [listed] if _is_plain(listed) else []
    for name in names:
        shutil.copy2(folder / name, half / name)
    half.rename(place)
    return place


def lines(path: Path, without: Collection[str] = ()) -> Iterator[str]:
    """The lines of an agent's file but for those about some targets, and for spoilt ones."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            with suppress(ValueError, KeyError, TypeError):
                text = line.decode().rstrip("\n")
                if json.loads(text)["target"] not in without:
                    yield text
