"""The journal of a campaign: one record a line, and nothing is ever written but at its end.

Each line is one JSON object::

    {"seq": 3, "previous": "<hash of record 2>", "kind": "ingested", …, "hash": "<SHA-256>"}

``hash`` is the SHA-256 of the line's own text without it, ``previous`` that of the record before.
So a record that was changed, lost, repeated or moved is found, with its line.

A record counts once its line is on the disk. A process that is killed while it writes, or a machine
that goes down, leaves half a line (or zero bytes) behind the last whole record: that, and only
that, is tolerated. The next record takes its place. Any other damage is an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mechpert_al import atomic
from mechpert_al.errors import DataError, IntegrityError

#: Stands in the first record.
FORMAT = "mechpert-al campaign 1"
_FORMATS = re.compile(r"mechpert-al campaign (\d+)")
_SEAL = re.compile(rb', "hash": "([0-9a-f]{64})"\}\Z')
MEND = (
    "Nothing was changed. Put the journal back from a backup; the measurements themselves lie in "
    "the folder 'ingested'."
)


@dataclass(frozen=True)
class Record:
    """A whole record.

    Parameters
    ----------
    number
        1 for the first; also its line.
    hash
        SHA-256 of its text.
    content
        What it says, without number and hashes.
    """

    number: int
    hash: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """What a journal held when it was read.

    Parameters
    ----------
    records
        Its whole records.
    size
        Bytes up to the end of the last whole record.
    is_ended
        Whether a line end follows the last record.
    torn
        What stands behind the last record and is none.
    """

    records: tuple[Record, ...] = ()
    size: int = 0
    is_ended: bool = True
    torn: bytes = b""

    @property
    def last_hash(self) -> str:
        """Hash of the last record; empty before the first."""
        return self.records[-1].hash if self.records else ""

    @property
    def notices(self) -> tuple[str, ...]:
        """What the reader should know."""
        if not self.torn:
            return ()
        line = len(self.records) + 1
        return (
            f"the last line of the journal (line {line}) is not whole: a command was killed while "
            f"it wrote, or is writing now. The {len(self.records)} records before it count; what "
            f"line {line} was to record did not happen.",
        )


class Journal:
    """The journal file of a campaign.

    Only one process may append at a time (see `mechpert_al.campaign.lock`); anyone may read.

    Parameters
    ----------
    path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    # ------------------------------------------------------------------ reading
    def read(self) -> Reading:
        """All records, checked.

        Raises
        ------
        IntegrityError
            Damage other than a torn last line: the message names the line and what is wrong.
        DataError
            If there is no such file, or it was written by a newer version.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror})") from error
        if not data.strip(b"\0"):
            raise IntegrityError(f"{self.path}: the journal is empty, no record is left", MEND)
        *lines, tail = data.split(b"\n")
        records: list[Record] = []
        for line in lines:
            records.append(self._record(line, records))
        size = len(data) - len(tail)
        text = tail.rstrip(b"\0")
        if not _is_whole(text):
            reading = Reading(tuple(records), size, torn=tail)
        else:
            records.append(self._record(text, records))
            reading = Reading(tuple(records), size + len(text), False, tail[len(text) :])
        if not reading.records:
            raise IntegrityError(
                f"{self.path}: line 1 is not whole, no record is left",
                f"{MEND} If the campaign was only just begun, remove it and begin again.",
            )
        return reading

    def _record(self, line: bytes, before: list[Record]) -> Record:
        """The record on the next line."""
        number = len(before) + 1
        try:
            record = _opened(line, number, before[-1].hash if before else "")
        except ValueError as error:
            raise IntegrityError(f"{self.path}, line {number}: {error}", MEND) from error
        if number == 1 and "format" in record.content:
            self._check_format(record.content["format"])
        return record

    def _check_format(self, found: Any) -> None:
        if found != FORMAT:
            version = _FORMATS.fullmatch(str(found))
            newer = version is not None and int(version[1]) > 1
            raise DataError(
                f"{self.path}: in the format {found!r}, this version reads {FORMAT!r}",
                "Install a newer mechpert-al." if newer else "Was it written by another program?",
            )

    # ------------------------------------------------------------------ appending
    def append(self, after: Reading, content: Mapping[str, Any]) -> Reading:
        """Write a record behind what was read, and wait until it is on the disk.

        Parameters
        ----------
        after
            What the journal holds; an empty reading begins a new journal.
        content
            Plain JSON values.

        Raises
        ------
        DataError
            If it cannot be written (the journal is then as it was), or if somebody else wrote.
        """
        record, line = _sealed(len(after.records) + 1, after.last_hash, content)
        data = line + b"\n" if after.is_ended else b"\n" + line + b"\n"
        if not after.records:
            self._begin(data)
            return Reading((record,), len(data))
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written ({error.strerror})") from error
        try:
            if os.fstat(handle).st_size != after.size + len(after.torn):
                raise DataError(
                    f"{self.path}: somebody else wrote to it in the meantime", "Try again."
                )
            self._write(handle, after.size, data)
        finally:
            os.close(handle)
        return Reading((*after.records, record), after.size + len(data))

    def _begin(self, data: bytes) -> None:
        """Make the file with its first record in one step: an empty journal never exists."""
        if self.path.exists():
            raise DataError(f"{self.path}: is there already", "A journal is begun once.")
        try:
            atomic.write_bytes(self.path, data)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written ({error.strerror})") from error

    def _write(self, handle: int, start: int, data: bytes) -> None:
        """Write at a place, in place of what stands there; on failure nothing stands there."""
        try:
            os.ftruncate(handle, start)
            os.lseek(handle, start, os.SEEK_SET)
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        except OSError as error:
            with suppress(OSError):  # then it stays behind, as the torn line that it is
                os.ftruncate(handle, start)
            raise DataError(
                f"{self.path}: cannot be written ({error.strerror}); nothing was recorded",
                "Make room on the disk, then try again.",
            ) from error


def _sealed(number: int, previous: str, content: Mapping[str, Any]) -> tuple[Record, bytes]:
    """A record and its line."""
    text = json.dumps({"seq": number, "previous": previous, **content}, allow_nan=False).encode()
    digest = hashlib.sha256(text).hexdigest()
    return Record(number, digest, dict(content)), text[:-1] + f', "hash": "{digest}"}}'.encode()


def _opened(line: bytes, number: int, previous: str) -> Record:
    """The record of a line.

    Raises
    ------
    ValueError
        Saying what is wrong with it.
    """
    try:
        content = json.loads(line)
    except ValueError as error:
        raise ValueError(f"not one whole record: {_start_of(line)}") from error
    if not isinstance(content, dict) or "seq" not in content:
        raise ValueError(f"not a record: {_start_of(line)}")
    seal = _SEAL.search(line)
    if seal is None or hashlib.sha256(line[: seal.start()] + b"}").hexdigest() != seal[1].decode():
        raise ValueError("the record was changed after it was written (its hash does not fit)")
    seq = content.pop("seq")
    if seq != number:
        what = f"record {number} is missing" if seq > number else f"record {seq} stands here again"
        raise ValueError(f"record {seq} where record {number} was expected: {what}")
    if content.pop("previous", None) != previous:
        raise ValueError(f"record {seq} continues another record than the one on line {seq - 1}")
    return Record(number, content.pop("hash"), content)


def _is_whole(text: bytes) -> bool:
    """Whether a text without line end is more than the beginning of a record."""
    try:
        json.JSONDecoder().raw_decode(text.decode(errors="replace"))
    except ValueError:
        return False
    return True


def _start_of(line: bytes) -> str:
    return repr(line[:60].decode(errors="replace")) + (" …" if len(line) > 60 else "")
