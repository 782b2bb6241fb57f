"""Agents: who proposes hypotheses, and what they proposed."""

from mechpert_al.agents.panel import Agent, Answer, Hypothesis, Panel, admit, read_panel

__all__ = ["Agent", "Answer", "Hypothesis", "Panel", "admit", "read_panel"]
