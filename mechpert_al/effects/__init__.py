"""Measurements: the effect table, the files it lives in, and the way from counts to effects."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mechpert_al.effects.conversion import ConversionReport, convert
    from mechpert_al.effects.correlation import profile_correlation
    from mechpert_al.effects.files import (
        from_anndata,
        read_effects,
        read_with_report,
        to_anndata,
        write_effects,
    )
    from mechpert_al.effects.table import EffectTable

_HOMES = {
    "ConversionReport": "conversion",
    "convert": "conversion",
    "EffectTable": "table",
    "profile_correlation": "correlation",
    "read_effects": "files",
    "read_with_report": "files",
    "write_effects": "files",
    "from_anndata": "files",
    "to_anndata": "files",
}

__all__ = [
    "ConversionReport",
    "EffectTable",
    "convert",
    "from_anndata",
    "profile_correlation",
    "read_effects",
    "read_with_report",
    "to_anndata",
    "write_effects",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
