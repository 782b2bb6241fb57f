"""Fixtures for all tests, and the rule that what must run here is not skipped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from mechpert_al.agents import Panel
    from mechpert_al.testing import ToyScreen

# No time limits: a loaded machine is not a defect.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", settings.get_profile("patient"), max_examples=3000)
settings.load_profile("patient")

TESTS = Path(__file__).parent
#: Tests with these marks need something that not every machine has.
NEEDY = ("real", "ollama", "browser")
#: "1", or names of the marks whose tests must run: a skipped one fails the session.
NO_SKIP = "MECHPERT_AL_NO_SKIP"


class Run(NamedTuple):
    """What a command did."""

    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def cases() -> Path:
    """Folder of the made-up inputs that go wrong in practice."""
    return TESTS / "cases"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real measurements; tests that use it are marked ``real``."""
    folder = os.environ.get("MECHPERT_AL_DATA")
    if not folder:
        pytest.skip("MECHPERT_AL_DATA is not set (a folder with real measurements)")
    return Path(folder)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache directory of the tests' own, never the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MECHPERT_AL_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def run_cli() -> Callable[..., Run]:
    """Run ``mechpert-al`` with arguments in a process of its own.

    ``cwd`` is the folder it runs in, ``env`` adds to the environment (None removes a variable),
    ``stdin`` is what it can read.
    """

    def run(
        *arguments: object,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        stdin: str = "",
    ) -> Run:
        variables = {**os.environ, **(env or {})}
        done = subprocess.run(
            [sys.executable, "-m", "mechpert_al", *map(str, arguments)],
            cwd=cwd,
            env={name: value for name, value in variables.items() if value is not None},
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        return Run(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def toy() -> ToyScreen:
    """A made-up screen of 18 genes and 4 readouts."""
    from mechpert_al.testing import toy_screen

    return toy_screen(seed=1, n_genes=18, n_readouts=4)


@pytest.fixture(scope="session")
def toy_panel(toy: ToyScreen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy panel as a folder."""
    return _write_panel(tmp_path_factory.mktemp("panel"), toy.panel)


def _write_panel(folder: Path, panel: Panel) -> Path:
    agents = {
        name: {"role": agent.role, "file": f"{name}.jsonl"} for name, agent in panel.agents.items()
    }
    (folder / "panel.json").write_text(
        json.dumps(
            {
                "format": "mechpert-al panel 1",
                "name": panel.name,
                "agents": agents,
                "candidates": list(panel.candidates),
            }
        )
    )
    for name in panel.agents:
        lines = []
        for target in sorted(panel.answered[name]):
            proposals = [
                {
                    "gene": one.regulator,
                    "direction": one.direction,
                    "confidence": one.confidence,
                    "mechanism": one.mechanism,
                }
                for one in panel.hypotheses
                if one.agent == name and one.target == target
            ]
            lines.append(json.dumps({"agent": name, "target": target, "regulators": proposals}))
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    return folder


# ---------------------------------------------------------------------- nothing skipped unseen
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "real_data" in getattr(item, "fixturenames", ()):
            item.add_marker("real")


def _required() -> set[str]:
    wanted = os.environ.get(NO_SKIP, "").replace(",", " ").split()
    return set(NEEDY) if wanted == ["1"] else set(wanted)


class _Skips:
    """Notes skipped tests that had to run; works with pytest-xdist, whose reports come here too."""

    def __init__(self, required: set[str]) -> None:
        self.required = required
        self.names: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and self.required & set(report.keywords):
            self.names.append(report.nodeid)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.names and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.names:
            terminalreporter.section(f"skipped, but {NO_SKIP} says that they must run", red=True)
            for name in self.names:
                terminalreporter.line(name)


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # begun in the background of a shell: commands under test would not hear Ctrl-C either
        signal.signal(signal.SIGINT, signal.default_int_handler)
    unknown = _required() - set(NEEDY)
    if unknown:
        raise pytest.UsageError(f"{NO_SKIP}: {', '.join(sorted(unknown))} is none of {NEEDY}")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Skips(_required()), "required-tests")
