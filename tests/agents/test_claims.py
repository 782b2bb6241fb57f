"""Claims on questions: among stores of one process, and among processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mechpert_al.agents.claims import Claims

KEY, OTHER = "a" * 64, "b" * 64


def claimed_elsewhere(path: Path, key: str) -> bool:
    """Whether another process can have the claim."""
    code = (
        "import sys; from pathlib import Path; from mechpert_al.agents.claims import Claims; "
        "print(Claims(Path(sys.argv[1])).claim(sys.argv[2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path, key], capture_output=True, text=True, check=True
    )
    return done.stdout.strip() == "True"


def test_two_stores_of_one_process_never_have_the_same_question(tmp_path):
    one, other = Claims(tmp_path / "claims"), Claims(tmp_path / "claims")
    assert one.claim(KEY)
    assert one.claim(KEY)
    assert not other.claim(KEY)
    other.release(KEY)  # is not its to give
    assert not other.claim(KEY)
    one.release(KEY)
    assert other.claim(KEY)
    other.close()
    assert one.claim(KEY)
    one.close()


def test_closing_one_store_keeps_the_claims_of_the_other_against_other_processes(tmp_path):
    path = tmp_path / "claims"
    one, other = Claims(path), Claims(path)
    assert one.claim(KEY)
    assert other.claim(OTHER)
    other.close()
    assert not claimed_elsewhere(path, KEY)
    assert claimed_elsewhere(path, OTHER)
    one.close()
    assert claimed_elsewhere(path, KEY)
