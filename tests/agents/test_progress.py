"""What a run says of itself while it goes on."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from mechpert_al.agents.description import completed
from mechpert_al.agents.faults import Usage
from mechpert_al.agents.live import ask
from mechpert_al.agents.progress import Progress
from mechpert_al.agents.questions import Question
from mechpert_al.agents.work import Task, Work
from mechpert_al.config import PanelDescription
from mechpert_al.testing.agents import FakeOllama, status

GENES = tuple(f"GENE{number}" for number in range(1, 9))


def test_what_is_told_is_in_the_store_already(tmp_path: Path) -> None:
    description = completed(
        PanelDescription.model_validate(
            {"name": "toy", "model": "fake:1b", "agent": {"one": {"lens_text": "Look."}}}
        )
    )
    told: list[tuple[int, int, int]] = []

    def tell(progress: Progress) -> None:
        with sqlite3.connect(tmp_path / "answers.sqlite") as database:
            (kept,) = database.execute("SELECT count(*) FROM answers").fetchone()
        database.close()
        told.append((progress.answered, kept, progress.total))

    with FakeOllama() as server:
        ask(description, GENES, GENES, tmp_path, hosts=[server.host], tell=tell)
    assert [answered for answered, _, _ in told] == list(range(1, 9))
    assert all(kept >= answered for answered, kept, _ in told)
    assert {total for _, _, total in told} == {8}


def test_failures_are_counted_by_kind(tmp_path: Path) -> None:
    description = completed(
        PanelDescription.model_validate(
            {"name": "toy", "model": "fake:1b", "agent": {"one": {"lens_text": "Look."}}}
        )
    )
    with FakeOllama(script=[status(500)]) as server:
        asked = ask(description, GENES, GENES[:2], tmp_path, hosts=[server.host])
    assert asked.progress.failures == {"server_error": 1}
    assert asked.progress.answered == 2
    assert asked.progress.away == ()


def test_time_to_go_and_speed() -> None:
    done = Progress(total=10, started=time.monotonic() - 20)
    assert done.seconds_to_go is None
    assert done.tokens_per_second is None
    done.stored, done.answered, done.unanswered = 2, 3, 1
    assert done.done == 6
    assert done.seconds_to_go == pytest.approx(20 / 4 * 4, rel=0.01)
    done.count(Usage(answer_tokens=30, answer_seconds=2.0))
    done.count(Usage(answer_tokens=10, answer_seconds=2.0))
    assert done.tokens_per_second == 10


def test_prompts_that_were_read_before_are_counted() -> None:
    done = Progress(total=10)
    for seconds in (5.0, 0.1, 4.0, 0.9):
        done.count(Usage(prompt_tokens=100, prompt_seconds=seconds))
    assert done.prefix_hits == 2
    done.count(Usage(prompt_tokens=None, prompt_seconds=0.0))  # the server does not say
    assert done.prefix_hits == 2


# ---------------------------------------------------------------------- the queue
def tasks(number: int) -> list[Task]:
    return [Task(Question("one", (gene,)), gene) for gene in GENES[:number]]


ONE = {"one"}


def test_work_is_taken_in_order_and_ends() -> None:
    listed = tasks(3)
    work = Work(listed)
    assert [work.take(ONE) for _ in range(3)] == listed
    for task in listed:
        work.replace(task)
    assert work.take(ONE) is None
    assert work.n_open == 0


def test_what_is_put_back_comes_first_or_after_its_pause() -> None:
    first, second, third = tasks(3)
    work = Work([first, second, third])
    assert work.take(ONE) is first
    work.put_back(first)
    assert work.take(ONE) is first
    work.put_back(first, seconds=0.05)
    assert work.take(ONE) is second
    assert work.take(ONE) is third
    start = time.monotonic()
    assert work.take(ONE) is first
    assert time.monotonic() - start > 0.02


def test_parts_take_the_place_of_a_question() -> None:
    first, second, third = tasks(3)
    work = Work([first])
    assert work.take(ONE) is first
    work.replace(first, [second, third])
    assert work.n_open == 2
    assert work.take(ONE) is second
    assert work.take(ONE) is third


def test_nobody_takes_after_a_stop() -> None:
    work = Work(tasks(2))
    work.stop()
    assert work.take(ONE) is None


def test_each_takes_only_what_it_can_be_asked() -> None:
    (other,) = [Task(Question("two", ("GENE1",)), "key")]
    (first,) = tasks(1)
    work = Work([first, other])
    assert work.take({"two"}) is other
    work.replace(other)
    assert work.take({"two"}) is None  # what is left is for others
    assert work.agents() == ["one"]
    work.abandon("one")
    assert work.take(ONE) is None


def test_a_question_that_ends_after_it_was_abandoned_counts_for_nothing() -> None:
    (first,) = tasks(1)
    work = Work([first])
    assert work.take(ONE) is first
    work.abandon("one")
    work.replace(first)
    assert work.n_open == 0
    assert not work.is_open(ONE)


def test_waiting_ends_when_nothing_is_left_to_do() -> None:
    (first,) = tasks(1)
    work = Work([first])
    start = time.monotonic()
    work.wait(0.05, ONE)
    assert time.monotonic() - start >= 0.05
    assert work.take(ONE) is first
    work.replace(first)
    work.wait(3600, ONE)  # returns at once
