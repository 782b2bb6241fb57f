"""The journal: what is tolerated (a torn last line), and that nothing else is."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mechpert_al.campaign.journal import FORMAT, Journal, Reading
from mechpert_al.errors import DataError, IntegrityError

CONTENTS = [
    {"kind": "created", "format": FORMAT, "campaign": "demo", "seed": 7},
    {"kind": "proposed", "round": 1, "genes": ["ATF4", "MED1", "UBL5"]},
    {"kind": "ingested", "file": "round1.csv", "genes": ["ATF4", "MED1"]},
    {"kind": "ingested", "file": "round1 β.csv", "genes": ["UBL5"]},
    {"kind": "proposed", "round": 2, "genes": ["SMG5", "QARS1"]},
    {"kind": "withdrawn", "genes": ["SMG5"], "reason": 'lost, "again"\n'},
]


def written(path: Path, contents: list[dict] = CONTENTS) -> Journal:
    journal, reading = Journal(path), Reading()
    for content in contents:
        reading = journal.append(reading, content)
    return journal


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a journal of six records."""
    return written(tmp_path_factory.mktemp("whole") / "journal.jsonl").path.read_bytes()


@pytest.fixture
def damaged(tmp_path: Path):
    """A journal with the given bytes."""

    def make(data: bytes) -> Journal:
        path = tmp_path / "journal.jsonl"
        path.write_bytes(data)
        return Journal(path)

    return make


def contents_of(reading: Reading) -> list[dict]:
    return [dict(record.content) for record in reading.records]


# ---------------------------------------------------------------------- as it should be
def test_reads_what_was_appended(tmp_path):
    journal = written(tmp_path / "journal.jsonl")

    reading = journal.read()

    assert contents_of(reading) == CONTENTS
    assert [record.number for record in reading.records] == [1, 2, 3, 4, 5, 6]
    assert reading.notices == ()


def test_chain_can_be_checked_with_a_few_lines_of_code(whole):
    """By hand: cut the hash off a line, hash the rest, find it in the next line."""
    previous = ""
    for number, line in enumerate(whole.decode().splitlines(), start=1):
        record = json.loads(line)
        assert record["seq"] == number
        assert record["previous"] == previous
        text = line[: line.rindex(', "hash"')] + "}"
        previous = hashlib.sha256(text.encode()).hexdigest()
        assert record["hash"] == previous


def test_appending_never_touches_what_is_there(tmp_path):
    journal = written(tmp_path / "journal.jsonl", CONTENTS[:1])
    for content in CONTENTS[1:]:
        before = journal.path.read_bytes()
        journal.append(journal.read(), content)
        assert journal.path.read_bytes().startswith(before)


# ---------------------------------------------------------------------- the case's kinds
@pytest.fixture(scope="module")
def copies(cases, whole, tmp_path_factory) -> Path:
    """The damaged copies that the case makes of a journal."""
    folder = tmp_path_factory.mktemp("copies")
    (folder / "journal.jsonl").write_bytes(whole)
    make = cases / "journal-cut" / "make.py"
    subprocess.run([sys.executable, make, folder / "journal.jsonl", folder], check=True)
    return folder


@pytest.mark.parametrize("name", ["a_torn_tail", "c_nul_tail"])
def test_torn_last_line_is_tolerated_and_said(copies, name):
    journal = Journal(copies / f"{name}.jsonl")

    reading = journal.read()

    assert contents_of(reading) == CONTENTS[:5]
    assert "line 6" in reading.notices[0]


@pytest.mark.parametrize("name", ["a_torn_tail", "b_no_last_newline", "c_nul_tail"])
def test_next_record_stands_on_a_line_of_its_own(copies, damaged, name):
    journal = damaged((copies / f"{name}.jsonl").read_bytes())
    before = journal.read()

    journal.append(before, {"kind": "further"})

    lines = journal.path.read_bytes().decode().split("\n")
    assert lines.pop() == ""
    assert [json.loads(line)["seq"] for line in lines] == list(range(1, len(before.records) + 2))
    assert contents_of(journal.read()) == [*contents_of(before), {"kind": "further"}]


def test_whole_record_without_line_end_counts(copies):
    reading = Journal(copies / "b_no_last_newline.jsonl").read()

    assert contents_of(reading) == CONTENTS
    assert reading.notices == ()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("d_damaged_middle", "line 3"),
        ("e_not_a_record", "line 7"),
        ("f_empty", "empty"),
        ("g_lost_middle", "line 3: record 4 where record 3 was expected: record 3 is missing"),
        ("h_two_writers", "line 6"),
    ],
)
def test_other_damage_is_an_error_that_names_the_line(copies, name, said):
    journal = Journal(copies / f"{name}.jsonl")
    before = journal.path.read_bytes()

    with pytest.raises(IntegrityError) as caught:
        journal.read()

    assert said in caught.value.message
    assert str(journal.path) in caught.value.message
    assert "backup" in caught.value.hint
    assert journal.path.read_bytes() == before


# ---------------------------------------------------------------------- any damage
@given(data=st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_cut_anywhere_leaves_the_records_before_it(whole, damaged, data):
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    cut = data.draw(st.integers(0, len(whole)), label="cut")
    n_whole = sum(end - 1 <= cut for end in ends)  # a record counts without its line end
    journal = damaged(whole[:cut])

    if n_whole == 0:
        with pytest.raises(IntegrityError):
            journal.read()
        return
    reading = journal.read()

    assert contents_of(reading) == CONTENTS[:n_whole]
    is_torn = cut not in ends and cut + 1 not in ends
    assert bool(reading.notices) == is_torn


@given(data=st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_byte_anywhere_is_found(whole, damaged, data):
    place = data.draw(st.integers(0, len(whole) - 1), label="place")
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != whole[place]), label="byte")
    journal = damaged(whole[:place] + bytes([byte]) + whole[place + 1 :])

    if place == len(whole) - 1 and byte == 0:  # zero bytes behind the last record: a crash's trace
        assert contents_of(journal.read()) == CONTENTS
        return
    with pytest.raises(IntegrityError) as caught:
        journal.read()

    line = whole[:place].count(b"\n") + 1
    assert f"line {line}:" in caught.value.message


@given(data=st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_lost_repeated_or_moved_line_is_found(whole, damaged, data):
    lines = whole.splitlines(keepends=True)
    order = data.draw(
        st.lists(st.integers(0, 5), min_size=1, max_size=8).filter(
            lambda order: order != list(range(len(order)))
        ),
        label="lines",
    )
    journal = damaged(b"".join(lines[number] for number in order))

    with pytest.raises(IntegrityError) as caught:
        journal.read()

    first = next(place for place, number in enumerate(order) if number != place)
    assert f"line {first + 1}:" in caught.value.message


@given(garbage=st.binary(min_size=1, max_size=80), data=st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_into_the_middle_is_found(whole, damaged, garbage, data):
    place = data.draw(st.integers(0, len(whole) - 1), label="place")
    journal = damaged(whole[:place] + garbage + whole[place:])

    with pytest.raises(IntegrityError):
        journal.read()


def test_a_record_with_a_made_up_hash_is_found(whole, damaged):
    """Whoever changes a record and its hash still breaks the chain."""
    lines = whole.splitlines(keepends=True)
    text = lines[2].decode()
    text = text[: text.rindex(', "hash"')].replace("MED1", "MED4") + "}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    lines[2] = f'{text[:-1]}, "hash": "{digest}"}}\n'.encode()

    with pytest.raises(IntegrityError, match="line 4: record 4 continues another record"):
        damaged(b"".join(lines)).read()


@pytest.mark.parametrize("text", [b"5", b'"text"', b"[1, 2]", b"null", b'{"seq": 7}'])
def test_a_tail_that_is_json_and_no_record_is_damage(whole, damaged, text):
    with pytest.raises(IntegrityError, match="line 7"):
        damaged(whole + text).read()


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"\n"])
def test_nothing_is_never_a_new_journal(damaged, data):
    with pytest.raises(IntegrityError):
        damaged(data).read()


# ---------------------------------------------------------------------- versions and writers
def test_newer_format_says_so(tmp_path):
    journal = written(tmp_path / "j", [{**CONTENTS[0], "format": "mechpert-al campaign 2"}])

    with pytest.raises(DataError, match="'mechpert-al campaign 2'") as caught:
        journal.read()

    assert not isinstance(caught.value, IntegrityError)
    assert "newer mechpert-al" in caught.value.hint


def test_foreign_format_says_so(tmp_path):
    journal = written(tmp_path / "j", [{"kind": "created", "format": "diary"}])

    with pytest.raises(DataError, match="'diary'"):
        journal.read()


def test_a_journal_is_never_begun_twice(tmp_path):
    journal = written(tmp_path / "j", CONTENTS[:1])

    with pytest.raises(DataError, match="is there already"):
        journal.append(Reading(), CONTENTS[0])


def test_appending_to_a_journal_that_went_on_is_refused(tmp_path):
    journal = written(tmp_path / "j", CONTENTS[:2])
    old = journal.read()
    journal.append(old, CONTENTS[2])
    before = journal.path.read_bytes()

    with pytest.raises(DataError, match="somebody else"):
        journal.append(old, CONTENTS[3])

    assert journal.path.read_bytes() == before
