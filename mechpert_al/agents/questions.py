"""Questions: which calls a run is made of, and the request of each.

A request follows from the description, the candidates, the targets and the model alone: the same
run has the same requests, and therefore the same keys in the store.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from mechpert_al.agents import budget, prompts
from mechpert_al.agents.description import Description, LiveAgent
from mechpert_al.agents.faults import Follows
from mechpert_al.agents.models import Abilities
from mechpert_al.agents.schema import answer_schema
from mechpert_al.agents.shortlist import ShortLists
from mechpert_al.errors import DataError

if TYPE_CHECKING:
    from mechpert_al.networks import PriorNetwork

#: A list shorter than this tells an agent too little.
LEAST_SHOWN = 20
#: How often the room of an answer is doubled at most.
GROWN = 2


class Question(NamedTuple):
    """One call: who is asked about which targets."""

    agent: str
    targets: tuple[str, ...]


class Again(NamedTuple):
    """What the last try of a question teaches the next one."""

    #: How often it was asked already.
    attempt: int
    #: What follows from the last fault.
    follows: Follows
    #: The last answer, if it is worth showing, and what was wrong with it.
    text: str = ""
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Questions:
    """All questions of a run.

    Parameters
    ----------
    description
        Whom to ask, and how.
    candidates
        Genes that may be proposed.
    targets
        Genes to ask about.
    abilities
        By model.
    network
        Chooses candidates where not all fit.
    evidence
        By target, what its agents are told just before it: a text such as what was measured since
        they were asked the last time. It is part of the request, and so of the key in the store.
    """

    description: Description
    candidates: tuple[str, ...]
    targets: tuple[str, ...]
    abilities: Mapping[str, Abilities]
    network: PriorNetwork | None = None
    evidence: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Question]:
        """Agent by agent, for the sake of the server's memory of the last prompt."""
        size = self.description.settings.targets_per_call
        for agent in self.description.agents:
            for start in range(0, len(self.targets), size):
                yield Question(agent, self.targets[start : start + size])

    def __len__(self) -> int:
        size = self.description.settings.targets_per_call
        return len(self.description.agents) * -(-len(self.targets) // size)

    @cached_property
    def shown(self) -> dict[str, int]:
        """For each agent how many candidates a prompt shows: all, or as many as fit."""
        return {name: self._n_shown(agent) for name, agent in self.description.agents.items()}

    @cached_property
    def _common(self) -> dict[tuple[str, bool], str]:
        """What an agent is told whatever the target is, with the candidates and without."""
        panel = self.description.settings
        return {
            (name, is_short): prompts.common_text(agent, panel, () if is_short else self.candidates)
            for name, agent in self.description.agents.items()
            for is_short in (False, True)
        }

    def request(
        self, question: Question, again: Again | None = None
    ) -> tuple[dict[str, Any], budget.Room]:
        """The body of a question's request, and the tokens that it has.

        Parameters
        ----------
        question
            The question.
        again
            What earlier tries taught; None the first time.
        """
        agent = self.description.agents[question.agent]
        panel = self.description.settings
        listed = self.listed(question)
        is_short = len(listed) < len(self.candidates)
        shown = listed if is_short else ()
        cards = self.description.cards
        asked = prompts.question(question.targets, cards, shown, self.evidence)
        conversation = prompts.messages(self._common[agent.name, is_short], asked)
        most = self._n_asked_for(agent, conversation, len(question.targets), again)
        if again and again.faults:
            conversation = self._asked_again(agent, conversation, question, again)
        elif most < panel.max_regulators:
            conversation = prompts.asked_again(conversation, "", (prompts.too_long(most),))
        room = self._room(agent, conversation, len(question.targets), again)
        # A later try has a seed of its own, and so has a later run: it counts on from the last one.
        seed = agent.seed + (again.attempt if again else 0)
        body = {
            "model": agent.model,
            "messages": conversation,
            "format": answer_schema(
                question.targets,
                listed,
                max_regulators=most,
                enumerate_up_to=panel.enumerate_up_to,
                mechanisms=panel.mechanisms,
                is_directed=agent.role == "mechanism",
            ),
            "options": {
                **agent.options,
                "seed": seed,
                "num_ctx": room.context,
                "num_predict": room.answer,
            },
            "stream": True,
        }
        if self.abilities[agent.model].can_think:
            body["think"] = agent.think or False
        elif agent.think:
            body["think"] = agent.think  # the server says whether it can
        return body, room

    def is_in_vain(self, question: Question, last: Again | None, again: Again) -> bool:
        """Whether an answer that was cut would be cut at the same place if it was asked for again.

        Without chance in the choice of words another seed changes nothing.
        """
        has_chance = self.description.agents[question.agent].options.get("temperature") != 0
        if has_chance or again.follows is not Follows.MORE_ROOM:
            return False
        before, now = (self.request(question, one)[0] for one in (last, again))
        return now == {**before, "options": {**before["options"], "seed": now["options"]["seed"]}}

    def _asked_again(
        self, agent: LiveAgent, first: list[prompts.Message], question: Question, again: Again
    ) -> list[prompts.Message]:
        """The conversation that tells what was wrong; the answer is left out if it does not fit."""
        told = prompts.asked_again(first, again.text, again.faults)
        answer = budget.answer_tokens(self.description.settings, len(question.targets))
        if budget.prompt_tokens(told) + answer <= self._contexts[agent.model]:
            return told
        return prompts.asked_again(first, "", again.faults)

    def listed(self, question: Question) -> tuple[str, ...]:
        """The candidates that a prompt shows: fewer where evidence takes their room."""
        size = self.shown[question.agent]
        told = self._told(question.targets)
        if told:
            size = min(size, self._n_fitting(self.description.agents[question.agent], told))
        if size >= len(self.candidates):
            return self.candidates
        return self._short_lists.of(question.targets, size)

    @cached_property
    def _short_lists(self) -> ShortLists:
        return ShortLists(self.candidates, self.network)

    # ------------------------------------------------------------------ tokens
    def _limit(self, agent: LiveAgent) -> int:
        """The most context that the agent's model may have."""
        known = self.abilities[agent.model].context
        wanted = self.description.settings.context_tokens
        return wanted if known is None else min(wanted, known)

    @cached_property
    def _contexts(self) -> dict[str, int]:
        """The context of each model: one for all its questions, for another means loading it anew.

        It holds the longest question of each agent with an answer of the length that the last try
        may have, and the same with an answer that is shown again. It does not hang on the targets
        of this run: a run about fewer of them asks the same questions.
        """
        found: dict[str, int] = {}
        panel = self.description.settings
        answer = budget.answer_tokens(panel, panel.targets_per_call)
        more = max(answer * 2 ** min(panel.tries - 1, GROWN), 2 * answer + prompts.FAULTS)
        more = max(more, answer + self._evidence)
        for agent in self.description.agents.values():
            limit = self._limit(agent)
            needed = limit
            if self.shown[agent.name] == len(self.candidates):
                asked = prompts.question(self._longest, self.description.cards)
                prompt = budget.prompt_tokens(
                    prompts.messages(self._common[agent.name, False], asked)
                )
                needed = min(budget.room(prompt, more).context, limit)
            found[agent.model] = max(found.get(agent.model, 0), needed)
        return found

    @cached_property
    def _longest(self) -> tuple[str, ...]:
        """The candidates about which a question is longest."""
        cards = self.description.cards
        number = min(self.description.settings.targets_per_call, len(self.candidates))
        cost = {gene: estimated(gene) + estimated(cards.get(gene, "")) for gene in self.candidates}
        return tuple(heapq.nlargest(number, cost, key=cost.__getitem__))

    @cached_property
    def _evidence(self) -> int:
        """Tokens of the longest evidence for one call."""
        number = self.description.settings.targets_per_call
        return sum(heapq.nlargest(number, (self._told((target,)) for target in self.evidence)))

    def _told(self, targets: Sequence[str]) -> int:
        """Tokens of the evidence on these targets."""
        return sum(estimated(self.evidence[one]) + 12 for one in targets if self.evidence.get(one))

    def _room(
        self,
        agent: LiveAgent,
        conversation: Sequence[Mapping[str, Any]],
        n_targets: int,
        again: Again | None,
    ) -> budget.Room:
        answer = budget.answer_tokens(self.description.settings, n_targets)
        if again and again.follows is Follows.MORE_ROOM:
            answer *= 2 ** min(again.attempt, GROWN)
        context, limit = self._contexts[agent.model], self._limit(agent)
        if again and again.follows is Follows.OTHER_CONTEXT:
            larger, smaller = budget.STEP * again.attempt, budget.TWEAK * again.attempt
            context += larger if context + larger <= limit else -smaller
        prompt = budget.prompt_tokens(conversation)
        answer = min(answer, max(16, context - prompt))
        return budget.Room(prompt, answer, context, budget.fewest_tokens(conversation))

    def _n_asked_for(
        self,
        agent: LiveAgent,
        conversation: Sequence[Mapping[str, Any]],
        n_targets: int,
        again: Again | None,
    ) -> int:
        """The most regulators that a try asks for: half as many for each doubling without room.

        An answer that was cut would be cut at the same place again if nothing changed.
        """
        most = self.description.settings.max_regulators
        if not again or again.follows is not Follows.MORE_ROOM:
            return most
        answer = budget.answer_tokens(self.description.settings, n_targets)
        wanted = answer * 2 ** min(again.attempt, GROWN)
        room = self._room(agent, conversation, n_targets, again)
        while wanted > room.answer and most > 1:
            wanted, most = wanted // 2, most // 2
        return most

    def _n_shown(self, agent: LiveAgent) -> int:
        """How many candidates fit into a prompt of the agent that holds no evidence.

        Raises
        ------
        DataError
            Hardly any do, with the longest evidence.
        """
        number = self._n_fitting(agent, self._evidence)
        if number < min(LEAST_SHOWN, len(self.candidates)):
            raise DataError(
                f"agent {agent.name!r}: a prompt with {self.description.settings.targets_per_call} "
                f"targets leaves room for {max(number, 0)} of {len(self.candidates)} candidates in "
                f"a context of {self._limit(agent)} tokens",
                "Raise context_tokens, lower targets_per_call or max_regulators, or choose a model "
                "with a longer context.",
            )
        return self._n_fitting(agent, 0)

    def _n_fitting(self, agent: LiveAgent, evidence: int) -> int:
        """How many candidates fit beside so many tokens of evidence."""
        panel = self.description.settings
        common = self._common[agent.name, True]
        asked = prompts.question(self._longest, self.description.cards)
        alone = budget.prompt_tokens(prompts.messages(common, asked))
        answer = budget.answer_tokens(panel, panel.targets_per_call)
        left = self._limit(agent) - alone - answer - evidence
        total, most = self._cost
        return len(self.candidates) if total <= left else int(left // most)

    @cached_property
    def _cost(self) -> tuple[float, float]:
        """Tokens of all candidates, and of the longest one."""
        costs = [budget.MARGIN * (budget.estimate(gene) + 1) for gene in self.candidates]
        return sum(costs), max(costs)


def estimated(text: str) -> int:
    """Tokens of a text with the margin of prompts."""
    return int(budget.MARGIN * budget.estimate(text)) + 1
