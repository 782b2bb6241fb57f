"""The file of the answer store under many threads, and where writing fails."""

from __future__ import annotations

import sqlite3
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from mechpert_al.agents.database import Database
from mechpert_al.agents.faults import Fault
from mechpert_al.agents.store import AnswerStore
from mechpert_al.agents.verification import damage_of
from mechpert_al.errors import DataError, IntegrityError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    one = Database(tmp_path / "x.sqlite")
    one.write([("CREATE TABLE t (n INTEGER PRIMARY KEY, who TEXT NOT NULL)", ())])
    yield one
    one.close()


def test_what_is_written_is_seen_by_everybody_at_once(database: Database) -> None:
    def work(who: str) -> None:
        for number in range(20):
            database.write([("INSERT INTO t (who) VALUES (?)", (f"{who} {number}",))])
            other = sqlite3.connect(database.path)
            seen = other.execute("SELECT 1 FROM t WHERE who = ?", (f"{who} {number}",)).fetchall()
            other.close()
            if not seen:
                missed.append(who)

    missed: list[str] = []
    threads = [threading.Thread(target=work, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missed == []
    assert database.rows("SELECT count(*), count(DISTINCT who) FROM t") == [(120, 120)]
    assert [row for (row,) in database.each("SELECT n FROM t ORDER BY n")] == list(range(1, 121))


def test_every_change_is_put_on_the_disk(database: Database) -> None:
    assert database._writer.execute("PRAGMA synchronous").fetchall() == [(2,)]  # FULL
    assert database._writer.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


def test_a_change_is_made_whole_or_not_at_all(database: Database) -> None:
    with pytest.raises(IntegrityError):
        database.write(
            [("INSERT INTO t VALUES (1, 'a')", ()), ("INSERT INTO t VALUES (1, 'b')", ())]
        )
    assert database.rows("SELECT * FROM t") == []


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("INSERT INTO t VALUES (2, NULL)", ()),
        ("INSERT INTO t VALUES (2, ?)", (10**30,)),
        ("INSERT INTO t VALUES (2, ?)", ("\ud800",)),
    ],
    ids=["refused", "too large", "half a character"],
)
def test_changes_that_wait_together_fail_for_themselves_alone(
    database: Database, statement: str, values: tuple
) -> None:
    """The first thread is held up while others queue behind it; one of these is wrong."""
    outcome: dict[str, str] = {}

    def work(who: str, statement: str, values: tuple = ()) -> None:
        try:
            database.write([(statement, values)])
            outcome[who] = "written"
        except (DataError, IntegrityError, OverflowError, UnicodeEncodeError):
            outcome[who] = "refused"

    wanted = {
        "one": ("INSERT INTO t VALUES (1, 'a')",),
        "wrong": (statement, values),
        "other": ("INSERT INTO t VALUES (3, 'c')",),
    }
    with database._writing:
        threads = [threading.Thread(target=work, args=(who, *one)) for who, one in wanted.items()]
        for thread in threads:
            thread.start()
        while len(database._changes) < len(wanted):
            pass
    for thread in threads:
        thread.join()
    assert outcome == {"one": "written", "wrong": "refused", "other": "written"}
    assert database.rows("SELECT n FROM t") == [(1,), (3,)]


def test_failures_are_read_one_by_one(tmp_path: Path) -> None:
    """Texts of 40 MB in all: neither reading nor verifying holds more than a few of them."""
    body = {"model": "m", "messages": [{"role": "user", "content": "?"}]}
    with AnswerStore(tmp_path) as store:
        for number in range(200):
            text = chr(97 + number % 26) * 200_000
            fault = Fault("invalid", "no", text=text)
            store.add_failure("k", body, "d", "one", ["A"], number + 1, fault)
        tracemalloc.start()
        assert sum(len(one["text"]) for one in store.failures()) == 200 * 200_000
        assert damage_of(store) == []
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 5_000_000


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(IntegrityError, match="not an answer store"):
        Database(tmp_path / "x.sqlite")
    with pytest.raises(DataError, match="cannot be used"):
        Database(tmp_path / "nowhere" / "x.sqlite")
