"""A simulated literature network: well-studied genes have many links, whatever they do.

Each gene has a fame, log-normal and independent of its biology, and two genes are linked with odds
in proportion to both. A share ``informativeness`` of the links is drawn among related genes only,
the rest among all.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from mechpert_al.design.strategy import random_generator
from mechpert_al.errors import UsageError
from mechpert_al.networks import PriorNetwork
from mechpert_al.virtual.odds import proportional_odds


def literature_network(
    genes: tuple[str, ...],
    related: np.ndarray,
    *,
    informativeness: float,
    mean_degree: float,
    fame_spread: float,
    seed: int,
    draw: int,
) -> PriorNetwork:
    """A network of links with hubs.

    Parameters
    ----------
    genes
        Their names.
    related
        Which pairs are related, symmetric bool, shape (n_genes, n_genes).
    informativeness
        Share of the links drawn among related pairs, 0 (links say nothing) to 1.
    mean_degree
        Links of a gene, on average.
    fame_spread
        Standard deviation of the logarithm of fame; 0 = no hubs.
    seed, draw
        Randomness is a function of the two.
    """
    n_genes = len(genes)
    if not 0 <= informativeness <= 1:
        raise UsageError(f"informativeness is {informativeness}", "Expected a number from 0 to 1.")
    if not 0 <= mean_degree < n_genes:
        raise UsageError(
            f"a mean degree of {mean_degree} among {n_genes} genes",
            "Expected a number from 0 up to (not including) the number of genes.",
        )
    if not (np.isfinite(fame_spread) and fame_spread >= 0):
        raise UsageError(f"fame_spread is {fame_spread}", "Expected a number from 0.")
    random = random_generator(seed, "literature", draw)
    fame = random.lognormal(0, fame_spread, n_genes)
    attraction = np.triu(np.outer(fame, fame), 1)
    n_links = n_genes * mean_degree / 2
    dice = random.random((2, n_genes, n_genes))
    links = dice[0] < proportional_odds(attraction, (1 - informativeness) * n_links)
    links |= dice[1] < proportional_odds(attraction * related, informativeness * n_links)
    links |= links.T
    return PriorNetwork(
        genes,
        sparse.csr_array(links.astype(np.float64)),
        sources={"simulated": int(links.sum()) // 2},
    )
