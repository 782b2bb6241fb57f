"""Examples that come with the package, and where files named in other files are looked for."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from mechpert_al.errors import DataError, did_you_mean_file

#: Names the folder of the user's data.
DATA_VARIABLE = "MECHPERT_AL_DATA"
#: Names the folder for downloads and what is computed once.
CACHE_VARIABLE = "MECHPERT_AL_CACHE"


def cache_dir() -> Path:
    """Folder for downloads and what is computed once; it may not exist yet."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen)
    import platformdirs

    return platformdirs.user_cache_path("mechpert-al")


def shipped_panels() -> dict[str, Path]:
    """The recorded panels that come with the package: folder by name."""
    folder = _folder("configs") / "panels"
    return {
        path.parent.name: path.parent
        for path in sorted(folder.glob("*/panel.json"))  # none where no panel was packed
    }


def shipped_configs() -> dict[str, Path]:
    """The panel descriptions that come with the package: TOML file by name."""
    return {path.stem: path for path in sorted(_folder("configs").glob("*.toml"))}


def shipped_loops() -> dict[str, Path]:
    """The loop files that come with the package: TOML file by name."""
    return {path.stem: path for path in sorted(_folder("loops").glob("*.toml"))}


def resolve(path: str | Path, relative_to: str | Path | None = None) -> Path:
    """Find a file or folder named by a person.

    Parameters
    ----------
    path
        As it is written.
    relative_to
        The file in which it is written, or a folder; the working directory by default.

    Returns
    -------
    Path
        The first that exists: beside ``relative_to``, in the folder named by the environment
        variable MECHPERT_AL_DATA, among the shipped examples (``configs/…`` and ``loops/…`` of
        this package, or a shipped panel by its name).

    Raises
    ------
    DataError
        If there is none; the message lists where it was looked for.
    """
    wanted = Path(path).expanduser()
    start = _start(relative_to)
    places = [start]
    data = os.environ.get(DATA_VARIABLE)
    if data:
        places.append(Path(data))
    configs = _folder("configs")
    places += [configs, configs / "panels", _folder("loops")]
    tried = list(dict.fromkeys(place / wanted for place in places))  # one, if it is absolute
    if not start.exists():  # a folder to come: the system cannot walk through it and back
        tried[0] = Path(os.path.normpath(tried[0]))
    for place in tried:
        if place.exists():
            return place
    hint = "" if data or wanted.is_absolute() else f" {DATA_VARIABLE} is not set."
    raise DataError(
        f"{path}: no such file or folder",
        f"{did_you_mean_file(tried)}Looked for {', '.join(map(str, tried))}.{hint}",
    )


def _start(relative_to: str | Path | None) -> Path:
    if relative_to is None:
        return Path()
    start = Path(relative_to)
    return start if start.is_dir() else start.parent


def _folder(package: str) -> Path:
    return Path(str(resources.files(f"mechpert_al.{package}")))
