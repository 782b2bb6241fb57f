"""From any supported input to an effect table, with a report of everything that was decided.

Readers are plug-ins: each says whether it recognises a file, and why. Exactly one must.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol, get_args, get_origin, get_type_hints
from typing import Literal as Choice

from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import DataError, UsageError

READERS = "mechpert_al.readers"
DEFAULT_MIN_CELLS = 3
FEW_CELLS = 10


@dataclass(frozen=True)
class ConvertOptions:
    """How an input is to be read, where it does not say so itself.

    Parameters
    ----------
    kind
        Name of the reader; None: found.
    perturbation
        Column with the perturbation labels; None: found.
    perturbation_name
        The one perturbed gene of a table that has no such column.
    control
        Control labels; empty: found.
    batch
        Column by which cells are compared with the controls of their own batch only; ``none``: with
        all controls. None: single cells by the column ``batch``, if it is there and each of its
        batches with perturbed cells has controls enough.
    layer
        Matrix to read in place of ``X``; ``raw/X`` is the one that scanpy keeps aside.
    guide_calls
        Table with the labels of the cells, by barcode; None: looked for beside counts of Cell
        Ranger.
    min_cells
        Groups with fewer cells are not measured. The default is the smallest number from which a
        standard error means something; groups below ten cells, the floor of most tools of the
        field, are named in the report.
    readout_names
        ``symbol``, ``gene_ids`` or the name of a column of ``var``.
    duplicated_readouts
        What to do with readouts of one name: an error, or sum their counts.
    duplicated_rows
        What to do with rows of one perturbation: an error, or their mean (weighted by cells).
    keep_own_readout
        Keep the effect of a perturbation on the perturbed gene itself.
    shrink
        Shrink effects towards 0 by their standard errors.
    absent
        Whether a pair that a long table does not list is missing or zero.
    infinite
        Whether infinite effects are an error or count as missing.
    """

    kind: str | None = None
    perturbation: str | None = None
    perturbation_name: str | None = None
    control: tuple[str, ...] = ()
    batch: str | None = None
    layer: str | None = None
    guide_calls: str | None = None
    min_cells: int = DEFAULT_MIN_CELLS
    readout_names: str = "symbol"
    duplicated_readouts: Choice["error", "sum"] = "error"
    duplicated_rows: Choice["error", "mean"] = "error"
    keep_own_readout: bool = False
    shrink: bool = False
    absent: Choice["missing", "zero"] = "missing"
    infinite: Choice["error", "missing"] | None = None

    def __post_init__(self) -> None:
        control = (self.control,) if isinstance(self.control, str) else tuple(self.control)
        object.__setattr__(self, "control", control)
        if self.guide_calls is not None:
            object.__setattr__(self, "guide_calls", str(self.guide_calls))
        for name, hint in get_type_hints(type(self)).items():
            choices = _choices(hint)
            if choices and getattr(self, name) not in choices:
                valid = ", ".join(map(repr, choices))
                raise UsageError(f"{name} is {getattr(self, name)!r}", f"Valid values: {valid}.")
        if self.min_cells < 1:
            raise UsageError(f"min_cells is {self.min_cells}", "It must be at least 1.")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> ConvertOptions:
        """Options by name.

        Raises
        ------
        UsageError
            If a name or a value is not valid.
        """
        valid = [option.name for option in fields(cls)]
        unknown = [name for name in options if name not in valid]
        if unknown:
            raise UsageError(
                f"unknown option {', '.join(map(repr, unknown))}", f"Valid: {', '.join(valid)}."
            )
        return cls(**options)


@dataclass(frozen=True)
class KnockDown:
    """What a perturbation did to the perturbed gene itself.

    Parameters
    ----------
    effect
        On the own readout, in the unit of the table.
    remaining
        Mean expression, perturbed over control; None where the source does not tell.
    has_failed
        The own readout is not lower than in the controls by three standard errors, although a
        fall by half would be. Knock-outs need not lower the messenger RNA: there it is no failure.
    """

    effect: float
    remaining: float | None = None
    has_failed: bool = False


@dataclass(frozen=True)
class ConversionReport:
    """What was recognised in an input, what was decided, and what was left out.

    Parameters
    ----------
    file, sha256
        The source.
    kind
        Name of the reader.
    recognised
        What the input was taken for and why, one sentence each.
    n_cells
        Cells of each perturbation (and of ``control``), where known.
    too_few_cells
        Perturbations that are not measured for want of cells.
    few_cells
        Measured perturbations below the field's usual floor of ten cells.
    merged
        Name → spellings that were read as it.
    combinations
        Perturbations of several genes: kept, but no profile of any single gene.
    left_out
        Label → cells or rows that belong to no perturbation (unassigned, other controls).
    empty_cells
        Cells (or rows) without a single count.
    unmatched_batches
        Batch → perturbed cells without controls of their own batch.
    knock_downs
        Effects of the perturbations on their own readouts.
    outdated
        Name in the file → current symbol.
    unknown
        Names that the symbol table does not know, with their place.
    notes
        Everything else that was decided, one sentence each.
    """

    file: str
    sha256: str
    kind: str
    recognised: tuple[str, ...] = ()
    n_cells: Mapping[str, int] = field(default_factory=dict)
    too_few_cells: Mapping[str, int] = field(default_factory=dict)
    few_cells: Mapping[str, int] = field(default_factory=dict)
    merged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    combinations: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    empty_cells: int = 0
    unmatched_batches: Mapping[str, int] = field(default_factory=dict)
    knock_downs: Mapping[str, KnockDown] = field(default_factory=dict)
    outdated: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def failed_knock_downs(self) -> dict[str, float | None]:
        """Perturbations whose own gene did not fall → the fraction of it that remained."""
        return {name: down.remaining for name, down in self.knock_downs.items() if down.has_failed}

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {**asdict(self), "failed_knock_downs": self.failed_knock_downs}

    def lines(self) -> list[str]:
        """The report for a person, one sentence a line; empty parts are left out."""
        return [*self.recognised, *_group_lines(self), *_name_lines(self), *self.notes]


class Reader(Protocol):
    """A kind of input. Modules with these two functions are readers."""

    def recognises(self, path: Path) -> str | None:
        """Why the file is of this kind, in words, or None if it is not."""

    def read(
        self, path: Path, options: ConvertOptions, why: str
    ) -> tuple[EffectTable, ConversionReport]:
        """The effects of the file; ``why`` goes into the report."""


def convert(path: str | Path, **options: Any) -> tuple[EffectTable, ConversionReport]:
    """Turn a supported input into effects.

    Parameters
    ----------
    path
        Counts, expression, pseudobulk or effects (.h5ad, .zarr), counts of Cell Ranger (.h5, or a
        folder with matrix.mtx), or a table (.csv, .tsv, …).
    options
        See `ConvertOptions`.

    Raises
    ------
    DataError
        If no reader or more than one recognises the file, or it does not hold what it must.
    UsageError
        If an option is not valid.
    """
    from mechpert_al import plugins

    path, chosen = Path(path), ConvertOptions.of(options)
    if not path.exists():
        raise DataError(f"{path}: no such file", "Look at the path for a misspelling.")
    if chosen.kind is not None:
        reader = plugins.named(READERS, chosen.kind, "kind of input")
        return reader.read(path, chosen, f"Read as {chosen.kind}, as asked.")
    found = {}
    for name in plugins.names(READERS):
        reader = plugins.named(READERS, name, "kind of input")
        why = reader.recognises(path)
        if why is not None:
            found[name] = (reader, why)
    if len(found) != 1:
        readings = "; ".join(f"{name}: {why}" for name, (_, why) in found.items())
        raise DataError(
            f"{path}: {f'can be read in several ways ({readings})' if found else 'not recognised'}",
            f"Say what it is: --kind {'|'.join(found or plugins.names(READERS))}.",
        )
    [(reader, why)] = found.values()
    return reader.read(path, chosen, why)


def some(names: Sequence[str], most: int = 10) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _choices(hint: Any) -> tuple[Any, ...]:
    """The values a type allows, if it lists them."""
    if get_origin(hint) is Choice:
        return get_args(hint)
    parts = [part for part in get_args(hint) if get_origin(part) is Choice]
    return (*(value for part in parts for value in get_args(part)), None) if parts else ()


def _counted(numbers: Mapping[str, int], unit: str = "") -> str:
    return some([f"{name or repr(name)} ({number}{unit})" for name, number in numbers.items()])


def _group_lines(report: ConversionReport) -> list[str]:
    lines = []
    if report.too_few_cells:
        lines.append(
            f"Not measured, too few cells ({len(report.too_few_cells)}): "
            f"{_counted(report.too_few_cells)}."
        )
    if report.few_cells:
        lines.append(
            f"Measured on fewer than {FEW_CELLS} cells ({len(report.few_cells)}): "
            f"{_counted(report.few_cells)}; --min-cells {FEW_CELLS} leaves them out."
        )
    if report.left_out:
        lines.append(f"Left out, no perturbation: {_counted(report.left_out)}.")
    if report.empty_cells:
        lines.append(f"Left out, without a single count: {report.empty_cells}.")
    if report.unmatched_batches:
        lines.append(
            "Left out, perturbed cells of batches with too few controls: "
            f"{_counted(report.unmatched_batches)}."
        )
    if report.combinations:
        lines.append(
            f"Combinations, kept apart from single genes ({len(report.combinations)}): "
            f"{some(report.combinations)}."
        )
    return lines


def _knock_down_lines(report: ConversionReport) -> list[str]:
    if not report.knock_downs:
        return []
    left = {name: down.remaining for name, down in report.knock_downs.items()}
    known = [f"{name} {part:.0%}" for name, part in left.items() if part is not None]
    lines = [
        f"Own readouts ({len(left)}): {some(known)} of the expression left."
        if known
        else f"Own readouts ({len(left)}): {some(list(left))}."
    ]
    failed = list(report.failed_knock_downs)
    if failed:
        lines.append(
            f"Knock-downs that did not lower their own gene ({len(failed)}): {some(failed)}. "
            "Knock-outs need not lower it."
        )
    return lines


def _name_lines(report: ConversionReport) -> list[str]:
    lines = []
    if report.merged:
        spellings = [
            f"{name} ({', '.join(map(repr, labels))})" for name, labels in report.merged.items()
        ]
        lines.append(f"Spellings read as one ({len(spellings)}): {some(spellings)}.")
    if report.outdated:
        pairs = [f"{name} (now {current})" for name, current in report.outdated.items()]
        lines.append(f"Former names, kept as they stand ({len(pairs)}): {some(pairs)}.")
    if report.unknown:
        names = [f"{name!r} ({place})" for name, place in report.unknown.items()]
        lines.append(f"Not in the symbol table ({len(names)}): {some(names)}.")
    lines += _knock_down_lines(report)
    return lines
