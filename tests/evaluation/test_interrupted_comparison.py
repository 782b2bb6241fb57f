"""An interrupted comparison goes on where it stopped, with the numbers of an uninterrupted one."""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from mechpert_al.effects import EffectTable
from mechpert_al.errors import BackendError, UsageError
from mechpert_al.evaluation import compare, fingerprint, grid
from mechpert_al.evaluation.checkpoints import Checkpoints
from mechpert_al.evaluation.grid import run_grid
from mechpert_al.evaluation.protocol import Protocol, make_protocol
from mechpert_al.evaluation.screen import Screen, splits
from mechpert_al.evaluation.split_scores import PARTS, Task
from mechpert_al.testing import ToyScreen, toy_screen

QUICK: dict[str, Any] = {"budgets": (4, 8), "n_splits": 2, "random_draws": 3}
STRATEGIES = ["expected_coverage", "adaptive_coverage"]


@pytest.fixture(scope="module")
def world() -> ToyScreen:
    return toy_screen()


def run(world: ToyScreen, folder: Path | None, said: list[str] | None = None, **more: Any) -> Any:
    options = {"strategies": STRATEGIES, "predictors": ["kriging"], "rounds": 2, **QUICK, **more}
    talk = said if said is not None else []
    return compare(world.effects, world.knowledge, keep=folder, say=talk.append, **options)


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The parts that are computed, in order."""
    seen: list[tuple[str, int]] = []
    for name, part in list(PARTS.items()):

        def marked(screen: Any, split: Any, *rest: Any, name: str = name, part: Any = part) -> Any:
            seen.append((name, split.number))
            return part(screen, split, *rest)

        monkeypatch.setitem(PARTS, name, marked)
    return seen


# ---------------------------------------------------------------------- taken over
def test_what_is_kept_is_not_computed_again(
    world: ToyScreen, tmp_path: Path, computed: list[tuple[str, int]]
) -> None:
    whole = run(world, None).as_document()
    n_parts = len(computed)
    said: list[str] = []
    told: list[tuple[str, int, int]] = []
    assert run(world, tmp_path, said).as_document() == whole
    assert len(list(tmp_path.iterdir())) == n_parts == 4
    assert said == []
    computed.clear()
    again = run(world, tmp_path, said, progress=lambda *what: told.append(what))
    assert again.as_document() == whole
    assert computed == []
    assert [done for _, done, _ in told] == [1, 2, 3, 4]
    assert said == [f"Took over 4 of 4 parts that were finished before ({tmp_path})."]


def test_only_what_is_missing_is_computed(
    world: ToyScreen, tmp_path: Path, computed: list[tuple[str, int]]
) -> None:
    whole = run(world, tmp_path).as_document()
    for path in sorted(tmp_path.iterdir()):
        path.unlink()
        computed.clear()
        assert run(world, tmp_path).as_document() == whole
        assert len(computed) == 1
    computed.clear()
    more = run(world, tmp_path, n_splits=3)  # the first splits of more are the same
    assert computed == [("random draws", 2), ("designs", 2)]
    assert more.as_document() == run(world, None, n_splits=3).as_document()


def test_a_comparison_that_fails_keeps_what_it_finished(
    world: ToyScreen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(world, None).as_document()
    real = PARTS["designs"]

    def fails(screen: Any, split: Any, *rest: Any) -> Any:
        if split.number == 1:
            raise ZeroDivisionError("later")
        return real(screen, split, *rest)

    said: list[str] = []
    with monkeypatch.context() as patch:
        patch.setitem(PARTS, "designs", fails)
        with pytest.raises(ZeroDivisionError, match="later"):
            run(world, tmp_path, said)
    assert said == [
        f"3 of 4 parts are finished and kept in {tmp_path}: the same command goes on from there."
    ]
    assert run(world, tmp_path, said).as_document() == whole
    assert said[-1].startswith("Took over 3 of 4")


# ---------------------------------------------------------------------- another question
def paths(world: ToyScreen, **more: Any) -> set[str]:
    """The names of the files of a comparison of random genes."""
    changed = {key: more.pop(key) for key in ("knowledge", "effects", "name") if key in more}
    knowledge = changed.get("knowledge", world.knowledge)
    screen = Screen.of(
        changed.get("name", "toy"), changed.get("effects", world.effects), world.genes
    )
    strategies, predictors = more.pop("strategies", ()), more.pop("predictors", ("kriging",))
    protocol, _ = make_protocol(knowledge, strategies, predictors, **{**QUICK, **more})
    kept = Checkpoints(Path("parts"), knowledge, protocol)
    parts = splits(screen, protocol.n_splits, protocol.test_fraction, protocol.seed)
    return {kept.path(Task(screen, split, part)).name for split in parts for part in PARTS}


def nudged(effects: EffectTable) -> EffectTable:
    """One value moved to the next number there is."""
    values = np.array(effects.values)
    values[3, 5] = np.nextafter(values[3, 5], np.inf, dtype=values.dtype)
    return EffectTable(effects.perturbations, effects.readouts, values)


CHANGES: dict[str, Callable[[ToyScreen], dict[str, Any]]] = {
    "seed": lambda world: {"seed": 1},
    "budgets": lambda world: {"budgets": (4, 9)},
    "test fraction": lambda world: {"test_fraction": 0.41},
    "draws": lambda world: {"random_draws": 4},
    "rounds": lambda world: {"rounds": 2},
    "controls": lambda world: {"controls": True},
    "oracles": lambda world: {"oracles": False},
    "degraded": lambda world: {"degraded": "shuffled"},
    "strategies": lambda world: {"strategies": ("degree_prior",)},
    "predictors": lambda world: {"predictors": ("mean",)},
    "name": lambda world: {"name": "other"},
    "effects": lambda world: {"effects": nudged(world.effects)},
    "fewer genes": lambda world: {"effects": world.effects.take(world.genes[1:])},
    "consensus": lambda world: {
        "knowledge": world.knowledge.with_consensus(
            replace(world.knowledge.consensus, min_agents=2)
        )
    },
    "similarity": lambda world: {"knowledge": replace(world.knowledge, similarity=None)},
    "prior": lambda world: {"knowledge": replace(world.knowledge, prior=None)},
    "features": lambda world: {"knowledge": replace(world.knowledge, features=np.ones((33, 2)))},
    "agents": lambda world: {"knowledge": replace(world.knowledge, agents={})},
    "other line": lambda world: {"knowledge": replace(world.knowledge, other_line=world.effects)},
    "weights": lambda world: {"knowledge": replace(world.knowledge, weights={"alpha": 1.0})},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_question_finds_nothing_of_an_old_one(
    world: ToyScreen, change: Callable[[ToyScreen], dict[str, Any]]
) -> None:
    assert paths(world) == paths(world)
    assert len(paths(world)) == 4
    assert not paths(world) & paths(world, **change(world))


def test_what_was_computed_since_does_not_change_the_question(world: ToyScreen) -> None:
    used = world.knowledge
    run_grid([Screen.of("toy", world.effects, world.genes)], used, make_protocol(used, **QUICK)[0])
    assert "kernel" in used.__dict__
    assert paths(world, knowledge=used) == paths(world)


def test_another_program_or_plugin_is_another_question(
    world: ToyScreen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = paths(world)
    with monkeypatch.context() as patch:
        patch.setattr("mechpert_al.evaluation.checkpoints.program", lambda: "other")
        assert not before & paths(world)
    module = tmp_path / "foreign_methods.py"
    monkeypatch.syspath_prepend(tmp_path)
    text = "from mechpert_al.design.strategies import Random\nclass Foreign(Random):\n    {}\n"
    module.write_text(text.format("name = 'foreign'"))
    import foreign_methods  # type: ignore[import-not-found]

    monkeypatch.setattr(fingerprint, "build_strategy", lambda name: foreign_methods.Foreign())
    protocol = Protocol(("random", "foreign"))
    one = fingerprint.plugins(protocol, world.knowledge)
    assert len(one) == 1
    module.write_text(text.format("name = 'foreign'; changed = True"))
    assert fingerprint.plugins(protocol, world.knowledge) != one


def test_fingerprints_are_of_values() -> None:
    """Equal ones for equal values; none for what could differ unseen."""
    of = fingerprint.fingerprint
    values: list[Any] = [
        1, 1.0, "1", True, None, [1], (1,), [[1]], [1, 1], {"a": 1}, {"b": 1}, ["a", 1], -0.0, 0.0,
        np.array([1]), np.array([1.0]), np.array([[1]]), np.array([1], dtype=np.int32),
        ["ab", "c"], ["a", "bc"], float("nan"),
    ]  # fmt: skip
    assert len({of(value) for value in values}) == len(values)
    assert of(np.arange(6).reshape(2, 3).T) == of(np.arange(6).reshape(2, 3).T.copy())
    for wrong in ({1, 2}, object(), np.array([object()]), lambda: 0):
        with pytest.raises(TypeError, match="fingerprint"):
            of(wrong)


# ---------------------------------------------------------------------- damage
def with_objects(content: bytes) -> bytes:
    """The same file with an array that would have to be unpickled."""
    with np.load(io.BytesIO(content)) as file:
        arrays = dict(file)
    arrays["scores"] = np.array([[[Bomb()]]], dtype=object)
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


class Bomb:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("a checkpoint was unpickled",))


def remade(content: bytes, **arrays: np.ndarray) -> bytes:
    with np.load(io.BytesIO(content)) as file:
        kept = {**file, **arrays}
    out = io.BytesIO()
    np.savez_compressed(out, **kept)
    return out.getvalue()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "a byte changed": lambda content: content[:900] + bytes([content[900] ^ 4]) + content[901:],
    "text": lambda content: b"no numbers here",
    "a pickle": lambda content: pickle.dumps([1, 2]),
    "objects": with_objects,
    "no JSON": lambda content: remade(content, about=np.zeros(3, dtype=np.uint8)),
    "JSON of another form": lambda content: remade(content, about=np.frombuffer(b"[]", np.uint8)),
    "other targets": lambda content: remade(content, scores=np.zeros((4, 6, 3))),
    "fewer cells": lambda content: remade(content, scores=np.zeros((1, 6, 13))),
    "whole numbers": lambda content: remade(content, random_means=np.zeros((0, 6, 3), dtype=int)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_part_is_named_and_computed_again(
    world: ToyScreen,
    tmp_path: Path,
    computed: list[tuple[str, int]],
    damage: Callable[[bytes], bytes],
) -> None:
    options: dict[str, Any] = {"strategies": ["degree_prior"], "n_splits": 1, "rounds": 1}
    whole = run(world, tmp_path, **options).as_document()
    hurt = max(tmp_path.iterdir(), key=lambda path: path.stat().st_size)
    good = hurt.read_bytes()
    hurt.write_bytes(damage(good))
    computed.clear()
    said: list[str] = []
    assert run(world, tmp_path, said, **options).as_document() == whole
    assert len(computed) == 1
    assert said[0].startswith(f"Note: {hurt} is damaged (")
    assert hurt.read_bytes() == good


def test_a_part_under_the_name_of_another_is_no_part(
    world: ToyScreen, tmp_path: Path, computed: list[tuple[str, int]]
) -> None:
    whole = run(world, tmp_path).as_document()
    sizes = sorted(tmp_path.iterdir(), key=lambda path: path.stat().st_size)
    one, other = sizes[2:]  # the designs of both splits
    one.write_bytes(other.read_bytes())
    computed.clear()
    said: list[str] = []
    assert run(world, tmp_path, said).as_document() == whole
    assert [name for name, _ in computed] == ["designs"]
    assert str(one) in said[0]


# ---------------------------------------------------------------------- real processes
LOOP = """
seed = 3
[virtual]
genes = 40
readouts = 60
[compare]
strategies = ["holding", "degree_consensus"]
predictors = ["kriging"]
budgets = [4, 8]
splits = 2
random_draws = 3
"""
#: A strategy that notes who runs it for which split, and waits in the second one if told to.
HOLDING = """
import os
import time
from pathlib import Path

from mechpert_al.design.strategies import Random


class Holding(Random):
    name = "holding"
    group = "consensus"

    def select(self, state, n):
        split = state.seed - 3 * 1_000_003
        marks = Path(os.environ["MARKS"])
        with marks.open("a") as stream:
            stream.write(f"{split} {os.getpid()}\\n")
        while split == 1 and marks.with_name("hold").exists():
            time.sleep(0.02)
        return super().select(state, n)
"""


class Grid:
    """A comparison of a virtual lab as a command, with a strategy from another package."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.hold = folder / "hold"
        (folder / "loop.toml").write_text(LOOP)
        (folder / "holding.py").write_text(HOLDING)
        info = folder / "holding-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: holding\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            "[mechpert_al.strategies]\nholding = holding:Holding\n"
        )
        path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
        self.env = {**os.environ, "PYTHONPATH": path, "MARKS": str(folder / "marks")}

    def start(self, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "mechpert_al", "compare", "loop.toml", "--out", "out", *options],
            cwd=self.folder,
            env=self.env,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finished(self, *options: str) -> str:
        """Run the command to its end; what it said."""
        process = self.start(*options)
        said = process.communicate()[1]
        assert process.returncode == 0, said
        return said

    @property
    def marks(self) -> list[tuple[int, int]]:
        """(split, process) of every time that the strategy was asked."""
        path = self.folder / "marks"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(line.split()[0]), int(line.split()[1])) for line in lines]

    @property
    def parts(self) -> list[Path]:
        return sorted((self.out / "parts").glob("*.npz"))

    def until_held(self, process: subprocess.Popen[str]) -> int:
        """Wait until all but the held part are kept; the process that holds it."""
        while not (len(self.parts) == 3 and 1 in dict(self.marks)):
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.02)
        return dict(self.marks)[1]

    def document(self) -> bytes:
        return (self.out / "comparison.json").read_bytes()


@pytest.fixture
def command(tmp_path: Path) -> Grid:
    return Grid(tmp_path)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The document of a run in one process that nobody disturbs."""
    one = Grid(tmp_path_factory.mktemp("whole"))
    said = one.finished("--jobs", "1")
    assert "Took over" not in said
    return one.document()


def test_a_killed_command_goes_on(command: Grid, uninterrupted: bytes) -> None:
    command.hold.touch()
    process = command.start("--jobs", "2")
    command.until_held(process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (command.out / "comparison.json").exists()
    command.hold.unlink()
    assert "Took over 3 of 4 parts" in command.finished("--jobs", "1")
    assert sorted(split for split, _ in command.marks) == [0, 1, 1]
    assert command.document() == uninterrupted


def test_ctrl_c_ends_at_once_and_says_what_is_kept(command: Grid) -> None:
    command.hold.touch()
    process = command.start("--jobs", "2")
    command.until_held(process)
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate()[1]
    assert process.returncode == 130
    assert "3 of 4 parts are finished and kept in out/parts: the same command" in said
    assert "Traceback" not in said
    assert len(command.parts) == 3


# ---------------------------------------------------------------------- a cluster
@contextmanager
def started(command: Grid, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A part of a Dask cluster as a process of its own, gone when the block ends."""
    log = command.folder / f"{words[0]}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *words, "--no-dashboard"],
            env=command.env,
            cwd=command.folder,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def started_scheduler(command: Grid) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A scheduler's address and its process."""
    file = command.folder / "scheduler.json"
    words = ["--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)]
    with started(command, "scheduler", *words) as process:
        while not (file.exists() and file.stat().st_size):
            assert process.poll() is None
            time.sleep(0.02)
        yield json.loads(file.read_text())["address"], process


class Cluster(NamedTuple):
    """A scheduler, and the process of it, that has workers."""

    address: str
    scheduler: subprocess.Popen[bytes]


@pytest.fixture
def cluster(command: Grid) -> Iterator[Cluster]:
    """Two workers, each a process of its own under a nanny."""
    with (
        started_scheduler(command) as (address, scheduler),
        started(command, "worker", address, "--nworkers", "2", "--nthreads", "1"),
    ):
        yield Cluster(address, scheduler)


def test_a_cluster_finds_the_same_numbers_though_a_worker_is_killed(
    command: Grid, cluster: Cluster, uninterrupted: bytes
) -> None:
    command.hold.touch()
    process = command.start("--scheduler", cluster.address)
    killed = command.until_held(process)
    os.kill(killed, signal.SIGKILL)
    command.hold.unlink()
    said = process.communicate()[1]
    assert process.returncode == 0, said
    workers = [worker for split, worker in command.marks if split == 1]
    assert workers[0] == killed
    assert len(set(workers)) == 2
    assert sorted(split for split, _ in command.marks) == [0, 1, 1]  # what was finished stays so
    assert process.pid not in {worker for _, worker in command.marks}
    assert command.document() == uninterrupted


def test_a_scheduler_that_dies_costs_what_was_not_finished(
    command: Grid, cluster: Cluster, uninterrupted: bytes
) -> None:
    command.hold.touch()
    process = command.start("--scheduler", cluster.address)
    command.until_held(process)
    os.killpg(cluster.scheduler.pid, signal.SIGKILL)
    said = process.communicate()[1]
    assert process.returncode == 4, said
    assert f"the Dask cluster at {cluster.address} was lost" in said
    assert "3 of 4 parts are finished and kept in out/parts: the same command" in said
    assert "Traceback" not in said
    assert len(command.parts) == 3
    command.hold.unlink()
    assert "Took over 3 of 4 parts" in command.finished("--jobs", "1")
    assert command.document() == uninterrupted


def test_workers_of_another_program_are_refused(world: ToyScreen) -> None:
    protocol, _ = make_protocol(world.knowledge, (), ("mean",), **QUICK)
    screen = Screen.of("toy", world.effects, world.genes)
    with pytest.raises(UsageError, match="another version of mechpert-al"):
        grid._run("other", protocol, world.knowledge, [screen], 0, 0, None, "designs")


def cluster_of(world: ToyScreen, address: str) -> None:
    """Ask for a comparison on a cluster."""
    compare(world.effects, world.knowledge, strategies=[], scheduler=address, **QUICK)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://here"])
def test_a_scheduler_that_does_not_answer(world: ToyScreen, address: str) -> None:
    import dask
    import distributed  # noqa: F401 - its settings are there from then on

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "300ms"}),
        pytest.raises(BackendError, match=f"no Dask scheduler answers at {address}") as caught,
    ):
        cluster_of(world, address)
    assert caught.value.exit_code == 4
    assert "dask scheduler" in caught.value.hint


def test_a_scheduler_without_workers(command: Grid, world: ToyScreen) -> None:
    import dask
    import distributed  # noqa: F401 - its settings are there from then on

    with (
        started_scheduler(command) as (address, _),
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(BackendError, match="has no worker") as caught,
    ):
        cluster_of(world, address)
    assert f"dask worker {address}" in caught.value.hint


def test_without_dask_the_extra_is_named(world: ToyScreen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="Dask, which is not installed") as caught:
        cluster_of(world, "tcp://127.0.0.1:9")
    assert "pip install 'mechpert-al[distributed]'" in caught.value.hint
