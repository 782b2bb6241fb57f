"""How long commands take that a person waits for: help, import, plan, and a campaign's status.

python benchmarks/startup.py [--repetitions 5]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from timing import OURS, Row, Spread, command, machine, process, table


def rows(repetitions: int = 5) -> list[Row]:
    """Everything, on the shipped panel of 585 candidates."""
    bare, ours = (
        [process([sys.executable, "-c", code]) for _ in range(repetitions)]
        for code in ("pass", "import mechpert_al")
    )
    found = [
        Row(
            what,
            "",
            who,
            Spread.of([run[0] for run in runs]),
            Spread.of([run[1] for run in runs]),
            None,
            max(run[2] for run in runs),
        )
        for what, who, runs in (
            ("interpreter alone", "Python", bare),
            ("import mechpert_al", OURS, ours),
        )
    ]
    found.append(command("mechpert-al --help", "", ["--help"], repetitions))
    with tempfile.TemporaryDirectory() as folder:
        campaign = str(Path(folder) / "campaign")
        plan = ["plan", "--panel", "essential585", "-n", "50"]
        found.append(command("mechpert-al plan -n 50", "585 candidates", plan, repetitions))
        process([sys.executable, "-m", "mechpert_al", "campaign", "new", campaign,
                 "--panel", "essential585"])  # fmt: skip
        status = ["campaign", "status", campaign]
        found.append(command("mechpert-al campaign status", "585 candidates", status, repetitions))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    print(machine())
    print(table(rows(options.repetitions)))


if __name__ == "__main__":
    main()
