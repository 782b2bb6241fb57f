"""Names in a network file: of the right species, and one name for each gene.

Links are a set, so two names of one gene become one gene with the links of both. Otherwise every
name stays as the file has it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from mechpert_al.errors import DataError
from mechpert_al.networks.prior import LeftOut, Renamed
from mechpert_al.symbols import Identity, SymbolTable


class Foreign(NamedTuple):
    """A form of names that are no human gene symbols.

    ``is_spelling`` marks what another species' symbols look like: it counts only for names that in
    capitals are human symbols, so that invented names are left in peace.
    """

    form: re.Pattern[str]
    what: str
    hint: str
    is_spelling: bool = False


FOREIGN = (
    Foreign(
        re.compile(r"(?!9606\.)\d{3,7}\.\S+"),
        "proteins of another species (the number in front is its NCBI taxon; human is 9606)",
        "Give the human network.",
    ),
    Foreign(
        re.compile(r"9606\.ENSP\d+"),
        "STRING protein ids",
        "Give STRING's own file of links, and with --info its protein.info or protein.aliases.",
    ),
    Foreign(
        re.compile(r"ENSMUS[GPT]\d+(\.\d+)?"),
        "Ensembl ids of the mouse",
        "Give the human network.",
    ),
    Foreign(
        re.compile(r"ENS[A-Z]*[GPT]\d{11}(\.\d+)?"),
        "Ensembl ids",
        "Replace them by gene symbols.",
    ),
    Foreign(
        re.compile(r"([OPQ]\d[A-Z0-9]{3}\d|[A-NR-Z]\d([A-Z][A-Z0-9]{2}\d){1,2})(-\d+)?"),
        "UniProt accessions",
        "Replace them by gene symbols.",
    ),
    Foreign(
        re.compile(r"[A-Z][a-z]+[a-z0-9-]*"),
        "gene symbols of the mouse or rat",
        "Give the human network, or map the genes to their human orthologues first.",
        is_spelling=True,
    ),
    Foreign(
        re.compile(r"[a-z][a-z0-9-]*"),
        "gene symbols in small letters, as of the zebrafish",
        "Give the human network, with symbols as HGNC writes them.",
        is_spelling=True,
    ),
    Foreign(
        re.compile(r"\d+"),
        "numbers, such as NCBI (Entrez) gene ids",
        "Replace them by gene symbols.",
    ),
)
#: Above this share of the names the whole file is taken to be foreign.
FOREIGN_SHARE = 0.5


def refuse_foreign(names: Sequence[str], table: SymbolTable, path: object) -> None:
    """Stop at a network that is not of human gene symbols.

    Parameters
    ----------
    names
        Distinct names of the file.
    table
        The symbol table.
    path
        The file, for the message.

    Raises
    ------
    DataError
        If most names have the form of something else.
    """
    for one in FOREIGN:
        found = [name for name in names if one.form.fullmatch(name)]
        if one.is_spelling:
            found = [name for name in found if not table.is_symbol(name)]
            known = [name for name in found if table.is_symbol(name.upper())]
            if 2 * len(known) < len(found):
                continue
        if len(found) > FOREIGN_SHARE * len(names):
            raise DataError(
                f"{path}: {len(found)} of {len(names)} names look like {one.what}: "
                f"{', '.join(found[:3])}; expected human gene symbols such as TP53",
                one.hint,
            )


def one_name_each(
    names: Sequence[str], lines: Sequence[int], table: SymbolTable
) -> tuple[list[str | None], list[Renamed], list[LeftOut]]:
    """The gene of each name.

    A name goes over to the gene it denotes if that gene stands in the file under its approved
    symbol, or under another former symbol. A name that may be one of several genes is left out if
    one of them stands in the file: its links would be given to the wrong one or split.

    Parameters
    ----------
    names
        Distinct names of the file.
    lines
        The first line of each.
    table
        The symbol table.

    Returns
    -------
    list
        For each name the gene; None if it is left out.
    list of Renamed
        Names that were given to another name.
    list of LeftOut
        Names that were left out.
    """
    identities = table.identify(names)
    sharing: dict[str, list[str]] = defaultdict(list)
    for one in identities.values():
        if one.why in ("approved", "previous symbol"):
            sharing[str(one.gene)].append(one.name)
    present = set(names)
    genes: list[str | None] = []
    renamed, left_out = [], []
    for name, line in zip(names, lines, strict=True):
        one = identities[name]
        if damage := table.damage(name):
            genes.append(None)
            left_out.append(LeftOut(name, line, str(damage)))
        elif one.why == "ambiguous" and any(gene in sharing for gene in one.possible):
            genes.append(None)
            left_out.append(LeftOut(name, line, f"may be {' or '.join(one.possible)}"))
        elif _goes_over(one, sharing, present):
            genes.append(one.gene)
            renamed.append(Renamed(name, str(one.gene), line, f"{one.why} of {one.gene}"))
        else:
            genes.append(name)
    return genes, renamed, left_out


def _goes_over(one: Identity, sharing: dict[str, list[str]], present: set[str]) -> bool:
    if one.gene is None or one.gene == one.name:
        return False
    return one.gene in present or (one.why != "alias" and len(sharing[one.gene]) > 1)
