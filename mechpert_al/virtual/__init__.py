"""The virtual lab: simulated genes, responses, agents and literature, for checking and planning."""

from mechpert_al.virtual.agents import AgentTraits
from mechpert_al.virtual.fitting import LabFit, fit_lab
from mechpert_al.virtual.lab import VirtualLab
from mechpert_al.virtual.oracle import Oracle, build_oracle, by_number, oracle_names
from mechpert_al.virtual.responses import ResponseModel, Responses

__all__ = [
    "AgentTraits",
    "LabFit",
    "Oracle",
    "ResponseModel",
    "Responses",
    "VirtualLab",
    "build_oracle",
    "by_number",
    "fit_lab",
    "oracle_names",
]
