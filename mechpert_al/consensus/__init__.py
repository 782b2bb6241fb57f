"""Consensus: many agents' hypotheses become one network, and the network becomes a kernel."""

from mechpert_al.consensus.kernel import coverage, diffusion_kernel
from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.consensus.network import ConsensusNetwork

__all__ = ["ConsensusNetwork", "Knowledge", "coverage", "diffusion_kernel"]
