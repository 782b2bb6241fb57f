"""A round's order as a file for those who make, read and count the guides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from mechpert_al import atomic
from mechpert_al.config import CampaignOrders
from mechpert_al.datasets import resolve
from mechpert_al.design import Batch
from mechpert_al.errors import UsageError
from mechpert_al.guides import (
    GuideOrder,
    ReadLayout,
    cellranger,
    mageck,
    plain,
    read_library,
    read_transcriptome,
    select_guides,
)

Format = Literal["csv", "cellranger", "mageck"]
UNCHECKED = (
    "gene ids and names are those of the symbol table; Cell Ranger wants those of its own "
    "reference: --reference features.tsv.gz takes them from there"
)


@dataclass(frozen=True, eq=False)
class Export:
    """An order in a file format.

    Parameters
    ----------
    format
        Which one.
    text
        The file's content.
    genes
        The genes of the order.
    order
        Its guides; None where no library was given.
    withdrawn
        Genes of the round that are left out, because they were withdrawn.
    """

    format: Format
    text: str
    genes: tuple[str, ...]
    order: GuideOrder | None = None
    withdrawn: tuple[str, ...] = ()

    @property
    def control_list(self) -> str:
        """Identifiers of the control guides, one a line, as MAGeCK takes them."""
        guides = () if self.order is None else self.order.guides
        return "".join(f"{guide.id}\n" for guide in guides if guide.is_control)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed, left out or should be known."""
        left = ", ".join(self.withdrawn)
        notes = (f"left out, withdrawn since: {left}",) if left else ()
        return notes if self.order is None else (*notes, *self.order.problems, *self.order.notes)

    def write(self, path: str | Path) -> tuple[Path, ...]:
        """Write the file, whole or not at all; for MAGeCK a list of the controls beside it.

        Returns
        -------
        tuple of Path
            What was written.
        """
        path = Path(path)
        atomic.write_bytes(path, self.text.encode())
        if self.format != "mageck" or not self.control_list:
            return (path,)
        beside = path.with_name(f"{path.stem}.controls.txt")
        atomic.write_bytes(beside, self.control_list.encode())
        return path, beside

    def as_document(self) -> dict[str, Any]:
        """Plain JSON values."""
        document = {
            "format": self.format,
            "genes": list(self.genes),
            "withdrawn": list(self.withdrawn),
            "text": self.text,
        }
        if self.order is None:
            return document
        return {
            **document,
            "guides": [
                {
                    "id": guide.id,
                    "sequence": guide.sequence,
                    "gene": guide.gene,
                    "ensembl_id": guide.ensembl_id,
                    "line": guide.line,
                }
                for guide in self.order.guides
            ],
            "n_controls": self.order.n_controls,
            "genes_without_guides": list(self.order.without_guides),
            "problems": list(self.order.problems),
            "notes": list(self.order.notes),
        }


@dataclass(frozen=True)
class ExportOptions:
    """How an order is written; see `Campaign.export`."""

    library: str | Path | None = None
    control_guides: float | None = None
    guides_per_gene: int | None = None
    reference: str | Path | None = None
    layout: ReadLayout = field(default_factory=ReadLayout)
    delimiter: str = "\t"
    mend: bool = False


def export(
    batch: Batch, withdrawn: Sequence[str], format: Format, options: ExportOptions
) -> Export:
    """A batch in a file format; see `Campaign.export`."""
    if format not in get_args(Format):
        raise UsageError(
            f"unknown format {format!r}", f"Valid formats: {', '.join(get_args(Format))}."
        )
    picks = tuple(pick for pick in batch if pick.gene not in withdrawn)
    left = tuple(pick.gene for pick in batch if pick.gene in withdrawn)
    genes = {pick.gene: pick.ensembl_id for pick in picks}
    if options.library is None:
        if format != "csv":
            raise UsageError(
                f"the format {format} lists guides, and no guide library was given",
                "Give one with --library, or in campaign.toml: [orders] library.",
            )
        return Export("csv", replace(batch, picks=picks).as_csv(), tuple(genes), None, left)
    names: Mapping[str, str] = {}
    if options.reference is not None:
        transcriptome = read_transcriptome(options.reference)
        genes = {gene: transcriptome.find(gene, known) for gene, known in genes.items()}
        names = transcriptome.name_of
    order = select_guides(
        genes,
        read_library(options.library),
        controls=options.control_guides,
        guides_per_gene=options.guides_per_gene,
        needs_ids=format == "cellranger",
        mend=options.mend,
    )
    if format == "cellranger":
        text = cellranger(order.guides, options.layout, names)
        if options.reference is None:
            order = replace(order, notes=(*order.notes, UNCHECKED))
    elif format == "mageck":
        text = mageck(order.guides, options.delimiter)
    else:
        text = plain(order.guides)
    return Export(format, text, tuple(genes), order, left)


def with_settings(options: ExportOptions, orders: CampaignOrders, place: Path) -> ExportOptions:
    """The options, with what is not given as in the settings.

    Parameters
    ----------
    orders, place
        The settings, and the file they stand in.
    """
    library = options.library
    if library is not None:
        library = resolve(library)
    elif orders.library is not None:
        library = resolve(orders.library, place)
    per_gene, controls = options.guides_per_gene, options.control_guides
    return replace(
        options,
        library=library,
        reference=None if options.reference is None else resolve(options.reference),
        control_guides=orders.control_guides if controls is None else controls,
        guides_per_gene=orders.guides_per_gene if per_gene is None else per_gene,
    )
