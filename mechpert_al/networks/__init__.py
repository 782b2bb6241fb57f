"""Prior networks: reading them, and how central each gene is."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mechpert_al.networks.centralities import MEASURES, centrality
from mechpert_al.networks.prior import PriorNetwork

if TYPE_CHECKING:
    from mechpert_al.networks.reading import names_in, read_network

__all__ = ["MEASURES", "PriorNetwork", "centrality", "names_in", "read_network"]


def __getattr__(name: str) -> Any:
    if name not in ("names_in", "read_network"):  # their formats take a moment to import
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.reading"), name)
