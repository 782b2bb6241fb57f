"""mechpert-al: which genes to perturb next, from the consensus of independent agents.

Names below are loaded when first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "read_effects": "mechpert_al.effects",
    "write_effects": "mechpert_al.effects",
    "EffectTable": "mechpert_al.effects",
    "read_panel": "mechpert_al.agents",
    "Panel": "mechpert_al.agents",
    "ask": "mechpert_al.agents.live",
    "read_network": "mechpert_al.networks",
    "ConsensusNetwork": "mechpert_al.consensus",
    "Knowledge": "mechpert_al.consensus",
    "Constraints": "mechpert_al.design",
    "plan": "mechpert_al.design",
    "predict": "mechpert_al.prediction",
    "compare": "mechpert_al.evaluation",
    "simulate": "mechpert_al.evaluation",
    "Campaign": "mechpert_al.campaign",
    "VirtualLab": "mechpert_al.virtual",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mechpert_al' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
