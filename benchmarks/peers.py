"""Design and prediction beside the libraries one would take instead, each on the same input.

    python benchmarks/peers.py [--candidates 1000] [--repetitions 3]

Facility location (apricot-select), batches (scikit-activeml, modAL), centralities (igraph,
networkx) and Gaussian-process prediction (scikit-learn), with what the results have in common. The
others come with the extra ``bench``; one that is not installed is left out and named.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from generated import write_network, write_panel
from scipy import sparse
from timing import OURS, Row, compared, machine, table

from mechpert_al.agents import read_panel
from mechpert_al.consensus import Knowledge, coverage
from mechpert_al.design.greedy import greedy
from mechpert_al.design.objectives import (
    ExpectedCoverage,
    FacilityLocation,
    KCentre,
    with_unit_diagonal,
)
from mechpert_al.design.strategies import ProbabilityCover
from mechpert_al.networks import centrality, read_network
from mechpert_al.prediction import KrigingRegressor

#: Module → name as installed.
PEERS = {
    "apricot": "apricot-select",
    "skactiveml": "scikit-activeml",
    "igraph": "igraph",
    "submodlib": "submodlib",
}
PICKS = 100
#: Measured perturbations and readouts of the prediction.
ANCHORS, READOUTS = 200, 2000


def has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def facility_location(known: Knowledge, repetitions: int) -> list[Row]:
    """One network's facility location; all values are by ours."""
    links = known.consensus.symmetric.maximum(0)
    objective = FacilityLocation([sparse.csr_array(links)])
    everything = np.arange(known.n_genes)
    found: dict[str, list[int]] = {}

    def ours() -> None:
        found[OURS] = list(greedy(FacilityLocation([links]), everything, PICKS).picks)

    calls: dict[str, Callable[[], object]] = {OURS: ours}
    similar = sparse.csr_matrix(with_unit_diagonal(sparse.csr_array(links)))
    similar.indices, similar.indptr = (  # as apricot wants them
        part.astype(np.int32) for part in (similar.indices, similar.indptr)
    )
    if has("apricot"):
        from apricot import FacilityLocationSelection

        def apricot(matrix: Any, name: str) -> None:
            chooser = FacilityLocationSelection(PICKS, metric="precomputed", optimizer="lazy")
            found[name] = chooser.fit(matrix).ranking.tolist()

        whole = similar.toarray()
        calls["apricot-select, sparse"] = lambda: apricot(similar, "apricot-select, sparse")
        calls["apricot-select, dense"] = lambda: apricot(whole, "apricot-select, dense")
    for call in calls.values():
        call()  # apricot compiles

    def value(picks: list[int]) -> float:
        run = objective.begin(np.array(picks), everything)
        return float(run.best.sum())

    notes = {
        who: f"value {value(picks) / value(found[OURS]):.6f} of ours"
        for who, picks in found.items()
    }
    return compared(
        f"facility location, {PICKS} picks", f"{known.n_genes} candidates", calls, repetitions,
        {**notes, OURS: ""},
    )  # fmt: skip


def batches(known: Knowledge, repetitions: int) -> list[Row]:
    """Batches by coverage or distance; what each covers is by the consensus kernel."""
    kernel, everything = known.kernel, np.arange(known.n_genes)
    values, vectors = np.linalg.eigh(kernel)
    points = vectors[:, -50:] * np.sqrt(np.maximum(values[-50:], 0))
    found: dict[str, Any] = {}

    def keep(name: str, choose: Callable[[], Any]) -> Callable[[], object]:
        def call() -> None:
            found[name] = np.asarray(choose(), dtype=int)

        return call

    calls = {
        OURS: keep(OURS, lambda: greedy(ExpectedCoverage(kernel), everything, PICKS).picks),
        "mechpert-al, k_centre": keep(
            "mechpert-al, k_centre", lambda: greedy(KCentre(kernel), everything, PICKS).picks
        ),
        "mechpert-al, prob_cover": keep(
            "mechpert-al, prob_cover",
            lambda: (
                greedy(
                    ProbabilityCover().objective(SimpleNamespace(knowledge=known)),
                    everything,
                    PICKS,
                ).picks
            ),
        ),
    }
    if has("skactiveml"):
        from skactiveml.pool import CoreSet, ProbCover, TypiClust
        from skactiveml.utils import MISSING_LABEL

        nothing = np.full(known.n_genes, MISSING_LABEL)
        for strategy in (CoreSet, TypiClust, ProbCover):
            name = f"scikit-activeml, {strategy.__name__}"
            chooser = strategy(random_state=0)
            calls[name] = keep(
                name, lambda one=chooser: one.query(points, nothing, batch_size=PICKS)
            )
    from modAL.batch import ranked_batch

    start = SimpleNamespace(X_training=None, on_transformed=False)
    doubt = 1 - (kernel**2).sum(axis=0) / (kernel**2).sum(axis=0).max()
    calls["modAL, ranked_batch"] = keep(
        "modAL, ranked_batch",
        lambda: ranked_batch(start, points, doubt, PICKS, "euclidean", None)[0],
    )
    rows = compared(f"batch of {PICKS}", f"{known.n_genes} candidates", calls, repetitions)
    best = coverage(kernel, found[OURS]).sum()
    return [
        row._replace(note=f"{coverage(kernel, found[row.who]).sum() / best:.2f} of our coverage")
        for row in rows
    ]


def centralities(known: Knowledge, repetitions: int) -> list[Row]:
    """Betweenness and closeness of the prior network."""
    import networkx as nx

    network = known.prior_network
    links = sparse.triu(network.adjacency).tocoo()
    edges = list(zip(links.row.tolist(), links.col.tolist(), strict=True))
    graph = nx.Graph(edges)
    graph.add_nodes_from(range(network.n_genes))
    on = f"{network.n_genes} genes, {network.n_edges} links"
    rows = []
    for measure in ("betweenness", "closeness"):
        calls: dict[str, Callable[[], object]] = {
            OURS: lambda m=measure: centrality(network, m, cache=False)
        }
        if has("igraph"):
            import igraph

            other = igraph.Graph(n=network.n_genes, edges=edges)
            calls["igraph"] = getattr(other, measure)
        calls["networkx"] = lambda m=measure: getattr(nx, f"{m}_centrality")(graph)
        rows += compared(measure, on, calls, repetitions)
    return rows


def prediction(known: Knowledge, repetitions: int) -> list[Row]:
    """Kriging without its Wiener step, which is plain Gaussian-process regression."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Kernel

    kernel = known.kernel

    class Given(Kernel):
        """A kernel that is known, by numbers of candidates."""

        def __init__(self) -> None:  # scikit-learn looks for one
            pass

        def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
            one, other = (np.asarray(z, dtype=int).ravel() for z in (X, X if Y is None else Y))
            return kernel[np.ix_(one, other)]

        def diag(self, X: Any) -> Any:
            return kernel.diagonal()[np.asarray(X, dtype=int).ravel()]

        def is_stationary(self) -> bool:
            return False

    random = np.random.default_rng(0)
    anchors = random.permutation(known.n_genes)[:ANCHORS][:, None]
    profiles = random.normal(size=(ANCHORS, READOUTS))
    profiles -= profiles.mean(axis=0)
    profiles /= np.linalg.norm(profiles, axis=1, keepdims=True)
    targets = np.arange(known.n_genes)[:, None]
    found = {}

    def ours() -> None:
        model = KrigingRegressor(kernel, wiener=None).fit(anchors, profiles)
        found[OURS] = model.deviation(targets) / model.scale_

    def theirs() -> None:
        model = GaussianProcessRegressor(Given(), alpha=1.0, optimizer=None)
        found["scikit-learn"] = model.fit(anchors, profiles).predict(targets)

    rows = compared(
        "Gaussian-process prediction",
        f"{ANCHORS} anchors, {known.n_genes} targets, {READOUTS} readouts",
        {OURS: ours, "scikit-learn": theirs},
        repetitions,
    )
    one, other = (found[who] / np.linalg.norm(found[who]) for who in (OURS, "scikit-learn"))
    note = f"same up to scale within {np.abs(one - other).max():.0e}"
    return [rows[0], rows[1]._replace(note=note)]


def rows(n_candidates: int = 1000, repetitions: int = 3) -> list[Row]:
    """Everything."""
    with tempfile.TemporaryDirectory() as folder:
        panel = read_panel(write_panel(Path(folder) / "panel", n_candidates))
        network = read_network(
            write_network(Path(folder) / "network.tsv", n_candidates, 5 * n_candidates)
        )
    known = Knowledge.from_panel(panel, network)
    found = facility_location(known, repetitions) + batches(known, repetitions)
    return found + centralities(known, repetitions) + prediction(known, repetitions)


def missing() -> list[str]:
    """Peers that are not installed."""
    return [name for module, name in PEERS.items() if not has(module)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    print(machine())
    print(table(rows(options.candidates, options.repetitions)))
    print("Not installed: " + (", ".join(missing()) or "none"))


if __name__ == "__main__":
    main()
