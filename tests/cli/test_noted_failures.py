"""What is noted on an error's way, such as its place in a comparison, is shown to the person."""

from __future__ import annotations

import json
import sys

import pytest

from mechpert_al.cli.failures import reported
from mechpert_al.errors import UsageError

PLACE = "in the comparison grid: k562, strategy mine, N = 50, split 3"


def test_notes_of_expected_errors(capsys: pytest.CaptureFixture[str]) -> None:
    error = UsageError("this cannot be", "Do that.")
    error.add_note(PLACE)
    with pytest.raises(SystemExit) as caught, reported(as_json=True):
        raise error
    assert caught.value.code == 2
    shown = capsys.readouterr()
    assert json.loads(shown.out)["error"]["message"] == f"this cannot be; {PLACE}"
    assert PLACE in " ".join(shown.err.split())


def test_notes_of_bugs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # put back afterwards
    error = ZeroDivisionError("broken strategy")
    error.add_note(PLACE)
    with pytest.raises(ZeroDivisionError), reported(as_json=False):
        raise error
    sys.excepthook(type(error), error, error.__traceback__)
    assert PLACE in " ".join(capsys.readouterr().err.split())
