"""Learning: what measured anchors say of the agents and of the other sources."""

from mechpert_al.learning.adaptive import AdaptiveKriging, learned
from mechpert_al.learning.mixture import Mixture, learn_mixture
from mechpert_al.learning.reliability import Reliability, reliability

__all__ = [
    "AdaptiveKriging",
    "Mixture",
    "Reliability",
    "learn_mixture",
    "learned",
    "reliability",
]
