"""What asking costs on our side of the wire: time and memory, for 2,000 targets × 4 agents.

Run: python benchmarks/ask.py [--targets 2000] [--hosts 4] [--milliseconds 10]

Answers come from made-up servers in a process of their own, which take a fixed time for each. The
overhead of a call is the processor time of the asking process for it, and beside it the wall time
beyond what the servers alone would need.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from timing import OURS, Row, Spread, peak_now

from mechpert_al.agents import read_panel
from mechpert_al.agents.description import completed
from mechpert_al.agents.live import ask
from mechpert_al.agents.verification import verified
from mechpert_al.config import PanelDescription

AGENTS = ("regulation", "complex", "response", "similarity")
SERVE = """
import sys
from contextlib import ExitStack
from mechpert_al.testing.agents import FakeOllama
with ExitStack() as stack:
    hosts = [
        stack.enter_context(FakeOllama(seconds=float(sys.argv[2]), keeps_bodies=False)).host
        for _ in range(int(sys.argv[1]))
    ]
    print(" ".join(hosts), flush=True)
    sys.stdin.read()
"""


def run(n_targets: int, hosts: list[str], folder: Path) -> dict[str, float]:
    """Ask all, then ask again, which must only read."""
    genes = tuple(f"GENE{number}" for number in range(1, n_targets + 1))
    description = completed(
        PanelDescription.model_validate(
            {
                "name": "benchmark",
                "model": "fake:1b",
                "agent": {name: {"lens": name} for name in AGENTS},
            }
        )
    )
    n_calls = n_targets * len(AGENTS)
    wall, used = time.perf_counter(), time.process_time()
    asked = ask(description, genes, genes, folder, hosts=hosts)
    wall, used = time.perf_counter() - wall, time.process_time() - used
    asked.refuse_unanswered()
    memory = 1e3 * peak_now()
    again = time.perf_counter()
    assert ask(description, genes, genes, folder, hosts=hosts).progress.stored == n_calls
    again = time.perf_counter() - again
    assert verified(folder).n_answers == n_calls
    assert len(read_panel(folder).answered["complex"]) == n_targets
    size = (folder / "answers.sqlite").stat().st_size / 1e6
    return {
        "calls": n_calls,
        "wall": wall,
        "used": used,
        "memory": memory,
        "again": again,
        "size": size,
    }


def rows(n_targets: int) -> list[Row]:
    """Our own cost of one question, from this script in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--targets", str(n_targets)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout)
    wall = told["wall time beyond the least per call, ms"] / 1000
    busy = told["processor time of our side per call, ms"] / 1000
    on = f"{told['calls']} questions, 4 servers of 10 ms each"
    peak = told["peak memory, MB"] / 1000
    note = "beyond what the servers alone take"
    return [
        Row("ask, per question", on, OURS, Spread.of([wall]), Spread.of([busy]), None, peak, note)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", type=int, default=2000)
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--milliseconds", type=float, default=10.0)
    given = parser.parse_args()
    seconds = given.milliseconds / 1000
    command = [sys.executable, "-c", SERVE, str(given.hosts), str(seconds)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as servers,
    ):
        assert servers.stdout is not None
        hosts = servers.stdout.readline().split()
        found = run(given.targets, hosts, Path(folder) / "panel")
        servers.communicate("")
    calls = found["calls"]
    least = calls * seconds / given.hosts
    rows = {
        "machine": platform.processor() or platform.machine(),
        "calls": calls,
        "wall time, s": round(found["wall"], 1),
        "least possible with these servers, s": round(least, 1),
        "processor time of our side per call, ms": round(1000 * found["used"] / calls, 2),
        "wall time beyond the least per call, ms": round(1000 * (found["wall"] - least) / calls, 2),
        "peak memory, MB": round(found["memory"]),
        "same command again, s": round(found["again"], 1),
        "answer store, MB": round(found["size"], 1),
    }
    print(json.dumps(rows, indent=2))


if __name__ == "__main__":
    main()
