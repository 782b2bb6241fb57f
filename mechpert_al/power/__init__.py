"""Power analysis: what a design is worth, planned in virtual labs before anything is measured."""

from mechpert_al.power.analysis import Fitted, fitted, power
from mechpert_al.power.bench import AgentQuality
from mechpert_al.power.planned import Check, planned_against_met
from mechpert_al.power.result import Power

__all__ = [
    "AgentQuality",
    "Check",
    "Fitted",
    "Power",
    "fitted",
    "planned_against_met",
    "power",
]
