"""The rule of conftest.py that a test which must run here is not skipped unseen."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = """
import pytest

def test_data(real_data):
    pass

@pytest.mark.ollama
def test_server():
    pytest.skip("no server")

@pytest.mark.slow
def test_other():
    pytest.skip("for another reason")
"""


@pytest.fixture
def run_suite(tmp_path):
    (tmp_path / "test_suite.py").write_text(SUITE)
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    shutil.copy(Path(__file__).parents[1] / "pyproject.toml", tmp_path)

    def run(no_skip: str, *options: str) -> tuple[int, str]:
        variables = {name: v for name, v in os.environ.items() if name != "MECHPERT_AL_DATA"}
        variables["MECHPERT_AL_NO_SKIP"] = no_skip
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, "test_suite.py"],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def named(text: str) -> list[str]:
    """Tests named under the heading of those that were skipped against the rule."""
    _, heading, rest = text.partition("says that they must run")
    return [line for line in rest.splitlines() if "::" in line and heading]


def test_skips_are_fine_where_nothing_is_required(run_suite):
    code, text = run_suite("")
    assert code == 0
    assert "3 skipped" in text
    assert named(text) == []


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_required_tests_that_are_skipped_fail_and_are_named(run_suite, options):
    code, text = run_suite("1", *options)
    assert code == 1
    assert sorted(named(text)) == ["test_suite.py::test_data", "test_suite.py::test_server"]
    assert "3 skipped" in text.splitlines()[-1]


def test_marks_can_be_required_one_by_one(run_suite):
    code, text = run_suite("real")
    assert code == 1
    assert named(text) == ["test_suite.py::test_data"]
    assert run_suite("browser")[0] == 0


def test_an_unknown_mark_is_refused(run_suite):
    code, text = run_suite("rael")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "rael" in text


def test_the_missing_variable_is_named(run_suite):
    assert "MECHPERT_AL_DATA is not set" in run_suite("")[1]
