"""Files are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mechpert_al import atomic


def test_a_file_is_replaced_in_one_step(tmp_path):
    path = tmp_path / "deep" / "er" / "file.txt"
    atomic.write_bytes(path, b"old")

    with atomic.writing(path) as draft:
        draft.write_bytes(b"new")
        assert path.read_bytes() == b"old"
        assert draft.parent == path.parent

    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_no_draft(tmp_path):
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")

    def fail() -> None:
        with atomic.writing(path) as draft:
            draft.write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_others_may_read_it_as_the_umask_says(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()

    atomic.write_bytes(tmp_path / "file", b"")

    assert (tmp_path / "file").stat().st_mode == plain.stat().st_mode


def test_content_is_on_the_disk_before_the_name_and_the_name_before_the_return(
    tmp_path, monkeypatch
):
    calls = []
    fsync, replace = os.fsync, os.replace

    def seen_fsync(handle):
        calls.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file")
        fsync(handle)

    def seen_replace(source, target):
        calls.append("name")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(os, "replace", seen_replace)

    atomic.write_bytes(tmp_path / "new" / "file", b"content")

    assert calls == ["folder", "file", "name", "folder"]  # the first one keeps the new folder


def test_a_draft_that_is_not_published_is_gone(tmp_path):
    with atomic.draft(tmp_path, "name") as draft:
        assert draft.name.startswith(".name.")
        assert draft.name.endswith(atomic.SUFFIX)

    assert not draft.exists()
    assert isinstance(draft, Path)
