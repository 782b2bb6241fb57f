"""Prior networks: reading them, and how central each gene is."""

from __future__ import annotations

from mechpert_al.networks.centralities import MEASURES, centrality
from mechpert_al.networks.prior import PriorNetwork
from mechpert_al.networks.reading import names_in, read_network

__all__ = ["MEASURES", "PriorNetwork", "centrality", "names_in", "read_network"]
