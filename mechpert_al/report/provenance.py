"""Where the numbers of a report come from: command, files, hashes, versions, and what to beware."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mechpert_al.evaluation.inputs import SIMULATED
from mechpert_al.report.cards import Card, Column, Part, Table, Words
from mechpert_al.report.page import versions

#: Longest value of a setting that is shown in a table of settings.
CUT = 2000


def banner_of(datasets: Iterable[str], files: Iterable[Mapping[str, str]]) -> list[str]:
    """What must be seen first: that measurements are simulated, that agents were recorded."""
    lines = []
    if SIMULATED in datasets:
        lines.append(
            "SIMULATED: every measurement, agent and link here comes from a virtual lab. Nothing "
            "was measured."
        )
    for one in files:
        if one.get("recorded"):
            lines.append(recorded_line(one["name"], one))
    return lines


def recorded_line(name: str, about: Mapping[str, Any]) -> str:
    """That a panel was recorded, by whom, and what its authors warn of."""
    text = f"RECORDED: the agents of the panel {name} were asked in {about['recorded']}"
    if about.get("model"):
        text += f" ({about['model']})"
    if about.get("known_limits"):
        text += f". Known limits: {about['known_limits']}"
    return f"{text}."


def provenance_card(
    command: str,
    files: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    hashes: Mapping[str, Any],
) -> Card:
    """Command, files, settings, contents and versions.

    Parameters
    ----------
    command
        As it was typed; empty when there was none.
    files
        With the keys role, name and sha256.
    settings
        What was chosen.
    hashes
        What went in, by content; nested mappings become dotted names.
    """

    def parts() -> Iterator[Part]:
        if command:
            yield Words([f"Made by: {command}"])
        if files:
            yield Table(
                "Files that were read",
                [Column("role"), Column("name"), Column("SHA-256")],
                [(one["role"], one["name"], one["sha256"]) for one in files],
            )
        yield Table(
            "What went in, by content",
            [Column("what"), Column("value")],
            list(flattened(hashes)),
            is_folded=True,
        )
        yield Table(
            "Settings",
            [Column("setting"), Column("value")],
            list(flattened(settings)),
            is_folded=True,
        )
        yield Table("Versions", [Column("package"), Column("version")], versions(), is_folded=True)

    return Card("Where this comes from", lambda: list(parts()))


def notices_card(notices: Sequence[str]) -> Card:
    """What was left out, matched under another name, or not scored."""
    return Card(
        "What was left out or changed",
        lambda: [Words(list(notices) or ["Nothing."], is_list=bool(notices))],
    )


def flattened(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as (dotted name, text)."""
    for key, value in values.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping):
            yield from flattened(value, f"{name}.")
        elif isinstance(value, list | tuple):
            yield name, ", ".join(map(str, value))[:CUT]
        else:
            yield name, "" if value is None else str(value)[:CUT]
