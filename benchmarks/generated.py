"""Made-up inputs of any size: a panel of agents and a prior network, seeded, as files.

Genes belong to modules (complexes, pathways) of 5 to 40, of which some ten have well-known genes in
common. Of an agent's proposals nine in ten are partners in the module, and others well-known genes
or guesses; so agents agree on about half of their pairs, and the network's modes are as slow as in
the shipped panel of real answers. The prior network has the same modules.
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
    region = start // 350 * 350
    found = []
    for _ in range(n_agents):
        shape = (n, each)
        kind = rng.random(shape)
        near = 1 + np.minimum(rng.geometric(0.2, shape), size[:, None] - 1)
        partners = start[:, None] + (np.arange(n) - start)[:, None] // 2 + near
        partners = start[:, None] + (partners - start[:, None]) % size[:, None]
        known = np.minimum(region[:, None] + rng.geometric(0.1, shape) * 7 % 350, n - 1)
        regulators = np.where(kind < 0.92, partners, known)
        regulators = np.where(kind > 0.97, rng.integers(0, n, shape), regulators)
        regulators = distinct(regulators, rng, start, size)
        mean = np.where(kind < 0.92, 5.0, 3.0)
        found.append((regulators, np.round(rng.beta(mean, 3.0), 2)))
    return found


def modules(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """First gene and size of the module of each gene."""
    sizes = rng.integers(5, 41, n)
    ends = np.cumsum(sizes)
    of = np.searchsorted(ends, np.arange(n), side="right")
    start = np.concatenate([[0], ends])[of]
    return start, np.minimum(sizes[of], n - start)


def distinct(
    regulators: np.ndarray, rng: np.random.Generator, start: np.ndarray, size: np.ndarray
) -> np.ndarray:
    """The same with partners, then guesses, for a gene that stands twice or names itself."""
    n, each = regulators.shape
    for target in range(n):
        row = dict.fromkeys(regulators[target].tolist())
        row.pop(target, None)
        module = start[target] + rng.permutation(size[target])
        for other in [*module.tolist(), *rng.integers(0, n, 4 * each).tolist()]:
            if len(row) == each:
                break
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


def write_effects(path: Path, n: int, n_measured: int, n_readouts: int, seed: int = SEED) -> Path:
    """Profiles of some of the same genes, drawn at random."""
    from mechpert_al.effects import EffectTable
    from mechpert_al.effects import write_effects as write

    rng = np.random.default_rng([seed, 2])
    names = genes(n)
    measured = tuple(names[i] for i in sorted(rng.permutation(n)[:n_measured].tolist()))
    values = rng.normal(size=(n_measured, n_readouts)).astype(np.float32)
    write(EffectTable(measured, tuple(names[:n_readouts]), values), path)
    return path
