"""How long the main job takes: help, plan, compare; and what was saved against plainer ways.

Run: python benchmarks/main_job.py [--splits 6]   (needs MECHPERT_AL_DATA)

Prints one table: whole commands, then centralities against networkx alone, rank-one greedy against
recomputing coverage for every candidate, and scoring in the reduced space against whole profiles.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from timing import OURS, Row, command, compared, machine, table

#: Picks of the comparison with recomputing every coverage.
N_PICKS = 10


def commands(n_splits: int) -> list[Row]:
    """The main job from the shell, with nothing kept from before and again."""
    compare = ["compare", "k562", "--splits", str(n_splits), "--jobs", "2", "--json"]
    with tempfile.TemporaryDirectory() as folder:
        return [
            command(
                f"mechpert-al compare k562, {n_splits} splits", "K562, 2 jobs", compare,
                note=note, cache=Path(folder),
            )
            for note in ("centralities computed", "centralities kept")
        ]  # fmt: skip


def peers() -> list[Row]:
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
    found = compared(
        "betweenness of the pool",
        f"K562, {len(split.pool)} candidates",
        {
            OURS: lambda: centrality(pool, "betweenness", cache=False),
            "networkx": lambda: nx.betweenness_centrality(graph),
        },
        1,
    )
    kernel = knowledge.kernel
    picks: dict[str, list[int]] = {}

    def fast() -> None:
        picks["fast"] = list(greedy(ExpectedCoverage(kernel), split.pool, N_PICKS).picks)

    def dense() -> None:
        chosen: list[int] = []
        for _ in range(N_PICKS):
            left = [c for c in split.pool if c not in chosen]
            sums = [coverage(kernel, np.array([*chosen, c])).sum() for c in left]
            chosen.append(int(left[int(np.argmax(sums))]))
        picks["dense"] = chosen

    calls = {OURS: fast, "every coverage anew": dense}
    rows = compared(f"greedy, {N_PICKS} picks", found[0].on, calls, 1)
    same = "same picks" if picks["fast"] == picks["dense"] else "OTHER PICKS"
    found += [rows[0], rows[1]._replace(note=same)]

    judge = Judge(screen, split)
    anchors = split.pool[:50]
    whole = KrigingRegressor(kernel)
    whole.is_rotation_equivariant = False  # type: ignore[misc] - forces whole profiles
    calls = {
        OURS: lambda: judge.score([judge.predict(KrigingRegressor(kernel), anchors)]),
        "whole profiles": lambda: judge.score([judge.predict(whole, anchors)]),
    }
    for call in calls.values():
        call()  # what is computed once
    return found + compared("predict and score a design", "K562, 50 anchors", calls, 3)


def rows(n_splits: int = 6) -> list[Row]:
    """Commands, then ratios against plainer ways."""
    return [*commands(n_splits), *peers()]


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=6)
    options = parser.parse_args()
    print(machine())
    print(table(rows(options.splits)))


if __name__ == "__main__":
    main()
