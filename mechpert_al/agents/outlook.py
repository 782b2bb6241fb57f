"""What a run would ask, before anything is asked: calls, prompts, tokens and time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mechpert_al.agents import budget
from mechpert_al.agents.models import Abilities, Model
from mechpert_al.agents.questions import Question, Questions
from mechpert_al.agents.store import FILE, AnswerStore, key_of

#: Tokens that a model reads and writes in a second, where nothing is known: a small graphics card.
READS, WRITES = 500.0, 25.0


@dataclass(frozen=True)
class Outlook:
    """What one agent's questions would be.

    Parameters
    ----------
    agent, model
        Who is asked.
    prompt
        The messages of its first question to come; of its first one if all are answered.
    n_questions
        Calls to come.
    n_answered
        Calls whose answers are there already.
    room
        Tokens of that call.
    n_shown
        Candidates in a prompt.
    seconds
        How long all calls to come may take on one server.
    """

    agent: str
    model: str
    prompt: tuple[Mapping[str, str], ...]
    n_questions: int
    n_answered: int
    room: budget.Room
    n_shown: int
    seconds: float


def models_before(folder: Path) -> dict[str, tuple[Model, Abilities]]:
    """What the models of an earlier run in a panel folder were, by the description's names."""
    if not (folder / FILE).exists():
        return {}
    with AnswerStore(folder) as store:
        return store.models()


def outlook(questions: Questions, folder: str | Path) -> list[Outlook]:
    """What a run would ask, without asking: nothing is connected to and no answer is written.

    Parameters
    ----------
    questions
        The questions. Which of them are answered is only known if their abilities are those that
        the models had then (`models_before`), and if the models are still the same.
    folder
        A panel folder; how long earlier answers took there is what the time is estimated from.
    """
    if not (Path(folder) / FILE).exists():
        return _counted(questions, ((question, False) for question in questions), None)
    with AnswerStore(Path(folder)) as store:
        return _counted(questions, _calls(questions, store), store.seconds_per_answer())


def _calls(questions: Questions, store: AnswerStore) -> Iterator[tuple[Question, bool]]:
    """Each call of a run, and whether its answer is there; those divided before come in parts."""
    models = questions.description.agents
    digests = {name: model.digest for name, (model, _) in store.models().items()}
    answered, divided = store.answered(), store.divided()

    def key(question: Question) -> str:
        body, _ = questions.request(question)
        return key_of(body, digests[models[question.agent].model])

    for question in questions:
        if models[question.agent].model not in digests:  # it was never asked
            yield question, False
        elif (whole := key(question)) not in divided:
            yield question, whole in answered
        else:
            for target in question.targets:
                part = Question(question.agent, (target,))
                yield part, key(part) in answered


def _counted(
    questions: Questions, calls: Iterator[tuple[Question, bool]], seconds: float | None
) -> list[Outlook]:
    first: dict[str, Question] = {}
    to_come = dict.fromkeys(questions.description.agents, 0)
    there = dict(to_come)
    for question, is_answered in calls:
        if is_answered:
            there[question.agent] += 1
        elif to_come[question.agent] == 0:
            first[question.agent] = question
        first.setdefault(question.agent, question)
        to_come[question.agent] += not is_answered
    found = []
    for name, question in first.items():
        body, room = questions.request(question)
        number = to_come[name]
        guess = min(number, 1) * room.prompt / READS + number * (0.5 * room.answer / WRITES)
        found.append(
            Outlook(
                name,
                str(body["model"]),
                tuple(body["messages"]),
                number,
                there[name],
                room,
                questions.shown[name],
                guess if seconds is None else number * seconds,
            )
        )
    return found
