"""Panels made worse on purpose: what becomes of a method when its agents are bad.

Each kind spoils every agent alike, the similarity agent too, and draws anew for every seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import sparse

from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.consensus.network import ConsensusNetwork
from mechpert_al.design.strategy import random_generator
from mechpert_al.errors import UsageError

Spoil = Callable[[sparse.csr_array, np.random.Generator], sparse.csr_array]


def random_proposals(
    layer: sparse.csr_array, share: float, generator: np.random.Generator
) -> sparse.csr_array:
    """A share of an agent's proposals name random genes instead, with the same confidence.

    Parameters
    ----------
    layer
        Direction × confidence, shape (n, n), rows = targets.
    share
        Probability of each proposal to be replaced, 0–1.
    generator
        Decides which, and by whom; never by the target itself or a gene that it names already.
    """
    size = layer.shape[0]
    spoiled = sparse.lil_array(layer.shape)
    for target in range(size):
        start, end = layer.indptr[target : target + 2]
        named, values = layer.indices[start:end], layer.data[start:end]
        is_replaced = generator.random(len(named)) < share
        kept = named[~is_replaced]
        free = np.setdiff1d(np.arange(size), [target, *kept])
        drawn = generator.choice(free, min(int(is_replaced.sum()), len(free)), replace=False)
        spoiled[target, kept] = values[~is_replaced]
        spoiled[target, drawn] = values[is_replaced][: len(drawn)]
    return sparse.csr_array(spoiled)


def shuffled_confidences(
    layer: sparse.csr_array, generator: np.random.Generator
) -> sparse.csr_array:
    """An agent's proposals with its confidences dealt out anew."""
    dealt = layer.copy()
    dealt.data = generator.permutation(layer.data)
    return dealt


def degraded(knowledge: Knowledge, kind: str, seed: int) -> Knowledge:
    """The knowledge with a worse panel.

    Parameters
    ----------
    knowledge
        With a good one.
    kind
        ``random:SHARE`` (that share of all proposals names random genes), ``shuffled`` (confidences
        dealt out anew within each agent), ``permuted`` (gene names permuted: coherent nonsense), or
        one voter only, chosen by the seed: ``one_random``, ``one_inverted`` (directions reversed in
        sign), ``one_copied`` (every voter says what that one says).
    seed
        Decides what is drawn.

    Raises
    ------
    UsageError
        An unknown kind.
    """
    name, _, share = kind.partition(":")
    voters = list(knowledge.consensus.layers)
    chosen = voters[seed % len(voters)]
    draw = random_generator(seed, "degraded", kind)
    if name == "permuted":
        order = random_generator(seed, "degraded", kind).permutation(knowledge.n_genes)
        return _changed(knowledge, lambda network: network.relabelled(order))
    if name == "one_copied":
        layer = knowledge.consensus.layers[chosen]
        return _spoiled(knowledge, {voter: layer for voter in voters})
    alone = {
        "one_random": lambda layer: random_proposals(layer, 1.0, draw),
        "one_inverted": lambda layer: sparse.csr_array(-layer),
    }
    if name in alone:
        return _spoiled(knowledge, {chosen: alone[name](knowledge.consensus.layers[chosen])})
    everyone = {
        "random": lambda layer: random_proposals(layer, _share(kind, share), draw),
        "shuffled": lambda layer: shuffled_confidences(layer, draw),
    }
    if name not in everyone:
        raise UsageError(
            f"no way {kind!r} to make a panel worse",
            "Choose random:SHARE, shuffled, permuted, one_random, one_inverted or one_copied.",
        )
    layers = dict(knowledge.consensus.layers)
    if knowledge.similarity is not None:
        layers.update(knowledge.similarity.layers)
    return _spoiled(knowledge, {agent: everyone[name](layer) for agent, layer in layers.items()})


def _share(kind: str, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"{kind!r} names no share", "Write random:0.5 for one half.")
    return share


def _spoiled(knowledge: Knowledge, layers: dict[str, sparse.csr_array]) -> Knowledge:
    """The knowledge with some agents' layers replaced, wherever they stand."""

    def changed(network: ConsensusNetwork) -> ConsensusNetwork:
        own = {name: layers.get(name, layer) for name, layer in network.layers.items()}
        return replace(network, layers=own, hypotheses=None)

    return _changed(knowledge, changed)


def _changed(
    knowledge: Knowledge, change: Callable[[ConsensusNetwork], ConsensusNetwork]
) -> Knowledge:
    return replace(
        knowledge,
        consensus=change(knowledge.consensus),
        similarity=None if knowledge.similarity is None else change(knowledge.similarity),
        agents={name: change(network) for name, network in knowledge.agents.items()},
    )
