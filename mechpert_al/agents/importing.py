"""A table of proposals, from any program or person, made into a panel folder.

Every proposal is written down as it came; what is not admissible is dropped, and counted, when the
folder is read, as it is for a panel that was asked.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mechpert_al.agents.panel import FORMAT, Panel, read_panel
from mechpert_al.errors import DataError, UsageError
from mechpert_al.symbols import match, read_gene_list, refuse_damaged
from mechpert_al.textfile import TextFile

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("agent", "target", "regulator", "direction", "confidence")
COLUMNS = (*REQUIRED, "mechanism")
_WHOLE = re.compile(r"[+-]?\d{1,9}")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


@dataclass(frozen=True)
class Imported:
    """An imported panel.

    Parameters
    ----------
    panel
        As read back from its folder.
    notices
        Names that were matched to a candidate under another name, or to none.
    """

    panel: Panel
    notices: tuple[str, ...]


def import_panel(
    path: str | Path,
    folder: str | Path,
    *,
    candidates: str | Path | None = None,
    name: str | None = None,
    baselines: Sequence[str] = (),
) -> Imported:
    """Make a panel folder from a table of proposals.

    Parameters
    ----------
    path
        A CSV or TSV file with the columns agent, target, regulator, direction (1 or -1), confidence
        (above 0, up to 1) and, if there are any, mechanism. A row without a regulator says that the
        target was asked and has none.
    folder
        Where the panel goes: a folder that does not exist yet. It is there whole or not at all.
    candidates
        A file of the genes that may be proposed; by default all genes that the table names.
        Outdated symbols are matched to it.
    name
        Name of the panel; that of the folder by default.
    baselines
        Agents that do not vote in the consensus.

    Raises
    ------
    DataError
        The table lacks a column or a name, or no proposal in it is admissible.
    SymbolError
        Gene names were changed by a spreadsheet.
    UsageError
        The folder exists, or a baseline is no agent of the table.
    """
    source, target = Path(path), Path(folder)
    if target.exists():
        raise UsageError(f"{target}: is there already", "Name a folder that does not exist yet.")
    rows = _rows(source)
    strangers = [agent for agent in baselines if agent not in set(rows["agent"])]
    if strangers:
        raise UsageError(
            f"{source}: no agent is called {', '.join(map(repr, strangers))}",
            f"Agents: {', '.join(dict.fromkeys(rows['agent']))}.",
        )
    named = list(dict.fromkeys([*rows["target"], *rows["regulator"][rows["regulator"] != ""]]))
    genes, spelt = tuple(named), dict[str, str]()
    notices: tuple[str, ...] = ()
    if candidates is not None:
        genes = read_gene_list(candidates).genes
        matching = match(named, genes, source=str(source))
        spelt, notices = dict(matching.mapping), tuple(matching.lines())
    about = {"name": name or target.name, "format": FORMAT, "imported_from": source.name}
    panel = _written(target, about, genes, _answers(rows, spelt), baselines)
    return Imported(panel, notices)


def _rows(path: Path) -> pd.DataFrame:
    """The table, checked for what no proposal can do without."""
    frame = TextFile.of(path).table()
    frame.columns = [str(column).lower() for column in frame.columns]
    missing = [column for column in REQUIRED if column not in frame.columns]
    if missing:
        raise DataError(
            f"{path}: no column {', '.join(missing)}",
            f"Columns there: {', '.join(frame.columns)}. Expected: {', '.join(COLUMNS)}.",
        )
    if frame.empty:
        raise DataError(f"{path}: no row below the header", "Each row is one proposal.")
    if "mechanism" not in frame:
        frame["mechanism"] = ""
    for column in ("agent", "target"):
        empty = frame.index[frame[column] == ""]
        if len(empty):
            raise DataError(f"{path}, line {empty[0]}: no {column}", "Each row names both.")
    for column in ("target", "regulator"):
        refuse_damaged(frame[column].items(), str(path))
    return frame


def _answers(
    rows: pd.DataFrame, spelt: Mapping[str, str]
) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """For each agent and target the proposals, all as they came but for the spelling of genes."""
    answers: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for agent, target, gene, direction, confidence, mechanism in rows[list(COLUMNS)].itertuples(
        index=False
    ):
        proposals = answers.setdefault(agent, {}).setdefault(spelt.get(target, target), [])
        if gene:
            proposals.append(
                {
                    "gene": spelt.get(gene, gene),
                    "direction": _number(direction),
                    "confidence": _number(confidence),
                    "mechanism": mechanism,
                }
            )
    return answers


def _number(text: str) -> int | float | str:
    """The number a cell states; its text, if it states none."""
    plain = text.replace("\N{MINUS SIGN}", "-").replace(",", ".")
    if _WHOLE.fullmatch(plain):
        return int(plain)
    value = float(plain) if _DECIMAL.fullmatch(plain) else math.inf
    return value if math.isfinite(value) else text


def _written(
    folder: Path,
    about: Mapping[str, Any],
    genes: Sequence[str],
    answers: Mapping[str, Mapping[str, list[dict[str, Any]]]],
    baselines: Sequence[str],
) -> Panel:
    """Write the folder beside its place, read it back, and only then put it there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        beside.chmod(0o755)
        agents = {}
        for number, (agent, targets) in enumerate(answers.items(), start=1):
            file = f"{number:02}-{re.sub(r'[^A-Za-z0-9_-]+', '-', agent)[:60]}.jsonl"
            role = "baseline" if agent in baselines else "mechanism"
            agents[agent] = {"role": role, "file": file}
            lines = [
                json.dumps(
                    {"agent": agent, "target": target, "regulators": proposals}, ensure_ascii=False
                )
                for target, proposals in targets.items()
            ]
            (beside / file).write_text("\n".join([*lines, ""]), encoding="utf-8")
        (beside / "candidates.txt").write_text("\n".join([*genes, ""]), encoding="utf-8")
        document = {**about, "candidates": "candidates.txt", "agents": agents}
        (beside / "panel.json").write_text(
            json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        _refuse_empty(read_panel(beside), about["imported_from"])
        os.rename(beside, folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return read_panel(folder)


def _refuse_empty(panel: Panel, source: str) -> None:
    if not panel.hypotheses:
        first = panel.dropped[0] if panel.dropped else None
        why = f"; the first: {first.text} ({first.reason})" if first else ""
        raise DataError(
            f"{source}: none of {len(panel.dropped)} proposals is admissible{why}",
            "Direction is 1 or -1, confidence a number above 0 and up to 1.",
        )
