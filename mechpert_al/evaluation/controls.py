"""Controls that must fail: the same machinery with its meaning taken out.

If a method does as well with permuted gene names as with the real ones, what it shows is not
knowledge. A control that does not fail is reported as such.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.consensus.network import ConsensusNetwork
from mechpert_al.design.greedy import Selection
from mechpert_al.design.strategy import DesignState, Strategy, build_strategy, random_generator
from mechpert_al.effects.align import align
from mechpert_al.evaluation.protocol import Protocol
from mechpert_al.evaluation.screen import Split
from mechpert_al.prediction.base import ProfileRegressor
from mechpert_al.prediction.catalogue import build_predictor, default_predictor
from mechpert_al.prediction.kriging import KrigingRegressor
from mechpert_al.prediction.neighbours import NeighbourRegressor

PREFIX = "control:"


@dataclass(frozen=True, eq=False)
class Control:
    """One entry of the grid with something permuted.

    ``strategy_name`` and ``predictor_name`` are how it is listed: the one that is spoiled carries
    the prefix ``control:``.
    """

    strategy_name: str
    predictor_name: str
    strategy: Strategy
    predictor: ProfileRegressor
    knowledge: Knowledge


class PermutedWiener(KrigingRegressor):
    """Kriging whose measured correlations belong to the wrong anchors."""

    def __init__(self, kernel: np.ndarray, seed: int = 0) -> None:
        super().__init__(kernel)
        self.seed = seed

    def _anchor_correlation(self, known: np.ndarray) -> np.ndarray | None:
        correlation = super()._anchor_correlation(known)
        if correlation is None:
            return None
        order = random_generator(self.seed, "permuted Wiener").permutation(len(correlation))
        return correlation[np.ix_(order, order)]


class PermutedFeedback(KrigingRegressor):
    """Kriging that is told the right profiles under the wrong names."""

    def __init__(self, kernel: np.ndarray, seed: int = 0) -> None:
        super().__init__(kernel)
        self.seed = seed

    def fit(self, X: Any, y: Any) -> PermutedFeedback:
        """Take the measured profiles, each under the name of another anchor."""
        order = random_generator(self.seed, "permuted feedback").permutation(len(y))
        super().fit(X, np.asarray(y)[order])
        return self


class PermutedMeasurements(Strategy):
    """A strategy that learns, told the right profiles under the wrong names.

    Parameters
    ----------
    strategy
        The one that learns.
    seed
        Of the permutation, which is another in every round.
    """

    learns = True

    def __init__(self, strategy: Strategy, seed: int = 0) -> None:
        self.strategy = strategy
        self.seed = seed

    def select(self, state: DesignState, n: int) -> Selection:
        """Its picks from permuted measurements."""
        if state.profiles is not None:
            generator = random_generator(self.seed, "permuted measurements", state.round)
            profiles = state.profiles[generator.permutation(len(state.profiles))]
            state = replace(state, profiles=profiles)
        return self.strategy.select(state, n)


def permuted_panel(knowledge: Knowledge, seed: int) -> Knowledge:
    """The consensus with its gene names permuted."""
    by_name = np.argsort(knowledge.genes)
    order = np.empty_like(by_name)
    order[by_name] = random_generator(seed, "permuted panel").permutation(by_name)
    return knowledge.with_consensus(knowledge.consensus.relabelled(order))


def rewired(knowledge: Knowledge, seed: int) -> Knowledge:
    """The consensus with its links swapped at random, every gene keeping its number of links."""
    import networkx as nx

    by_name = np.argsort(knowledge.genes)  # no order of rows may change what is swapped
    place = np.argsort(by_name)
    symmetric = knowledge.consensus.symmetric[by_name][:, by_name]
    links = sparse.triu(symmetric.maximum(0), k=1).tocoo()
    graph = nx.Graph()
    graph.add_nodes_from(range(knowledge.n_genes))
    graph.add_edges_from(zip(links.row.tolist(), links.col.tolist(), strict=True))
    generator = random_generator(seed, "rewired")
    n_swaps = 5 * graph.number_of_edges()
    # A star, a full graph and the like have no second wiring: they stay as they are.
    with suppress(nx.NetworkXError, nx.NetworkXAlgorithmError):
        nx.double_edge_swap(
            graph, n_swaps, max_tries=100 * n_swaps, seed=int(generator.integers(2**31))
        )
    rows, columns = np.array(sorted(graph.edges), dtype=int).reshape(-1, 2).T
    weights = generator.permutation(links.data)
    half = sparse.csr_array((weights, (rows, columns)), shape=links.shape)
    layer = sparse.csr_array(half + half.T)[place][:, place]
    everyone = np.ones(knowledge.n_genes, dtype=bool)
    network = ConsensusNetwork(knowledge.genes, {"rewired": layer}, {"rewired": everyone})
    return knowledge.with_consensus(network)


def permuted_other_line(knowledge: Knowledge, seed: int) -> Knowledge:
    """Another line whose profiles belong to the wrong genes of those that it measured."""
    effects, line = knowledge.other_line, knowledge.line
    if effects is None or line is None:
        raise ValueError("there are no profiles of another line to permute")
    names = [knowledge.genes[i] for i in line.numbers]
    by_name = np.argsort(names)
    order = np.empty_like(by_name)
    order[by_name] = random_generator(seed, "permuted other line").permutation(by_name)
    ours = align(effects, knowledge.genes).effects
    wrong = ours.renamed({name: names[place] for name, place in zip(names, order, strict=True)})
    return replace(knowledge, other_line=wrong, line=line.relabelled(line.numbers[order]))


def without_line(knowledge: Knowledge) -> Knowledge:
    """The same knowledge, of this line alone."""
    return replace(knowledge, other_line=None, line=None)


def controls_of(protocol: Protocol, knowledge: Knowledge, split: Split) -> list[Control]:
    """The controls of one split, each with its own permutation."""
    seed = protocol.seed * 1_000_003 + split.number
    strategy, predictor = protocol.default_strategy, protocol.default_predictor
    design = build_strategy(strategy)
    found: list[Control] = []
    for name, spoil in (("permuted_panel", permuted_panel), ("rewired", rewired)):
        spoiled = without_line(spoil(knowledge, seed))  # what another line tells is no panel's
        found.append(
            Control(
                PREFIX + name,
                predictor,
                design,
                build_predictor(predictor, knowledge),
                spoiled,
            )
        )
        found.append(
            Control(
                strategy,
                PREFIX + name,
                design,
                build_predictor(
                    predictor if knowledge.other_line is None else default_predictor(spoiled),
                    spoiled,
                ),
                knowledge,
            )
        )
    consensus = knowledge.consensus
    others: dict[str, ProfileRegressor] = {
        PREFIX + "permuted_measured": PermutedWiener(knowledge.kernel, seed),
        PREFIX + "without_measured": KrigingRegressor(knowledge.kernel, wiener=None),
        PREFIX + "permuted_feedback": PermutedFeedback(knowledge.kernel, seed),
        PREFIX + "directed": NeighbourRegressor(
            replace(consensus, orientation="directed").neighbourhoods
        ),
        PREFIX + "reversed": NeighbourRegressor(
            replace(consensus, orientation="reversed").neighbourhoods
        ),
    }
    if knowledge.line is not None:
        alone = without_line(knowledge)
        others[PREFIX + "permuted_other_line"] = build_predictor(
            predictor, permuted_other_line(knowledge, seed)
        )
        others[PREFIX + "without_other_line"] = build_predictor(default_predictor(alone), alone)
    found += [Control(strategy, name, design, one, knowledge) for name, one in others.items()]
    return found
