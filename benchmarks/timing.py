"""How benchmarks time and what they hand over: rows of one table.

Machines are shared, so the processor's time stands beside the clock's; ratios are of the former,
taken within each repetition, in which all run one after the other.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

OURS = "mechpert-al"
#: Bytes in the unit of ru_maxrss.
_UNIT = 1 if sys.platform == "darwin" else 1024


class Spread(NamedTuple):
    """Median of some repetitions, with the smallest and the largest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.median:.3g}"
        return f"{self.median:.3g} [{self.low:.3g}, {self.high:.3g}]"


class Row(NamedTuple):
    """One line of the table: who did what to which input, and what it took."""

    task: str
    on: str
    who: str
    wall: Spread
    cpu: Spread
    #: Processor time as a multiple of ours; None for ourselves.
    ratio: Spread | None = None
    peak_gb: float | None = None
    note: str = ""


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of a call: by the clock, and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def compared(
    task: str,
    on: str,
    calls: Mapping[str, Callable[[], object]],
    repetitions: int = 3,
    notes: Mapping[str, str] | None = None,
) -> list[Row]:
    """Rows of some who do the same; the first is us.

    Parameters
    ----------
    calls
        For each a call without arguments.
    repetitions
        Everyone runs once in each.
    notes
        What is to be said of some.
    """
    runs = [{who: timed(call) for who, call in calls.items()} for _ in range(repetitions)]
    us = next(iter(calls))
    return [
        Row(
            task,
            on,
            who,
            Spread.of([run[who][0] for run in runs]),
            Spread.of([run[who][1] for run in runs]),
            None if who == us else Spread.of([run[who][1] / run[us][1] for run in runs]),
            note=(notes or {}).get(who, ""),
        )
        for who in calls
    ]


def command(
    task: str,
    on: str,
    arguments: Sequence[str],
    repetitions: int = 1,
    note: str = "",
    cache: Path | None = None,
) -> Row:
    """The row of a whole command of ours, each time in a process of its own.

    With ``cache``, what it keeps is kept there.
    """
    whole = [sys.executable, "-m", "mechpert_al", *arguments]
    runs = [process(whole, cache) for _ in range(repetitions)]
    wall, cpu, peak = zip(*runs, strict=True)
    return Row(task, on, OURS, Spread.of(wall), Spread.of(cpu), None, max(peak), note)


#: Starts a command from a small process: Linux counts the starter's memory as the command's.
_STARTER = """
import json, os, subprocess, sys, time
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
start = time.perf_counter()
running = subprocess.Popen(sys.argv[1:], **quiet)
_, status, used = os.wait4(running.pid, 0)
seconds = time.perf_counter() - start
code = os.waitstatus_to_exitcode(status)
print(json.dumps([code, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""


def process(arguments: Sequence[str], cache: Path | None = None) -> tuple[float, float, float]:
    """Seconds (by the clock, of the processor) and peak memory (GB) of a process alone.

    Bytecode is written and used as in any installation, whatever the environment says here.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    if cache is not None:
        environment["MECHPERT_AL_CACHE"] = str(cache)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _STARTER, *arguments],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    code, seconds, busy, peak = json.loads(done.stdout)
    if code:
        raise RuntimeError(f"{' '.join(arguments)} ended with {code}")
    return seconds, busy, peak * _UNIT / 1e9


def machine() -> str:
    """What it ran on."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {gigabytes:.0f} GB, "
        f"{platform.system()}, Python {platform.python_version()}"
    )


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = [
        "| what | on | who | seconds | processor | times ours | peak GB | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        peak = "" if row.peak_gb is None else f"{row.peak_gb:.2f}"
        cells = (row.task, row.on, row.who, row.wall, row.cpu, row.ratio or "", peak, row.note)
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def as_json(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as plain JSON values."""
    return [row._asdict() for row in rows]


def peak_now() -> float:
    """Peak memory of this process alone so far (GB)."""
    status = Path("/proc/self/status")
    if status.exists():  # unlike getrusage free of what the starter of the process had
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT / 1e9
