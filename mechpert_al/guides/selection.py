"""Guides for chosen genes, checked all at once before anything is ordered.

What the sequencer's software refuses, and what would be ordered twice or not at all, shows weeks
later otherwise. A *problem* stops an order unless it is to be mended; then identifiers are changed
and unusable guides left out, each one said. A *note* is said either way.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mechpert_al.errors import DataError, UsageError
from mechpert_al.guides.library import GuideLibrary, LibraryRow
from mechpert_al.symbols import match

#: Target of a control guide, as Cell Ranger spells it.
NON_TARGETING = "Non-Targeting"
#: Control guides if no number is asked for: this share of all guides, and at least so many.
CONTROL_SHARE, LEAST_CONTROLS = 0.05, 10
#: What identifiers must not hold, beside blanks and what is not ASCII.
FORBIDDEN = "/\\,'\"`"
_ALLOWED = re.compile(r"[!-~]+")
_GENE_ID = re.compile(r"ENS[A-Z]*[GT]\d+")
#: Genes on both sex chromosomes stand in libraries once for each of them.
BOTH_SEXES = ("_X", "_Y", "_PAR_X", "_PAR_Y")


@dataclass(frozen=True)
class Guide:
    """A guide to be ordered.

    Parameters
    ----------
    id
        Unique; printable ASCII without blanks, slashes, commas and quotes.
    sequence
        Spacer, capital letters A, C, G, T.
    gene
        Symbol as it was chosen; `NON_TARGETING` for a control.
    ensembl_id
        Of the gene, where known.
    line
        Where it stands in the library.
    """

    id: str
    sequence: str
    gene: str
    ensembl_id: str
    line: int

    @property
    def is_control(self) -> bool:
        """Whether it has no target."""
        return self.gene == NON_TARGETING


@dataclass(frozen=True)
class GuideOrder:
    """Guides of an order.

    Parameters
    ----------
    guides
        Gene by gene in the order of the genes, controls last.
    without_guides
        Chosen genes that have none.
    problems
        What stands against ordering them as they are, with lines.
    notes
        What else should be known, with lines.
    """

    guides: tuple[Guide, ...]
    without_guides: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def n_controls(self) -> int:
        """How many guides have no target."""
        return sum(guide.is_control for guide in self.guides)


class _Findings:
    """What is wrong and what is remarkable, each with its lines."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._problems: list[tuple[int, str]] = []
        self._notes: list[tuple[int, str]] = []

    def problem(self, what: str, *lines: int) -> None:
        self._problems.append(self._placed(what, lines))

    def note(self, what: str, *lines: int) -> None:
        self._notes.append(self._placed(what, lines))

    @property
    def problems(self) -> tuple[str, ...]:
        """In the order of the lines."""
        return tuple(text for _, text in sorted(self._problems))

    @property
    def notes(self) -> tuple[str, ...]:
        """In the order of the lines."""
        return tuple(text for _, text in sorted(self._notes))

    def _placed(self, what: str, lines: Sequence[int]) -> tuple[int, str]:
        if not lines:
            return 0, f"{self.source}: {what}"
        named = " and ".join(f"line {line}" for line in lines)
        return min(lines), f"{self.source}, {named}: {what}"


def select_guides(
    genes: Mapping[str, str] | Iterable[str],
    library: GuideLibrary,
    *,
    controls: float | None = None,
    guides_per_gene: int | None = None,
    needs_ids: bool = False,
    mend: bool = False,
) -> GuideOrder:
    """Guides for genes, and control guides with them.

    Parameters
    ----------
    genes
        Chosen genes in order; a mapping gives the Ensembl id of each ("" = not known).
    library
        Where guides come from.
    controls
        Control guides: a number, or below 1 a share of all guides. By default 5 % and at least 10,
        or as many as the library has.
    guides_per_gene
        The most guides of one gene, the first of the library.
    needs_ids
        Whether a gene without an Ensembl id is a problem.
    mend
        Change identifiers that are refused and leave out guides that cannot be used.

    Raises
    ------
    DataError
        Listing every problem with its line, unless they are to be mended; or fewer control guides
        than were asked for.
    UsageError
        A number of controls that is neither a whole number nor a share.
    """
    wanted = dict(genes) if isinstance(genes, Mapping) else dict.fromkeys(genes, "")
    found = _Findings(library.source)
    rows = _rows_of(list(wanted), library, found)
    usable = _specific({gene: _usable(gene, rows[gene], found) for gene in rows}, found)
    usable = {gene: ours[:guides_per_gene] for gene, ours in usable.items()}
    without = tuple(gene for gene, ours in usable.items() if not ours)
    for gene in without:
        if rows[gene]:
            found.problem(f"{gene} has no usable guide")
    targeting = [(gene, row) for gene, ours in usable.items() for row in ours]
    n_controls = _number_of_controls(controls, len(targeting))
    none = [
        (NON_TARGETING, row) for row in _controls(library, n_controls, controls is not None, found)
    ]
    guides = [
        Guide(row.id, row.sequence, gene, wanted.get(gene) or row.ensembl_id, row.line)
        for gene, row in (*targeting, *none)
    ]
    if needs_ids:
        for gene in dict.fromkeys(
            one.gene for one in guides if not (one.is_control or one.ensembl_id)
        ):
            found.problem(f"the Ensembl id of {gene} is not known")
    _note_lengths(guides, found)
    is_all = guides_per_gene is None
    looked_at = (
        [row for ours in rows.values() for row in ours] if is_all else [r for _, r in targeting]
    )
    _check_ids([*looked_at, *(row for _, row in none)], found)
    if found.problems and not mend:
        raise DataError(
            "\n".join([*found.problems, *found.notes]),
            f"{len(found.problems)} problems, nothing was written. Correct the library; or "
            "--mend changes the identifiers and leaves out the guides that cannot be used.",
        )
    mended, changes = _with_good_ids(guides, library.source)
    return GuideOrder(tuple(mended), without, found.problems, (*found.notes, *changes))


# ---------------------------------------------------------------------- which guides
def _rows_of(
    genes: Sequence[str], library: GuideLibrary, found: _Findings
) -> dict[str, tuple[LibraryRow, ...]]:
    """Rows of each gene, under whatever name the library has it."""
    matching = match(genes, library.of_gene, source=library.source)
    for one in matching.renamed:
        found.note(f"{one.name} is called {one.reference} here ({one.why})")
    why = {one.name: one.why for one in matching.unmatched}
    rows = {}
    for gene in genes:
        if gene in matching.mapping:
            rows[gene] = library.of_gene[matching.mapping[gene]]
            continue
        names = [gene + tail for tail in BOTH_SEXES if gene + tail in library.of_gene]
        rows[gene] = tuple(row for name in names for row in library.of_gene[name])
        if names:
            lines = [row.line for row in rows[gene]]
            found.note(
                f"{gene} has no guide under its own name; {' and '.join(names)} "
                f"(lines {min(lines)} to {max(lines)}) are its two copies and hold "
                f"{len({row.sequence.upper() for row in rows[gene]})} spacers"
            )
        else:
            found.note(f"{gene} was chosen and has no guide: {why[gene]}")
    return rows


def _usable(gene: str, rows: Sequence[LibraryRow], found: _Findings) -> tuple[LibraryRow, ...]:
    """Rows with a spacer that can be ordered, each spacer once, in capital letters."""
    kept: dict[str, LibraryRow] = {}
    for row in rows:
        spacer = row.sequence.upper()
        wrong = sorted(set(spacer) - set("ACGT"))
        if wrong or not spacer:
            what = f"holds {', '.join(wrong)}" if wrong else "is empty"
            found.problem(f"the sequence of {row.id!r} ({gene}) {what}: not usable", row.line)
            continue
        if spacer != row.sequence:
            found.note(f"the sequence of {row.id!r} has small letters, made capital", row.line)
        if spacer in kept:
            first = kept[spacer]
            found.note(
                f"{row.id!r} has the spacer of {first.id!r}: ordered once", first.line, row.line
            )
            continue
        kept[spacer] = replace(row, sequence=spacer)
    return tuple(kept.values())


def _specific(
    usable: Mapping[str, tuple[LibraryRow, ...]], found: _Findings
) -> dict[str, tuple[LibraryRow, ...]]:
    """The rows whose spacer stands for one of the genes only."""
    genes: dict[str, list[tuple[str, LibraryRow]]] = {}
    for gene, rows in usable.items():
        for row in rows:
            genes.setdefault(row.sequence, []).append((gene, row))
    shared = {spacer for spacer, owners in genes.items() if len(owners) > 1}
    for spacer in shared:
        names = " and ".join(gene for gene, _ in genes[spacer])
        found.problem(
            f"the spacer {spacer} stands for {names}: not usable",
            *(row.line for _, row in genes[spacer]),
        )
    return {
        gene: tuple(row for row in rows if row.sequence not in shared)
        for gene, rows in usable.items()
    }


def _controls(
    library: GuideLibrary, n: int, is_asked: bool, found: _Findings
) -> tuple[LibraryRow, ...]:
    """The first usable control guides of the library: the same in every order."""
    taken = {row.sequence.upper() for rows in library.of_gene.values() for row in rows}
    there = [
        row
        for row in _usable("control", library.controls, _Findings(library.source))
        if row.sequence not in taken
    ]
    if len(there) < n and is_asked:
        raise DataError(
            f"{library.source}: {n} control guides were asked for, the library has {len(there)}",
            "Ask for fewer (--control-guides), or give a library that has them.",
        )
    if n and not there:
        found.note("no control guide in this library, none is ordered")
    chosen = {(row.line, row.id) for row in there[:n]}
    return _usable(
        "control", [row for row in library.controls if (row.line, row.id) in chosen], found
    )


def _number_of_controls(asked: float | None, n_guides: int) -> int:
    share = CONTROL_SHARE if asked is None else asked
    if not 0 <= share < math.inf or (share > 1 and share != int(share)):
        raise UsageError(
            f"{share:g} control guides were asked for",
            "Ask for a whole number, or for a share of all guides between 0 and 1.",
        )
    if share >= 1:
        return int(share)
    n = math.ceil(share * n_guides / (1 - share) - 1e-9)  # n / (n + n_guides) is the share
    return max(n, LEAST_CONTROLS) if asked is None else n


def _note_lengths(guides: Sequence[Guide], found: _Findings) -> None:
    if not guides:
        return
    usual, _ = Counter(len(guide.sequence) for guide in guides).most_common(1)[0]
    for guide in guides:
        if len(guide.sequence) != usual:
            found.note(
                f"the sequence of {guide.id!r} has {len(guide.sequence)} letters, "
                f"most others {usual}",
                guide.line,
            )


# ---------------------------------------------------------------------- identifiers
def _check_ids(rows: Sequence[LibraryRow], found: _Findings) -> None:
    """Identifiers that the counting software refuses, and those that stand for two guides."""
    for row in rows:
        if what := _refused(row.id):
            found.problem(f"the identifier {row.id!r} {what}", row.line)
    spacers: dict[str, dict[str, int]] = {}
    for row in rows:
        spacers.setdefault(row.id, {}).setdefault(row.sequence.upper(), row.line)
    for name, places in spacers.items():
        if len(places) > 1:
            found.problem(
                f"the identifier {name!r} stands for {len(places)} sequences", *places.values()
            )


def _refused(name: str) -> str:
    """Why an identifier is refused; empty if it is not."""
    if not name:
        return "is empty"
    if _GENE_ID.fullmatch(name):
        return "is that of a gene"
    held = [repr(letter) for letter in FORBIDDEN if letter in name]
    if any(letter.isspace() for letter in name):
        held.append("a blank")
    if not name.isascii():
        held.append("letters that are not ASCII")
    if not held and not _ALLOWED.fullmatch(name):
        held.append("characters that cannot be printed")
    return f"holds {', '.join(held)}" if held else ""


def _with_good_ids(guides: Sequence[Guide], source: str) -> tuple[list[Guide], list[str]]:
    """The guides with identifiers that are allowed and unique, and what was changed."""
    taken = Counter(guide.id for guide in guides)
    good, changes, used = [], [], set[str]()
    for guide in guides:
        name = guide.id
        if _refused(name):
            name = _allowed(name, guide.gene)
        stem, number = name, 1
        while name in used or (name != guide.id and name in taken):
            number += 1
            name = f"{stem}_{number}"
        if name != guide.id:
            changes.append(f"{source}, line {guide.line}: {guide.id!r} is ordered as {name}")
        used.add(name)
        good.append(replace(guide, id=name))
    return good, changes


def _allowed(name: str, gene: str) -> str:
    """An identifier like this one, without what is refused."""
    if _GENE_ID.fullmatch(name):
        return f"{gene}_{name}"
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "replace").decode()
    plain = re.sub(rf"[^!-~]|[?{re.escape(FORBIDDEN)}]", "_", plain)
    return re.sub(r"_+", "_", plain).strip("_") or f"{gene}_guide"
