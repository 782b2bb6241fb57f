"""Panels: what several agents proposed, read from a folder and checked hypothesis by hypothesis.

A panel folder holds ``panel.json`` (who the agents are, which genes were candidates) and one JSON
Lines file an agent, one line a target::

    {"agent": "complex", "target": "AARS",
     "regulators": [{"gene": "HARS", "direction": 1, "confidence": 0.72, "mechanism": "…"}]}

A target that was asked and has no regulator has an empty list; a target without a line was not
answered. Nothing is repaired: a hypothesis is admitted as it stands or dropped under a named
reason, and what was dropped is data about the agent that said it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mechpert_al.agents.admission import DROP_REASONS, Answer, Dropped, Hypothesis, admit
from mechpert_al.agents.admitted import Admitted, Hypotheses
from mechpert_al.agents.answer_file import parsed, read_answers
from mechpert_al.errors import DataError, UsageError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = [
    "DROP_REASONS",
    "FORMAT",
    "Agent",
    "Answer",
    "Dropped",
    "Hypothesis",
    "Panel",
    "admit",
    "read_panel",
]
FORMAT = "mechpert-al panel 1"


@dataclass(frozen=True)
class Agent:
    """One agent of a panel.

    ``role`` is ``"mechanism"`` (it votes) or ``"baseline"`` (the similarity prompt: it never does).
    """

    name: str
    role: str
    lens: str = ""
    model: str = ""
    file: str = ""


@dataclass(frozen=True, eq=False)
class Panel:
    """The admitted hypotheses of several agents about one list of candidates.

    Parameters
    ----------
    name
        Name of the panel.
    agents
        Its agents by name.
    candidates
        Symbols of the genes that may be measured and proposed, unique.
    hypotheses
        Admitted hypotheses.
    answered
        For each agent the targets it answered, an empty answer included.
    dropped
        What was not admitted, and why.
    unknown_targets
        For each agent the answered targets that are not candidates (their answers are left out).
    about
        What else panel.json says: model, recording date, known limits.
    folder
        Where it was read from, if from a folder.
    """

    name: str
    agents: Mapping[str, Agent]
    candidates: tuple[str, ...]
    hypotheses: Sequence[Hypothesis]
    answered: Mapping[str, frozenset[str]]
    dropped: tuple[Dropped, ...] = ()
    unknown_targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def voters(self) -> tuple[str, ...]:
        """Names of the agents that vote in the consensus."""
        return tuple(name for name, agent in self.agents.items() if agent.role == "mechanism")

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the agents kept for comparison only."""
        return tuple(name for name, agent in self.agents.items() if agent.role == "baseline")

    @cached_property
    def unanswered(self) -> Mapping[str, tuple[str, ...]]:
        """For each agent the candidates it was not asked about or did not answer."""
        return {
            name: tuple(gene for gene in self.candidates if gene not in self.answered[name])
            for name in self.agents
        }

    def table(self) -> pd.DataFrame:
        """The hypotheses as a pandas table, one row each."""
        import pandas as pd

        return pd.DataFrame(self.hypotheses, columns=list(Hypothesis._fields))

    def signed_links(self, agent: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What an agent said in numbers: targets, regulators, direction × confidence.

        Returns
        -------
        tuple of numpy.ndarray
            Numbers of candidates (twice) and float64, each of shape (n_hypotheses,).
        """
        said = self.hypotheses.of(agent) if isinstance(self.hypotheses, Hypotheses) else None
        if said is None:
            own = [one for one in self.hypotheses if one.agent == agent]
            said = Admitted.of(agent, self.candidates, own)
        return said.target, said.regulator, said.direction * said.confidence

    def about_gene(self, gene: str) -> tuple[Hypothesis, ...]:
        """Every hypothesis in which the gene is the target or the regulator."""
        return tuple(h for h in self.hypotheses if gene in (h.target, h.regulator))

    def counts(self) -> dict[str, Any]:
        """Admitted, dropped (by reason) and unanswered, for each agent and in all."""
        admitted = Counter(h.agent for h in self.hypotheses)
        dropped = {name: dict.fromkeys(DROP_REASONS, 0) for name in self.agents}
        for one in self.dropped:
            dropped[one.agent][one.reason] += 1
        said: dict[str, set[str]] = {name: set() for name in self.agents}
        for who, target, *_ in (*self.hypotheses, *self.dropped):
            said[who].add(target)
        agents = {
            name: {
                "role": agent.role,
                "answered": len(self.answered[name]),
                "empty_answers": len(self.answered[name] - said[name]),
                "unanswered": len(self.unanswered[name]),
                "unknown_targets": len(self.unknown_targets.get(name, ())),
                "admitted": admitted[name],
                "dropped": dropped[name],
            }
            for name, agent in self.agents.items()
        }
        return {
            "panel": self.name,
            "n_candidates": len(self.candidates),
            "admitted": len(self.hypotheses),
            "dropped": {
                reason: sum(dropped[name][reason] for name in self.agents)
                for reason in DROP_REASONS
            },
            "agents": agents,
        }

    def __repr__(self) -> str:
        return (
            f"Panel({self.name!r}, {len(self.agents)} agents, {len(self.candidates)} candidates, "
            f"{len(self.hypotheses)} hypotheses, {len(self.dropped)} dropped)"
        )

    def _repr_html_(self) -> str:
        from mechpert_al.display import html_table

        counts = self.counts()["agents"]
        models = list(dict.fromkeys(agent.model for agent in self.agents.values()))
        rows = [
            {
                "agent": name,
                "role": agent.role,
                **({"model": agent.model} if len(models) > 1 else {}),
                **{key: counts[name][key] for key in ("answered", "unanswered", "admitted")},
                "dropped": sum(counts[name]["dropped"].values()),
                "lens": agent.lens,
            }
            for name, agent in self.agents.items()
        ]
        all_by = f", all by {models[0]}" if len(models) == 1 and models[0] else ""
        return html_table(rows, caption=f"{self!r}{all_by}")


# ---------------------------------------------------------------------- reading a folder
def read_panel(path: str | Path, agents: Sequence[str] | None = None) -> Panel:
    """Read a panel folder.

    Parameters
    ----------
    path
        A folder with ``panel.json``, or the name of a shipped panel (``"essential585"``).
    agents
        Names of the agents to read; all of them by default.

    Raises
    ------
    DataError
        A file is missing or does not have the panel format; the message names file and line.
    UsageError
        An agent is asked for that the panel does not have.
    """
    folder = _panel_folder(path)
    about = _panel_json(folder / _plain_name(folder, "panel.json"))
    known = {
        name: Agent(
            name,
            str(entry.get("role", "mechanism")),
            str(entry.get("lens", "")),
            str(entry.get("model", about.get("model", ""))),
            str(entry["file"]),
        )
        for name, entry in about["agents"].items()
    }
    if agents is not None:
        unknown = [name for name in agents if name not in known]
        if unknown:
            raise UsageError(
                f"panel {about['name']!r} has no agent {', '.join(map(repr, unknown))}",
                f"Its agents are: {', '.join(known)}.",
            )
        known = {name: known[name] for name in agents}
    candidates = _candidates(folder, about)
    said = [
        read_answers(folder / _plain_name(folder, agent.file), name, candidates)
        for name, agent in known.items()
    ]
    return Panel(
        about["name"],
        known,
        candidates,
        Hypotheses(said),
        {one.agent: one.answered for one in said},
        tuple(chain.from_iterable(one.dropped for one in said)),
        {one.agent: one.strangers for one in said},
        {key: value for key, value in about.items() if key != "agents"},
        folder,
    )


def _panel_folder(path: str | Path) -> Path:
    folder = Path(path)
    if not (folder / "panel.json").is_file():
        from mechpert_al.datasets import shipped_panels

        shipped = shipped_panels()
        if str(path) in shipped:
            return shipped[str(path)]
        raise DataError(
            f"{path}: no panel there (a panel is a folder with a file panel.json)",
            f"{did_you_mean(str(path), shipped)}Give a panel folder or the name of a shipped "
            f"panel: {', '.join(shipped)}.",
        )
    return folder


def _panel_json(path: Path) -> dict[str, Any]:
    try:
        about = parsed(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a JSON file in UTF-8 ({error})") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        found = about.get("format") if isinstance(about, dict) else type(about).__name__
        raise DataError(
            f"{path}: format is {found!r}, expected {FORMAT!r}",
            "Was the folder written by a newer version, or by another program?",
        )
    for key, kind in (("name", str), ("agents", dict), ("candidates", str | list)):
        if not isinstance(about.get(key), kind):
            raise DataError(f"{path}: key {key!r} is missing or has the wrong type")
    for name, entry in about["agents"].items():
        if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
            raise DataError(f"{path}: agents.{name} needs a key 'file'")
        if entry.get("role", "mechanism") not in ("mechanism", "baseline"):
            raise DataError(
                f"{path}: agents.{name}.role is {entry['role']!r}",
                "A role is 'mechanism' (it votes) or 'baseline' (it does not).",
            )
    return about


def _plain_name(folder: Path, name: str) -> str:
    """A file name that stays inside the folder (panel.json may come from anybody)."""
    if Path(name).name != name or name in ("", ".", ".."):
        raise DataError(
            f"{folder / 'panel.json'}: {name!r} is not a plain file name",
            "Files of a panel lie in its own folder.",
        )
    if not (folder / name).resolve().is_relative_to(folder.resolve()):
        raise DataError(
            f"{folder / name}: a link that leads out of the panel folder",
            "Copy the file it leads to into the folder, in place of the link.",
        )
    return name


def _candidates(folder: Path, about: Mapping[str, Any]) -> tuple[str, ...]:
    listed = about["candidates"]
    source = folder / "panel.json"
    if isinstance(listed, str):
        source = folder / _plain_name(folder, listed)
        if not source.is_file():
            raise DataError(f"{source}: the candidate list named in panel.json is not there")
        try:
            listed = source.read_text(encoding="utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise DataError(f"{source}: not a text in UTF-8 ({error})") from error
    for gene in listed:
        if not isinstance(gene, str):
            raise DataError(f"{source}: candidate {gene!r} is not a text")
    genes = [gene.strip() for gene in listed if gene.strip()]
    twice = [gene for gene, count in Counter(genes).items() if count > 1]
    if twice or not genes:
        what = f"candidates named more than once: {', '.join(twice[:10])}" if twice else "no gene"
        raise DataError(f"{source}: {what}", "Write one gene symbol a line, each once.")
    return tuple(genes)
