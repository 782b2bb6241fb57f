"""Where an effect table comes from: file names and the hashes of their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mechpert_al.effects.progress import tell

BLOCK = 1 << 24


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of all files of a folder."""
    digest = hashlib.sha256()
    if path.is_file():
        size = path.stat().st_size
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
                tell(f"{path}: checksum", stream.tell(), size)
        return digest.hexdigest()
    for part in sorted(path.rglob("*")):
        if part.is_file():
            digest.update(f"{part.relative_to(path).as_posix()}\n{sha256_of(part)}\n".encode())
    return digest.hexdigest()
