"""Finished parts of a comparison kept on disk, so that an interrupted one goes on where it was.

A part is one split of one screen: its random draws, or all the rest. Its file is named by a hash
of everything that its numbers follow from (settings, measurements, knowledge, program), so that a
changed question finds nothing of an old one. Files hold plain arrays and JSON, never pickles.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from mechpert_al import atomic
from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.evaluation.fingerprint import fingerprint, plugins, program
from mechpert_al.evaluation.metrics import METRICS
from mechpert_al.evaluation.protocol import Protocol
from mechpert_al.evaluation.split_scores import Cell, SplitScores, Task

FORMAT = "mechpert-al compared part 1"
Scores = dict[Cell, dict[str, np.ndarray]]
#: What reading a damaged file may raise.
DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, RuntimeError)


class Checkpoints:
    """The kept parts of one comparison.

    Parameters
    ----------
    folder
        Where they lie; made when the first one is finished.
    knowledge, protocol
        What is compared.
    say
        Told of damaged files, and of what was taken over and kept.
    """

    def __init__(
        self,
        folder: Path,
        knowledge: Knowledge,
        protocol: Protocol,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.folder = folder
        self.say = say
        settings = asdict(protocol)
        del settings["n_splits"]  # a split does not depend on how many there are
        self._question = fingerprint(
            [FORMAT, settings, knowledge, program(), plugins(protocol, knowledge)]
        )

    def path(self, task: Task) -> Path:
        """Where the result of a task is kept."""
        screen, split = task.screen, task.split
        measured = [screen.name, screen.genes, screen.numbers, screen.effects.content_hash]
        key = fingerprint(
            [self._question, *measured, task.part, split.number, split.pool, split.test]
        )
        return self.folder / f"{key}.npz"

    def read(self, task: Task) -> SplitScores | None:
        """The kept result of a task; None if there is none, or (said) only a damaged one."""
        path = self.path(task)
        if not path.exists():
            return None
        try:
            return _unpacked(path.read_bytes(), task)
        except (*DAMAGE, zipfile.BadZipFile, zlib.error) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            self.say(f"Note: {path} is damaged ({reason}): its part is computed again")
            return None

    def write(self, task: Task, result: SplitScores) -> None:
        """Keep the result of a task."""
        atomic.write_bytes(self.path(task), _packed(result))

    def told(self, n_taken: int, n_all: int) -> None:
        """Say how many parts were taken over."""
        if n_taken:
            self.say(
                f"Took over {n_taken} of {n_all} parts that were finished before ({self.folder})."
            )

    def told_interrupted(self, n_done: int, n_all: int) -> None:
        """Say what is kept when a comparison ends early."""
        if n_done:
            self.say(
                f"{n_done} of {n_all} parts are finished and kept in {self.folder}: the same "
                "command goes on from there."
            )


# ---------------------------------------------------------------------- one part as a file
def _packed(result: SplitScores) -> bytes:
    """A result as the bytes of an .npz file."""
    about = {
        "format": FORMAT,
        "dataset": result.dataset,
        "split": result.split.number,
        "cells": _listed(result.scores),
        "random_cells": _listed(result.random_means),
        "notices": sorted(result.notices),
    }
    content = io.BytesIO()
    np.savez_compressed(
        content,
        about=np.frombuffer(json.dumps(about).encode(), dtype=np.uint8),
        scores=_stacked(result.scores, len(result.split.test)),
        random_means=_stacked(result.random_means, 0),
    )
    return content.getvalue()


def _listed(scores: Scores) -> list[tuple[Any, ...]]:
    """Cells, each with its metrics in their order."""
    return [(*cell, list(metrics)) for cell, metrics in scores.items()]


def _stacked(scores: Scores, n_each: int) -> np.ndarray:
    """Numbers of some cells, float64, shape (n_cells, n_metrics, n)."""
    if not scores:
        return np.zeros((0, len(METRICS), n_each))
    return np.array([list(metrics.values()) for metrics in scores.values()], dtype=np.float64)


def _unpacked(content: bytes, task: Task) -> SplitScores:
    """The result that the bytes of a file hold.

    Raises
    ------
    ValueError, KeyError, …
        See `DAMAGE`.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        about = json.loads(file["about"].tobytes())
        scores, means = file["scores"], file["random_means"]
    genes = tuple(task.screen.genes[i] for i in task.split.test)
    here = (FORMAT, task.screen.name, task.split.number)
    if (about["format"], about["dataset"], about["split"]) != here:
        raise ValueError("it is a part of something else")
    if scores.dtype != np.float64 or means.dtype != np.float64 or scores.shape[2] != len(genes):
        raise ValueError("its numbers are not of the form they were written in")
    return SplitScores(
        task.screen.name,
        task.split,
        genes,
        _by_cell(about["cells"], scores),
        _by_cell(about["random_cells"], means),
        set(map(str, about["notices"])),
    )


def _by_cell(cells: Sequence[Sequence[Any]], numbers: np.ndarray) -> Scores:
    found = {}
    for (*cell, metrics), rows in zip(cells, numbers, strict=True):
        if sorted(metrics) != sorted(METRICS):
            raise ValueError(f"it has other metrics: {metrics}")
        found[Cell(*cell)] = dict(zip(metrics, rows, strict=True))
    return found
