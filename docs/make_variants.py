"""Variants of the consensus kernel and the predictor, judged where choices may be made.

Run, with MECHPERT_AL_DATA set: python docs/make_variants.py OUT.json

Every variant chooses its own anchors by expected coverage on its own kernel. Test genes are the
development genes of K562 only, so the reserved genes and RPE1 stay untouched by the choice.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from mechpert_al.consensus import Knowledge, diffusion_kernel
from mechpert_al.consensus.kernel import unit_diagonal
from mechpert_al.design.greedy import greedy
from mechpert_al.design.objectives import ExpectedCoverage
from mechpert_al.evaluation.compare import judged
from mechpert_al.evaluation.inputs import find_loop, load_inputs
from mechpert_al.evaluation.metrics import PRIMARY, Judge
from mechpert_al.evaluation.screen import splits
from mechpert_al.evaluation.statistics import CrossedBootstrap, interval
from mechpert_al.prediction import KrigingRegressor

BUDGETS = (20, 50, 100)
N_SPLITS = 16
SEED = 100


def kernels(known: Knowledge) -> dict[str, np.ndarray]:
    """The default kernel and its variants."""
    layers = [layer.toarray() for layer in known.consensus.layers.values()]
    links = known.consensus.symmetric.toarray()
    similar = known.similarity_network.symmetric.toarray()
    positive = np.maximum(links, 0)
    shared = positive @ positive
    sizes = np.sqrt(np.outer(np.diag(shared), np.diag(shared)))
    shared = np.where(sizes > 0, shared / np.where(sizes > 0, sizes, 1), 0)
    np.fill_diagonal(shared, 0)

    def powered(power: float) -> np.ndarray:
        weights = sum(np.sign(layer) * np.abs(layer) ** power for layer in layers) / len(layers)
        return diffusion_kernel((weights + weights.T) / 2)

    single = sum(diffusion_kernel((layer + layer.T) / 2) for layer in layers)
    return {
        "default": known.kernel,
        "confidences to the power 1.5": powered(1.5),
        "confidences squared": powered(2.0),
        "α = 0.9": diffusion_kernel(links, 0.9),
        "α = 0.95": diffusion_kernel(links, 0.95),
        "α = 0.99": diffusion_kernel(links, 0.99),
        "mean of two reaches (α = 0.8, 0.98)": unit_diagonal(
            known.kernel + diffusion_kernel(links, 0.8)
        ),
        "mean of the agents' own kernels and the consensus": unit_diagonal(
            single + len(layers) * known.kernel
        ),
        "the similarity agent as a fourth voter": diffusion_kernel(0.75 * links + 0.25 * similar),
        "shared neighbours as further links": diffusion_kernel(links + 0.1 * shared),
    }


def predictors(known: Knowledge) -> dict[str, KrigingRegressor]:
    """Variants of the predictor on the default kernel."""
    return {
        "σ² = 0.5": KrigingRegressor(known.kernel, noise=0.5),
        "σ² = 2": KrigingRegressor(known.kernel, noise=2.0),
        "λ = 1": KrigingRegressor(known.kernel, wiener=1.0),
        "λ = 4": KrigingRegressor(known.kernel, wiener=4.0),
        "no Wiener step": KrigingRegressor(known.kernel, wiener=None),
    }


def main() -> None:
    """Score every variant and write the paired differences from the default."""
    loop, path = find_loop("k562")
    loaded = load_inputs(loop, path)
    (screen,), known = judged(loaded.judges, loaded.knowledge, None)
    models = {name: KrigingRegressor(kernel) for name, kernel in kernels(known).items()}
    models |= predictors(known)
    scores: dict[tuple[str, int], np.ndarray] = {}
    for split in splits(screen, N_SPLITS, 0.4, SEED, "development"):
        judge = Judge(screen, split)
        for name, model in models.items():
            picks = np.array(greedy(ExpectedCoverage(model.kernel), split.pool, 100).picks)
            found = judge.score([judge.predict(model, picks[:n]) for n in BUDGETS])
            for n, one in zip(BUDGETS, found, strict=True):
                table = scores.setdefault((name, n), np.full((N_SPLITS, known.n_genes), np.nan))
                table[split.number, split.test] = one[PRIMARY]
    bootstrap = CrossedBootstrap.draw(N_SPLITS, known.n_genes, SEED)
    rows = []
    for (name, n), table in scores.items():
        default = scores["default", n]
        gain = interval(
            float(np.nanmean(table) - np.nanmean(default)),
            bootstrap.means(table) - bootstrap.means(default),
        )
        row = {"variant": name, "budget": n, "mean": float(np.nanmean(table))}
        rows.append({**row, "value": gain.value, "low": gain.low, "high": gain.high})
    Path(sys.argv[1]).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
