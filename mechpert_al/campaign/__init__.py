"""The campaign: batches, deliveries and what follows from them, kept in a folder."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mechpert_al.campaign.campaign import Campaign

__all__ = ["Campaign"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.campaign"), name)
