"""How long the main job takes: help, plan, compare; and what was saved against plainer ways.

Run: python benchmarks/main_job.py [--splits 6]   (needs MECHPERT_AL_DATA)

Prints one table: seconds and peak memory of whole commands, then ratios measured in this run:
centralities against networkx alone, rank-one greedy against recomputing coverage for every
candidate, and scoring in the reduced space against whole profiles.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

COMMAND = [sys.executable, "-m", "mechpert_al"]


def run_command(arguments: list[str], cache: Path) -> tuple[float, float]:
    """Wall seconds and peak memory (GB, largest single process) of one command."""
    environment = {**os.environ, "MECHPERT_AL_CACHE": str(cache)}
    with tempfile.TemporaryFile() as talk:
        start = time.perf_counter()
        subprocess.run(
            [*COMMAND, *arguments], check=True, stdout=talk, stderr=talk, env=environment
        )
        seconds = time.perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6


def timed(call: Callable[[], object]) -> float:
    """Wall seconds of a call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def commands(splits: int) -> None:
    """Whole commands from the shell, with a cold and a warm cache."""
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        compare = ["compare", "k562", "--splits", str(splits), "--jobs", "2", "--json"]
        rows = [
            ("--help", ["--help"]),
            ("plan 50 of 585, cold cache", ["plan", "--panel", "essential585", "-n", "50"]),
            ("plan 50 of 585", ["plan", "--panel", "essential585", "-n", "50"]),
            (f"compare k562, {splits} splits, cold centralities", compare),
            (f"compare k562, {splits} splits, warm", compare),
        ]
        for name, arguments in rows:
            seconds, memory = run_command(arguments, cache)
            print(f"{name:48s} {seconds:8.2f} s   peak so far {memory:5.2f} GB", flush=True)


def peers() -> None:
    """Ratios against plainer ways to the same numbers, in this process."""
    import networkx as nx

    from mechpert_al.consensus import coverage
    from mechpert_al.design.greedy import greedy
    from mechpert_al.design.objectives import ExpectedCoverage
    from mechpert_al.evaluation.compare import judged
    from mechpert_al.evaluation.inputs import find_loop, load_inputs
    from mechpert_al.evaluation.metrics import Judge
    from mechpert_al.evaluation.screen import splits
    from mechpert_al.networks import centrality
    from mechpert_al.prediction import KrigingRegressor

    loop, path = find_loop("k562")
    loaded = load_inputs(loop, path)
    screens, knowledge = judged(loaded.judges, loaded.knowledge, None)
    screen = screens[0]
    split = next(splits(screen, 1, 0.4, 0))

    pool = knowledge.prior_network.subnetwork([knowledge.genes[i] for i in split.pool])
    links = pool.adjacency.tocoo()
    graph = nx.Graph(zip(links.row.tolist(), links.col.tolist(), strict=True))
    ours = timed(lambda: centrality(pool, "betweenness", cache=False))
    plain = timed(lambda: nx.betweenness_centrality(graph))
    print(f"betweenness of the pool's network: networkx takes {plain / ours:.0f} × as long")

    kernel = knowledge.kernel

    def dense() -> list[int]:
        picks: list[int] = []
        for _ in range(10):
            left = [c for c in split.pool if c not in picks]
            sums = [coverage(kernel, np.array([*picks, c])).sum() for c in left]
            picks.append(int(left[int(np.argmax(sums))]))
        return picks

    fast: list[int] = []
    ours = timed(lambda: fast.extend(greedy(ExpectedCoverage(kernel), split.pool, 10).picks))
    slow: list[int] = []
    plain = timed(lambda: slow.extend(dense()))
    print(
        f"greedy, 10 of {len(split.pool)}: recomputing every coverage takes {plain / ours:.0f} × "
        f"as long, same picks: {fast == slow}"
    )

    judge = Judge(screen, split)
    anchors = split.pool[:50]
    _ = judge._reduced
    ours = timed(lambda: judge.score([judge.predict(KrigingRegressor(kernel), anchors)]))
    whole = KrigingRegressor(kernel)
    whole.is_rotation_equivariant = False  # type: ignore[misc] - forces whole profiles
    judge.predict(whole, anchors)
    _ = judge._whole
    plain = timed(lambda: judge.score([judge.predict(whole, anchors)]))
    print(f"predict and score one design: whole profiles take {plain / ours:.0f} × as long")


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=6)
    parser.add_argument("--no-commands", action="store_true")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    if not options.no_commands:
        commands(options.splits)
    peers()


if __name__ == "__main__":
    main()
