"""Panels made worse on purpose: what becomes of a method when its agents are bad.

Each kind spoils every agent alike, the similarity agent too, and draws anew for every seed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import sparse

from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.consensus.network import ConsensusNetwork
from mechpert_al.design.strategy import random_generator
from mechpert_al.errors import UsageError

KINDS = ("random", "shuffled", "permuted", "one_random", "one_inverted", "one_copied")


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
    spoiled = layer.copy()
    is_replaced = generator.random(len(layer.data)) < share
    for target, (start, end) in enumerate(itertools.pairwise(layer.indptr)):
        replaced = is_replaced[start:end]
        kept = layer.indices[start:end][~replaced]
        is_free = np.ones(layer.shape[1], dtype=bool)
        is_free[[target, *kept]] = False
        drawn = generator.choice(np.flatnonzero(is_free), int(replaced.sum()), replace=False)
        spoiled.indices[start:end][replaced] = drawn
    spoiled.has_sorted_indices = False
    spoiled.sort_indices()
    return spoiled


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
    name = check_kind(kind)
    voters = list(knowledge.consensus.layers)
    chosen = voters[seed % len(voters)]
    layers = dict(knowledge.consensus.layers)
    if knowledge.similarity is not None:
        layers.update(knowledge.similarity.layers)
    draw = random_generator(seed, "degraded", kind)
    if name == "permuted":
        order = draw.permutation(knowledge.n_genes)
        return _changed(knowledge, lambda network: network.relabelled(order))
    if name == "random":
        share = float(kind.partition(":")[2])
        spoiled = {one: random_proposals(layer, share, draw) for one, layer in layers.items()}
    elif name == "shuffled":
        spoiled = {one: shuffled_confidences(layer, draw) for one, layer in layers.items()}
    elif name == "one_random":
        spoiled = {chosen: random_proposals(layers[chosen], 1.0, draw)}
    elif name == "one_inverted":
        spoiled = {chosen: sparse.csr_array(-layers[chosen])}
    else:
        spoiled = {voter: layers[chosen] for voter in voters}
    return _spoiled(knowledge, spoiled)


def check_kind(kind: str) -> str:
    """The first part of a kind of degradation, if there is such a kind.

    Raises
    ------
    UsageError
        An unknown kind, or ``random`` without a share from 0 to 1.
    """
    name, _, share = kind.partition(":")
    if name not in KINDS or (share and name != "random"):
        raise UsageError(
            f"no way {kind!r} to make a panel worse",
            f"Choose random:SHARE or one of {', '.join(KINDS[1:])}.",
        )
    if name == "random":
        try:
            is_share = 0 <= float(share) <= 1
        except ValueError:
            is_share = False
        if not is_share:
            raise UsageError(f"{kind!r} names no share from 0 to 1", "Write random:0.5 for half.")
    return name


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
