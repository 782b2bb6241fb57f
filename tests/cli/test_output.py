import json
from pathlib import Path

import numpy as np
import pytest

from mechpert_al.cli.output import byte_progress, clean, print_json, progress, say, table


def test_json_has_plain_values_only(capsysbinary):
    print_json(
        {
            "nan": float("nan"),
            "nested": [{"inf": np.float64("inf")}, (1, 2)],
            "array": np.array([[1.5, np.nan]]),
            "integer": np.int64(3),
            "truth": np.True_,
            "set": {"b", "a"},
            "path": Path("a/b"),
            "text": "µ – ü",
            "none": None,
            1: "key",
        }
    )
    out, err = capsysbinary.readouterr()
    assert err == b""
    assert json.loads(out.decode("utf-8"), parse_constant=pytest.fail) == {
        "nan": None,
        "nested": [{"inf": None}, [1, 2]],
        "array": [[1.5, None]],
        "integer": 3,
        "truth": True,
        "set": ["a", "b"],
        "path": "a/b",
        "text": "µ – ü",
        "none": None,
        "1": "key",
    }


def test_talk_goes_to_stderr_unwrapped_and_unstyled(capsys):
    long = "word " * 60 + "[bold]no markup[/bold]"
    say(long, style="bold red")
    out, err = capsys.readouterr()
    assert out == ""
    assert err == long + "\n"


def test_text_of_others_cannot_steer_the_terminal(capsys):
    assert clean("a\x1b[2Jb\x9bc\rd\ne\tf") == "a�[2Jb�c�d\ne\tf"
    table(["gene"], [["evil\x1b]0;title\x07"], ["two\nlines"]])
    out, _ = capsys.readouterr()
    assert "\x1b" not in out
    assert "\x07" not in out
    assert out.splitlines()[2] == "two lines"


def test_tables_are_lines_where_there_is_no_terminal(capsys):
    table(
        ["gene", "number>", "text"],
        [("A", 1.23456, "x" * 300), ("LONGER", None, ["one", "two"]), ("[red]", 10, "")],
        title="A title",
    )
    out, _ = capsys.readouterr()
    assert out.splitlines() == [
        "A title",
        "gene    number  text",
        "A        1.235  " + "x" * 300,
        "LONGER          one, two",
        "[red]       10",
    ]


def test_progress_is_a_few_lines_where_there_is_no_terminal(capsys):
    with progress("asking", 200) as advance:
        for _ in range(200):
            advance()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [f"asking: {n} of 200" for n in range(20, 201, 20)]


def test_byte_progress_without_a_known_total_is_quiet(capsys):
    with byte_progress("file") as reach:
        reach(0, None)
        reach(10, None)
        reach(0, 100)
        reach(50, 100)
    assert capsys.readouterr().err.splitlines() == ["file: 50 of 100"]


def test_terminals_get_bars_and_tables(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "40")
    table(["gene"], [["w" * 60]])
    with progress("asking [bold]", 2) as advance:
        advance(2)
    out, err = capsys.readouterr()
    assert "".join(out.split("\n")[1:3]).replace(" ", "") == "w" * 60
    assert "\x1b[1m" in out
    assert "asking [bold]" in err
    assert "2/2" in err


def test_no_color_is_honoured(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    say("text", style="red")
    assert "\x1b[31m" not in capsys.readouterr().err
