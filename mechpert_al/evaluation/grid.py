"""The comparison grid: the parts of every split of every screen, computed here or elsewhere.

A task is the random draws of one split of one screen, or all the rest of it. Tasks are independent,
and their results do not depend on how many run at once, where, or in which order.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing

from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.design.strategy import DesignState, Strategy, build_strategy
from mechpert_al.errors import UsageError
from mechpert_al.evaluation.checkpoints import Checkpoints
from mechpert_al.evaluation.fingerprint import program
from mechpert_al.evaluation.protocol import Protocol
from mechpert_al.evaluation.screen import Screen, Split, splits
from mechpert_al.evaluation.split_scores import PARTS, Cell, SplitScores, Task, told_place
from mechpert_al.evaluation.workers import results, results_of_cluster
from mechpert_al.prediction.catalogue import build_predictor


def run_grid(
    screens: Iterable[Screen],
    knowledge: Knowledge,
    protocol: Protocol,
    n_jobs: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
    scheduler: str | None = None,
    kept: Checkpoints | None = None,
) -> list[SplitScores]:
    """All cells of a comparison.

    Parameters
    ----------
    screens
        The judges.
    knowledge
        What strategies and predictors know.
    protocol
        What is compared.
    n_jobs
        Processes.
    progress
        Called with a text, the number of finished tasks and of all tasks.
    scheduler
        Address of a running Dask scheduler, used in place of processes.
    kept
        Finished parts are taken from there, and kept there.
    """
    tasks = [
        Task(screen, split, part)
        for screen in screens
        for split in splits(
            screen, protocol.n_splits, protocol.test_fraction, protocol.seed, protocol.test_genes
        )
        for part in PARTS
    ]
    done: dict[int, SplitScores] = {}

    def finished(number: int, result: SplitScores) -> None:
        done[number] = result
        if progress is not None:
            progress(f"{result.dataset}, split {result.split.number + 1}", len(done), len(tasks))

    if kept is not None:
        for number, task in enumerate(tasks):
            if (result := kept.read(task)) is not None:
                finished(number, result)
        kept.told(len(done), len(tasks))
    left = {number: task for number, task in enumerate(tasks) if number not in done}
    try:
        with closing(_computed(left, knowledge, protocol, n_jobs, scheduler)) as computed:
            for number, result in computed:
                if kept is not None:
                    kept.write(tasks[number], result)
                finished(number, result)
    except BaseException:
        if kept is not None:
            kept.told_interrupted(len(done), len(tasks))
        raise
    in_order = [done[number] for number in range(len(tasks))]
    return sorted(in_order, key=lambda one: (one.dataset, one.split.number))


def _computed(
    tasks: Mapping[int, Task],
    knowledge: Knowledge,
    protocol: Protocol,
    n_jobs: int,
    scheduler: str | None,
) -> Generator[tuple[int, SplitScores]]:
    """Results of tasks with their numbers, in the order in which they are finished."""
    from threadpoolctl import threadpool_limits

    screens = tuple({id(task.screen): task.screen for task in tasks.values()}.values())
    place = {id(screen): number for number, screen in enumerate(screens)}
    parts = [
        (number, place[id(task.screen)], task.split, task.part) for number, task in tasks.items()
    ]
    shared = (None if scheduler is None else program(), protocol, knowledge, screens)
    with threadpool_limits(1, "blas"):  # digits would depend on the number of threads
        if screens:
            warm(knowledge, screens, protocol)
        if scheduler is None or not parts:
            yield from results(_run, shared, parts, n_jobs)
        else:
            yield from results_of_cluster(_run, shared, parts, scheduler)


def _run(
    version: str | None,
    protocol: Protocol,
    knowledge: Knowledge,
    screens: Sequence[Screen],
    number: int,
    place: int,
    split: Split,
    part: str,
) -> tuple[int, SplitScores]:
    """One task, in whatever process; on another machine, by the same program only."""
    from threadpoolctl import threadpool_limits

    if version not in (None, program()):
        raise UsageError(
            "a worker runs another version of mechpert-al or of its libraries: "
            "its numbers might be others",
            "Install the same versions everywhere.",
        )
    with threadpool_limits(1, "blas"):
        return number, PARTS[part](screens[place], split, knowledge, protocol)


def warm(knowledge: Knowledge, screens: Sequence[Screen], protocol: Protocol) -> None:
    """Compute what tasks share once, before they are handed out."""
    for screen in screens:
        if screen.is_complete:
            _ = screen.coordinates
    state = DesignState(knowledge, screens[0].numbers, seed=protocol.seed)
    for name in protocol.designs:
        strategy = build_strategy(name)
        if strategy.group != "diversity" and type(strategy).select is Strategy.select:
            with told_place(Cell(screens[0].name, name, "", 0)):
                strategy.objective(state)
    for name in protocol.predictors:
        build_predictor(name, knowledge)
