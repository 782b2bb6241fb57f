"""Made-up inputs of any size: a panel of agents and a prior network, seeded, as files.

Genes belong to modules (complexes, pathways) of 5 to 60, and some are named everywhere. Each agent
sees part of it: half of its proposals are partners in the module, a quarter well-known genes, and
the rest guesses. The prior network has the same modules and hubs.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

SEED = 20_260_202
ROLES = ("regulation", "complex", "response", "pathway")


def genes(n: int) -> list[str]:
    """The first n approved symbols, so that names are matched as real ones are."""
    from mechpert_al.symbols import SymbolTable

    approved = sorted(SymbolTable.default().approved)
    return [approved[i * len(approved) // n] for i in range(n)]


def proposals(
    n: int, n_agents: int = 4, each: int = 8, seed: int = SEED
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each agent the regulators of every target and its confidences, shape (n, each)."""
    rng = np.random.default_rng(seed)
    start, size = modules(n, rng)
    fame = rng.permutation(1 / np.arange(1, n + 1) ** 0.8)
    ladder = np.cumsum(fame / fame.sum())
    found = []
    for _ in range(n_agents):
        shape = (n, each)
        partners = start[:, None] + rng.integers(0, size[:, None], shape)
        known = np.minimum(np.searchsorted(ladder, rng.random(shape)), n - 1)
        kind = rng.random(shape)
        regulators = np.where(kind < 0.5, partners, known)
        regulators = np.where(kind > 0.75, rng.integers(0, n, shape), regulators)
        regulators = distinct(regulators, rng)
        mean = np.where(kind < 0.5, 5.0, 3.0)
        found.append((regulators, np.round(rng.beta(mean, 3.0), 2)))
    return found


def modules(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """First gene and size of the module of each gene."""
    sizes = rng.integers(5, 61, n)
    ends = np.cumsum(sizes)
    of = np.searchsorted(ends, np.arange(n), side="right")
    start = np.concatenate([[0], ends])[of]
    return start, np.minimum(sizes[of], n - start)


def distinct(regulators: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same without a gene that stands twice in a row, or names itself."""
    n, each = regulators.shape
    for target in range(n):
        row = dict.fromkeys(regulators[target].tolist())
        row.pop(target, None)
        while len(row) < each:
            other = int(rng.integers(n))
            if other != target:
                row[other] = None
        regulators[target] = list(row)
    return regulators


def write_panel(folder: Path, n: int, n_agents: int = 4, each: int = 8, seed: int = SEED) -> Path:
    """A panel folder of n candidates that every agent answered."""
    folder.mkdir(parents=True, exist_ok=True)
    names = genes(n)
    agents = {}
    for number, (regulators, sure) in enumerate(proposals(n, n_agents, each, seed)):
        agent = ROLES[number] if number < len(ROLES) else f"agent{number}"
        agents[agent] = {"role": "mechanism", "file": f"{agent}.jsonl", "lens": agent}
        with (folder / f"{agent}.jsonl").open("w") as file:
            for target in range(n):
                said = [
                    {
                        "gene": names[regulator],
                        "direction": 1,
                        "confidence": confidence,
                        "mechanism": f"{names[regulator]} acts with {names[target]}",
                    }
                    for regulator, confidence in zip(
                        regulators[target].tolist(), sure[target].tolist(), strict=True
                    )
                ]
                line = {"agent": agent, "target": names[target], "regulators": said}
                file.write(json.dumps(line) + "\n")
    about = {
        "name": f"generated{n}",
        "format": "mechpert-al panel 1",
        "agents": agents,
        "candidates": names,
    }
    (folder / "panel.json").write_text(json.dumps(about))
    return folder


def write_network(path: Path, n: int, n_edges: int, seed: int = SEED) -> Path:
    """A network of about n_edges distinct links between the same genes, as a table."""
    rng = np.random.default_rng([seed, 1])
    start, size = modules(n, np.random.default_rng(seed))
    one = rng.integers(0, n, 2 * n_edges)
    near = start[one] + rng.integers(0, size[one])
    other = np.where(rng.random(2 * n_edges) < 0.5, near, rng.integers(0, n, 2 * n_edges))
    pairs = np.unique(np.sort(np.column_stack([one, other])[one != other], axis=1), axis=0)
    pairs = rng.permutation(pairs)[:n_edges]
    names = genes(n)
    rows = [f"{names[a]}\t{names[b]}\n" for a, b in pairs.tolist()]
    path.write_text("gene1\tgene2\n" + "".join(rows))
    return path
