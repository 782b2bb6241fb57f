"""One writer at a time, and no lock that outlives its process."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mechpert_al.campaign.lock import BusyError, writing_alone

HOLD = """
import sys, time
from pathlib import Path
from mechpert_al.campaign.lock import writing_alone
with writing_alone(Path(sys.argv[1]), 0):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl.lock"


@pytest.fixture
def holder(lock: Path) -> Iterator[subprocess.Popen]:
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize(
    "content", ["4194304999\n", "1\n", "", "another program's words\n", "\0\xff"]
)
def test_a_lock_file_that_was_left_behind_holds_nobody_up(lock, content):
    lock.write_text(content, encoding="latin-1")

    with writing_alone(lock, 0):
        assert lock.read_text() == f"{os.getpid()}\n"


def test_a_second_writer_is_told_who_the_first_is(lock, holder):
    with pytest.raises(BusyError, match=f"process {holder.pid}"), writing_alone(lock, 0.2):
        pytest.fail("two writers at once")


def test_the_lock_dies_with_its_process(lock, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()

    with writing_alone(lock, 0):
        pass


def test_a_second_writer_waits_a_little(lock, holder):
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:  # ends the holder in a while
        time.sleep(0.3)
        os.kill(holder.pid, signal.SIGKILL)
        os._exit(0)

    with writing_alone(lock, 30):
        waited = time.monotonic() - begun

    os.waitpid(pid, 0)
    assert waited >= 0.3


def test_the_lock_of_a_file_that_was_removed_is_none(lock, monkeypatch):
    """Between opening the file and locking it, somebody removes it: others would lock a new one."""
    flock, handles = fcntl.flock, []

    def removed_meanwhile(handle: int, how: int) -> None:
        if not handles:
            lock.unlink()
        handles.append(handle)
        flock(handle, how)

    monkeypatch.setattr("mechpert_al.campaign.lock.fcntl.flock", removed_meanwhile)

    with writing_alone(lock, 5):
        assert len(handles) == 2
        assert lock.exists()


def test_the_lock_is_free_after_an_error(lock):
    with pytest.raises(ZeroDivisionError), writing_alone(lock, 0):
        raise ZeroDivisionError
    with writing_alone(lock, 0):
        pass
