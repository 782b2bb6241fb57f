"""What live agents need on this machine, looked at line by line, each with its remedy."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from mechpert_al.agents.description import Description
from mechpert_al.agents.faults import Fault
from mechpert_al.agents.hosts import addresses, named
from mechpert_al.agents.models import Model
from mechpert_al.agents.ollama import Server, how_to_get
from mechpert_al.datasets import DATA_VARIABLE, cache_dir
from mechpert_al.datasets.shipped import CACHE_VARIABLE
from mechpert_al.errors import MechPertError
from mechpert_al.symbols import SymbolTable

#: Below this many gigabytes a disk counts as nearly full.
LEAST_FREE = 2.0
#: Servers that are looked for at the same time.
PROBES = 8
PACKAGES = ("mechpert-al", "ollama", "httpx", "numpy", "scipy", "pandas", "anndata", "scikit-learn")


class Line(NamedTuple):
    """One thing that was looked at; ``remedy`` is empty when all is well.

    ``is_needed`` is false for what is not there and need not be.
    """

    what: str
    is_well: bool
    found: str
    remedy: str = ""
    is_needed: bool = True

    @property
    def is_wrong(self) -> bool:
        """Whether something must be mended."""
        return self.is_needed and not self.is_well


def checkup(
    descriptions: Sequence[Description], hosts: Sequence[str] = (), *, is_needed: bool = True
) -> Iterator[Line]:
    """Look at servers, models, the symbol table, versions and disks.

    Parameters
    ----------
    descriptions
        Panels that one would like to ask.
    hosts
        Addresses of servers; those of the descriptions by default.
    is_needed
        Whether their models must be there; otherwise any model will do.
    """
    wanted: dict[str, dict[str, Description]] = {}
    for one in descriptions:
        for agent in one.agents.values():
            for address in addresses(one, hosts, agent.name):
                wanted.setdefault(address, {}).setdefault(agent.model, one)
    with ThreadPoolExecutor(PROBES) as pool:  # those that are away answer late, or never
        seen = dict(zip(wanted, pool.map(_seen, wanted), strict=True))
    somewhere = {
        name
        for address, found in seen.items()
        if not isinstance(found, Fault)
        for name in wanted[address]
        if named(name, found[1])
    }
    for address, models in wanted.items():
        yield from _server(address, seen[address], models, somewhere, is_needed)
    yield _symbols()
    yield from _versions()
    yield from _disks()
    yield _data()


def _seen(address: str) -> tuple[str, Mapping[str, Model]] | Fault:
    """The version and the models of a server."""
    server = Server(address)
    try:
        return server.version(), server.models()
    except Fault as fault:
        return fault
    finally:
        server.close()


def _server(
    address: str,
    seen: tuple[str, Mapping[str, Model]] | Fault,
    needed: Mapping[str, Description],
    somewhere: Collection[str],
    is_needed: bool,
) -> Iterator[Line]:
    """A server, and the models that are to be asked there; one of several servers may lack some."""
    if isinstance(seen, Fault):
        yield Line(f"server {address}", False, seen.message, seen.hint)
        return
    version, there = seen
    yield Line(f"server {address}", True, f"Ollama {version}")
    for name, description in needed.items():
        model = named(name, there)
        what = f"model {name} (panel {description.settings.name})"
        if model is None:
            is_wanted = (is_needed or not there) and name not in somewhere
            remedy = how_to_get(name, lambda: there)
            yield Line(what, False, f"not at {address}", remedy, is_wanted)
        else:
            yield Line(what, True, f"{model.parameters} {model.quantisation} {model.digest[:12]}")


def _symbols() -> Line:
    try:
        table = SymbolTable.default()
    except MechPertError as error:
        return Line("symbols", False, error.message, error.hint)
    return Line("symbols", True, f"{len(table.approved)} approved symbols, {table.origin}")


def _versions() -> Iterator[Line]:
    yield Line("Python", True, sys.version.split()[0])
    for package in PACKAGES:
        try:
            yield Line(package, True, version(package))
        except PackageNotFoundError:
            yield Line(package, False, "not installed", f"pip install {package}")


def _disks() -> Iterator[Line]:
    for what, folder, variable in (
        ("disk of the cache", cache_dir(), CACHE_VARIABLE),
        ("disk of this folder", Path.cwd(), ""),
    ):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free / 1e9
        is_well = free >= LEAST_FREE
        remedy = "Make room" + (f", or name another folder in {variable}." if variable else ".")
        yield Line(what, is_well, f"{free:.1f} GB free ({folder})", "" if is_well else remedy)


def _data() -> Line:
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        return Line("data folder", True, f"{DATA_VARIABLE} is not set (shipped examples only)")
    if Path(folder).is_dir():
        return Line("data folder", True, folder)
    return Line("data folder", False, f"{folder} is no folder", f"Set {DATA_VARIABLE} anew.")
