"""Files that are there for everybody: shipped examples, and public data sets fetched on demand."""

from mechpert_al.datasets.fetching import fetch, fetched
from mechpert_al.datasets.registry import Dataset, dataset, registry
from mechpert_al.datasets.shipped import (
    DATA_VARIABLE,
    cache_dir,
    resolve,
    shipped_configs,
    shipped_loops,
    shipped_panels,
)

__all__ = [
    "DATA_VARIABLE",
    "Dataset",
    "cache_dir",
    "dataset",
    "fetch",
    "fetched",
    "registry",
    "resolve",
    "shipped_configs",
    "shipped_loops",
    "shipped_panels",
]
