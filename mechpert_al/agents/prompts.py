"""What an agent is told: pure functions from a description to messages.

Order is money here. A server re-uses what it has read of the previous prompt up to the first token
that differs, so what is common to most comes first: what all agents share (the experiment, the
candidates, the rules), then what all targets of an agent share (its lens), and the target last.
Each agent is asked alone: no message ever holds another agent's answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from mechpert_al.agents.description import LiveAgent
from mechpert_al.config import PanelDescription

#: A message as the server wants it: role and content.
Message = dict[str, str]

#: Characters of an unusable answer that the agent is shown again.
ECHO = 1500
#: Tokens for telling what was wrong with it.
FAULTS = 256


def common_text(agent: LiveAgent, panel: PanelDescription, candidates: Sequence[str]) -> str:
    """What an agent is told whatever the target is.

    Parameters
    ----------
    agent
        Who is asked.
    panel
        The panel's settings.
    candidates
        Genes that may be proposed; none if each target has a list of its own.
    """
    parts = [
        "You are an expert in human cell biology. A laboratory silences one gene at a time and "
        "reads the expression of all genes. For a target gene, propose the candidates whose "
        "silencing tells most about the effect of silencing the target."
    ]
    if panel.context:
        parts.append(f"The experiment: {panel.context}")
    if candidates:
        parts.append(_listed(candidates))
    return "\n\n".join([*parts, rules(agent, panel), agent.lens])


class Told(NamedTuple):
    """What can be read of the text that `common_text` made; no candidates if it lists none."""

    context: str
    candidates: tuple[str, ...] | None
    lens: str


def told_in(common: str) -> Told:
    """Read what an agent was told whatever the target was; the inverse of `common_text`."""
    head, _, tail = common.partition("\n\nRules of the answer:\n")
    _, _, lens = tail.partition("\n\n")
    head, is_listed, listed = head.partition("\n\nCandidates: ")
    _, _, context = head.partition("\n\nThe experiment: ")
    return Told(context, tuple(listed.split(", ")) if is_listed else None, lens)


def rules(agent: LiveAgent, panel: PanelDescription) -> str:
    """How an answer must look, in words; the schema says the same to the server."""
    lines = [
        "Rules of the answer:",
        f"- at most {panel.max_regulators} candidates for a target, the best first, each once; "
        "an empty list if you know of none",
        "- gene: a symbol from the list of candidates, exactly as written there, never the target",
    ]
    if agent.role == "mechanism":
        lines.append('- direction: "same" or "opposite", compared with silencing the target')
    else:
        lines.append('- direction: always "same"')
    lines.append(
        "- confidence_percent: a whole number from 1 to 99, how likely the proposal is to be right"
    )
    if panel.mechanisms:
        lines.append("- mechanism: why, in at most 12 words")
    lines.append(f"Answer with JSON only, in one line of this form: {_forms(agent, panel)}")
    return "\n".join(lines)


def _forms(agent: LiveAgent, panel: PanelDescription) -> str:
    """The form of an answer, without values that an agent might copy.

    Where several targets are asked about in a call, some calls have one all the same: what remains
    at the end, and what was divided. Both forms stand there, so that all calls begin alike.
    """
    words = '"same" or "opposite"' if agent.role == "mechanism" else '"same"'
    mechanism = ', "mechanism": WHY' if panel.mechanisms else ""
    proposal = f'{{"gene": GENE, "direction": {words}, "confidence_percent": 1-99{mechanism}}}'
    form = f'{{"target": TARGET, "regulators": [{proposal}, …]}}'
    if panel.targets_per_call == 1:
        return form
    return f'{{"answers": [{form}, …]}}, or, asked about a single target, of this form: {form}'


def question(
    targets: Sequence[str],
    cards: Mapping[str, str],
    candidates: Sequence[str] = (),
    evidence: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """What differs from target to target.

    Parameters
    ----------
    targets
        Genes asked about in this call.
    cards
        What is known of genes; only those of the targets are used.
    candidates
        Genes that may be proposed for these targets, if they are not the same for all.
    evidence
        What was measured since the genes were asked about before; only that of the targets is used.
        It stands last, for it changes most often.
    """
    parts = [_listed(candidates)] if candidates else []
    parts += [f"About {gene}: {cards[gene]}" for gene in targets if cards.get(gene)]
    parts += [f"Evidence on {gene}: {evidence[gene]}" for gene in targets if evidence.get(gene)]
    if len(targets) == 1:
        parts.append(f"Target: {targets[0]}")
    else:
        parts.append(f"Targets, one answer for each: {', '.join(targets)}")
    return "\n\n".join(parts)


def messages(common: str, asked: str) -> list[Message]:
    """The conversation that asks a question for the first time."""
    return [{"role": "system", "content": common}, {"role": "user", "content": asked}]


def asked_again(first: Sequence[Message], text: str, faults: Sequence[str]) -> list[Message]:
    """The conversation that asks once more, with what was wrong about the last answer.

    Parameters
    ----------
    first
        The conversation that asked for the first time.
    text
        The answer; its beginning is shown again. Nothing is shown of an empty one.
    faults
        What was wrong with it.
    """
    told = "\n".join(f"- {fault}" for fault in faults)
    shown = [{"role": "assistant", "content": text[:ECHO]}] if text else []
    return [
        *first,
        *shown,
        {
            "role": "user",
            "content": f"This answer cannot be used:\n{told}\nAnswer the same question again.",
        },
    ]


def too_long(most: int) -> str:
    """What an agent is told after an answer that ran out of tokens where there are no more."""
    return f"it came to no end and gets no more room; now propose at most {most}, in few words"


def characters(conversation: Sequence[Mapping[str, Any]]) -> int:
    """Length of all messages together."""
    return sum(len(message["content"]) for message in conversation)


def _listed(candidates: Sequence[str]) -> str:
    return f"Candidates: {', '.join(candidates)}"
