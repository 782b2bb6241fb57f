"""A process that has imported everything and forks one that asks, as often as it is told.

Lines on stdin: ``start<TAB>folder<TAB>host`` forks, and its pid is printed; ``reap<TAB>pid`` waits
for it, and its status is printed. What a child was told is answered stands in a file beside the
folder, ``folder.acknowledged``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mechpert_al.agents.description import completed
from mechpert_al.agents.duty import Patience
from mechpert_al.agents.live import ask
from mechpert_al.agents.progress import Progress
from mechpert_al.config import PanelDescription

GENES = tuple(f"GENE{number}" for number in range(1, 16))
N_TARGETS = 10
AGENTS = ("one", "two")


def work(folder: str, host: str) -> None:
    description = completed(
        PanelDescription.model_validate(
            {
                "name": "toy",
                "model": "fake:1b",
                "agent": {name: {"lens_text": f"Look at {name}."} for name in AGENTS},
                "max_regulators": 2,
                "calls_per_host": 2,
            }
        )
    )
    told = os.open(f"{folder}.acknowledged", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    before = 0

    def tell(progress: Progress) -> None:
        nonlocal before
        if progress.answered > before:
            before = progress.answered
            os.write(told, f"{progress.agent} {progress.targets[0]}\n".encode())

    ask(
        description,
        GENES,
        GENES[:N_TARGETS],
        Path(folder),
        hosts=[host],
        tell=tell,
        patience=Patience(pause=0.01),
    )


def say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def main() -> None:
    for line in sys.stdin:
        verb, *arguments = line.rstrip("\n").split("\t")
        if verb == "reap":
            say(os.waitpid(int(arguments[0]), 0)[1])
            continue
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work(*arguments)
                code = 0
            finally:
                os._exit(code)
        say(child)


if __name__ == "__main__":
    main()
