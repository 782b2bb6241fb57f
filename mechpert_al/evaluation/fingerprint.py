"""What the numbers of a comparison follow from, as one hash: settings, inputs and the program."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

import mechpert_al
from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.design.strategy import build_strategy
from mechpert_al.evaluation.protocol import Protocol
from mechpert_al.prediction.catalogue import predictor_method

#: Libraries whose version may change digits.
LIBRARIES = ("numpy", "scipy", "scikit-learn")
#: Parts of this package that show numbers and make none.
SHOWING = ("cli", "report", "campaign", "guides", "testing")


def fingerprint(value: Any) -> str:
    """SHA-256 of a value made of plain ones, arrays, sparse matrices and dataclasses.

    Of a dataclass what it was made from counts, not what it computed since.
    """
    digest = hashlib.sha256()
    for piece in _pieces(value):
        digest.update(len(piece).to_bytes(8, "big"))
        digest.update(piece)
    return digest.hexdigest()


def _pieces(value: Any) -> Iterable[bytes]:
    """A value as bytes that no other value has."""
    yield type(value).__name__.encode()
    if value is None or isinstance(value, (str, int, float)):
        yield repr(value).encode()
    elif isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("an array of objects has no fingerprint")
        yield f"{value.dtype.str}{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    else:
        parts = _parts(value)
        yield str(len(parts)).encode()
        for part in parts:
            yield from _pieces(part)


def _parts(value: Any) -> Sequence[Any]:
    """What a compound value is made of."""
    if isinstance(value, Sequence):
        return value
    if isinstance(value, Mapping):
        return [list(value), list(value.values())]
    if is_dataclass(value):
        return [(one.name, getattr(value, one.name)) for one in fields(value) if one.init]
    if sparse.issparse(value):
        rows = sparse.csr_array(value)
        return [rows.shape, rows.indptr, rows.indices, rows.data]
    raise TypeError(f"a {type(value).__name__} has no fingerprint")


@cache
def program() -> str:
    """SHA-256 of the sources of this package that make numbers, and of the libraries' versions."""
    root = Path(mechpert_al.__file__).parent
    versions = [mechpert_al.__version__, *(f"{name} {version(name)}" for name in LIBRARIES)]
    digest = hashlib.sha256("\n".join(versions).encode())
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root)
        if place.parts[0] not in SHOWING:
            digest.update(f"{place.as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def plugins(protocol: Protocol, knowledge: Knowledge) -> list[str]:
    """Names and hashes of the modules of strategies and predictors that other packages bring."""
    makers = [type(build_strategy(name)).__module__ for name in protocol.designs]
    makers += [predictor_method(name, knowledge).build.__module__ for name in protocol.predictors]
    foreign = sorted({name for name in makers if name.split(".")[0] != mechpert_al.__name__})
    files = [getattr(sys.modules.get(name), "__file__", None) for name in foreign]
    return [
        f"{name} {hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ''}"
        for name, file in zip(foreign, files, strict=True)
    ]
