"""The network formats: each recognises its own header and says what gave it away."""

from __future__ import annotations

from mechpert_al.errors import DataError, UsageError
from mechpert_al.networks.formats.base import Format, Options
from mechpert_al.networks.formats.complexes import HUMAP
from mechpert_al.networks.formats.curated import BIOGRID, COLLECTRI, OMNIPATH, REACTOME, SIGNOR
from mechpert_al.networks.formats.graphs import GRAPHML, SIF
from mechpert_al.networks.formats.plain import PLAIN
from mechpert_al.networks.formats.string_db import STRING
from mechpert_al.textfile import TextFile

FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        STRING, BIOGRID, OMNIPATH, SIGNOR, COLLECTRI, HUMAP, REACTOME, SIF, GRAPHML, PLAIN,
    )
}  # fmt: skip

__all__ = ["FORMATS", "Format", "Options", "recognise"]


def recognise(file: TextFile, name: str | None = None) -> tuple[Format, str]:
    """The format of a file, and what gave it away.

    Parameters
    ----------
    file
        The file.
    name
        The format's name, if the user says it.

    Raises
    ------
    UsageError
        If there is no format of that name.
    DataError
        If no format or more than one fits.
    """
    if name is not None:
        if name not in FORMATS:
            raise UsageError(f"no network format {name!r}", f"Choose one of: {', '.join(FORMATS)}.")
        why = FORMATS[name].recognise(file)
        if not why and not FORMATS[name].may_be_told:
            raise DataError(
                f"{file.path}, line {file.n_comments + 1}: not {FORMATS[name].title}: "
                f"{file.first[:100]!r}",
                "Leave the format out to have it recognised.",
            )
        return FORMATS[name], why or "as told"
    fitting = [(one, why) for one in FORMATS.values() if (why := one.recognise(file))]
    if len(fitting) > 1:  # a plain edge list is what no database claims
        fitting = [(one, why) for one, why in fitting if one is not PLAIN]
    if len(fitting) == 1:
        return fitting[0]
    shown = file.first[:100]
    if not fitting:
        raise DataError(
            f"{file.path}, line {file.n_comments + 1}: not recognised as a network: {shown!r}",
            "Name the two columns of genes source and target, or say the format "
            f"({', '.join(FORMATS)}).",
        )
    raise DataError(
        f"{file.path}, line {file.n_comments + 1}: could be "
        + " or ".join(f"{one.title} ({why})" for one, why in fitting)
        + f": {shown!r}",
        f"Say which: format {' or '.join(one.name for one, _ in fitting)}.",
    )
