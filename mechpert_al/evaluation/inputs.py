"""What a loop file names, read and ready: judges, knowledge, and the hash of every file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mechpert_al.agents.panel import read_panel
from mechpert_al.config import LoopEffects, LoopFile, LoopVirtual, load_toml
from mechpert_al.consensus.features import read_features
from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.datasets import DATA_VARIABLE, resolve, shipped_loops
from mechpert_al.effects.files import read_effects
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import ConfigError, DataError, UsageError, did_you_mean
from mechpert_al.evaluation.settings import choose_settings
from mechpert_al.networks import read_network
from mechpert_al.virtual import VirtualLab

#: What is kept of a panel's own description beside its hash.
ABOUT = ("recorded", "model", "known_limits")
#: Under this name a virtual lab stands in tables and figures.
SIMULATED = "virtual lab (simulated)"


@dataclass(frozen=True, eq=False)
class LoopInputs:
    """Everything a comparison or simulation needs.

    Parameters
    ----------
    judges
        Measured screens by name.
    knowledge
        What strategies and predictors know.
    loop
        The loop file's settings.
    files
        Role, name and SHA-256 of every file that was read.
    notices
        What was matched under another name, left out or chosen.
    """

    judges: dict[str, EffectTable]
    knowledge: Knowledge
    loop: LoopFile
    files: list[dict[str, str]]
    notices: list[str]


def find_loop(loop: str | None) -> tuple[LoopFile, Path | None]:
    """A loop file by its path, or by the name of a shipped one; without one, all defaults.

    Raises
    ------
    UsageError
        Neither a file nor a shipped loop.
    """
    if loop is None:
        return LoopFile(), None
    shipped = shipped_loops()
    path = Path(loop)
    if not path.is_file():
        if loop not in shipped:
            raise UsageError(
                f"no loop file {loop!r}",
                f"{did_you_mean(loop, shipped)}Give a path, or the name of a shipped loop: "
                f"{', '.join(sorted(shipped))}.",
            )
        path = shipped[loop]
    return load_toml(path, LoopFile), path


def load_inputs(
    loop: LoopFile, path: Path | None = None, say: Callable[[str], None] = lambda text: None
) -> LoopInputs:
    """Read what a loop file names.

    Parameters
    ----------
    loop
        Its settings.
    path
        Where it was read from: relative paths in it are relative to it first.
    say
        Told what is being done where that takes a while.

    Raises
    ------
    ConfigError
        No panel or no judge is named.
    DataError
        A file is missing or wrong.
    """
    source = str(path or "the command")
    if loop.virtual is not None:
        return _simulated(loop, loop.virtual, source)
    if loop.panel is None:
        raise ConfigError(
            f"{source}: no panel is named", "Give --panel, or [panel] path in the loop file."
        )
    if not any(entry.role == "judge" for entry in loop.effects):
        raise ConfigError(
            f"{source}: no measured screen is named to judge by",
            "Give --effects, or [[effects]] path in the loop file.",
        )
    reader = _Reader(path)
    reader.demand(
        [(entry.path, entry.source) for entry in loop.effects]
        + ([(loop.network.path, loop.network.source)] if loop.network else [])
        + ([(other, "effects of another line")] if (other := loop.prediction.other_line) else [])
    )
    judges, settings = reader.effects(loop.effects)
    panel = read_panel(reader.file("panel", loop.panel.path), loop.panel.agents)
    reader.files[-1] |= {key: str(panel.about[key]) for key in ABOUT if key in panel.about}
    prior = None
    if loop.network is not None:
        place = reader.file("network", loop.network.path)
        prior = read_network(place, min_score=loop.network.min_score)
    features = None
    if loop.features is not None:
        place = reader.file("features", loop.features.path)
        features, said = read_features(place, panel.candidates)
        reader.notices += said
    knowledge = Knowledge.from_panel(panel, prior, features)
    if settings:
        say("choosing consensus settings on " + ", ".join(name for name, _ in settings))
        choice = choose_settings(
            settings, knowledge, test_fraction=loop.compare.test_fraction, seed=loop.seed
        )
        knowledge = choice.applied(knowledge)
        chosen_on = ", ".join(name for name, _ in settings)
        reader.notices.append(f"consensus settings chosen on {chosen_on}: {choice}")
    if loop.prediction.other_line is not None:
        place = reader.file("other line", loop.prediction.other_line)
        knowledge = knowledge.with_other_line(read_effects(place), place.name)
    return LoopInputs(judges, knowledge, loop, reader.files, reader.notices)


def virtual_lab(seed: int, section: LoopVirtual) -> VirtualLab:
    """The virtual lab that a loop file describes."""
    return VirtualLab(seed, section.genes, section.readouts, section.cells)


def _simulated(loop: LoopFile, section: LoopVirtual, source: str) -> LoopInputs:
    """Measurements, agents and literature of a virtual lab."""
    others = {
        "effects": loop.effects,
        "panel": loop.panel,
        "network": loop.network,
        "features": loop.features,
        "prediction.other_line": loop.prediction.other_line,
    }
    given = [name for name, value in others.items() if value]
    if given:
        raise ConfigError(
            f"{source}: a virtual lab, and {', '.join(given)} beside it",
            "A virtual lab brings its own simulated effects, panel and network: leave out either.",
        )
    lab = virtual_lab(loop.seed, section)
    panel = lab.panel(section.quality, section.agents)
    knowledge = Knowledge.from_panel(panel, lab.network(section.informativeness))
    notice = "every measurement, agent and link is SIMULATED in a virtual lab"
    return LoopInputs({SIMULATED: lab.effects()}, knowledge, loop, [], [notice])


class _Reader:
    """Finds files and keeps their hashes."""

    def __init__(self, loop: Path | None) -> None:
        self.loop = loop
        self.files: list[dict[str, str]] = []
        self.notices: list[str] = []

    def demand(self, wanted: Sequence[tuple[str, str]]) -> None:
        """Name every missing file at once, with where each can be had."""
        missing = []
        for name, source in wanted:
            try:
                self.find(name)
            except DataError as error:
                missing.append((name, source, error))
        if missing:
            raise DataError(
                f"{len(missing)} of {len(wanted)} data files are missing: "
                + ", ".join(name for name, _, _ in missing),
                "\n".join(
                    [f"{name}: {source}" for name, source, _ in missing if source]
                    + [missing[0][2].hint]
                    + [f"Put them into one folder and set {DATA_VARIABLE} to it."]
                ),
            )

    def find(self, name: str) -> Path:
        return resolve(name, self.loop.parent if self.loop else None)

    def file(self, role: str, name: str) -> Path:
        place = self.find(name)
        self.files.append({"role": role, "name": place.name, "sha256": digest(place)})
        return place

    def effects(
        self, entries: Sequence[LoopEffects]
    ) -> tuple[dict[str, EffectTable], list[tuple[str, EffectTable]]]:
        """Judges by name, and the screens that choose settings."""
        judges: dict[str, EffectTable] = {}
        settings: list[tuple[str, EffectTable]] = []
        for entry in entries:
            place = self.file(f"effects ({entry.role})", entry.path)
            name = entry.name or place.name.split(".")[0]
            if name in judges:
                raise ConfigError(
                    f"two screens are called {name!r}", "Give each a name of its own."
                )
            table = read_effects(place)
            if entry.role == "judge":
                judges[name] = table
            else:
                settings.append((name, table))
        return judges, settings


def digest(path: Path) -> str:
    """SHA-256 of a file, or of the files of a folder in the order of their names."""
    total = hashlib.sha256()
    for part in sorted(path.iterdir()) if path.is_dir() else [path]:
        if part.is_file():
            if path.is_dir():
                total.update(part.name.encode() + b"\0")
            with part.open("rb") as stream:
                while block := stream.read(1 << 20):
                    total.update(block)
    return total.hexdigest()
