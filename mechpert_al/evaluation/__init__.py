"""Evaluation: honest comparisons on measurements that no strategy may touch."""

from mechpert_al.evaluation.compare import compare
from mechpert_al.evaluation.comparison import Comparison
from mechpert_al.evaluation.protocol import Protocol
from mechpert_al.evaluation.simulate import Simulation, simulate

__all__ = ["Comparison", "Protocol", "Simulation", "compare", "simulate"]
