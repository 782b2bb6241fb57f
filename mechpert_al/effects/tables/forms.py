"""Long tables of effects: which tool wrote one, and which of its columns say what.

Tools are recognised by their column names. Names are compared without regard to case, dots and
underscores, since R and Python write the same name differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mechpert_al.effects.tables.delimited import ROW_NAMES

PERTURBATION = (
    "perturbation", "perturbed_gene", "target_gene", "gene_target", "grna_target", "knockdown",
    "knockout", "target", "guide", "guide_id", "guide_target", "grna", "sgrna", "condition",
    "contrast", "comparison", "group", "cluster",
)  # fmt: skip
READOUT = (
    "gene", "readout", "feature", "names", "variable", "primerid", "response_id", "gene_symbol",
    "symbol", "gene_name", "measured_gene", "gene_id",
)  # fmt: skip
EFFECT = (
    "effect", "log2fc", "log2_fold_change", "log2foldchange", "avg_log2fc", "logfoldchanges",
    "log_fc", "lfc", "avg_logfc", "effect_size", "coef", "beta", "z_score",
)  # fmt: skip


@dataclass(frozen=True)
class TableForm:
    """What a tool writes.

    Parameters
    ----------
    tool
        Its name.
    needs
        Columns by which it is recognised.
    effect
        Column of the effect; of several the first that is there.
    unit
        What the effect is.
    standard_error
        Column of the standard error of the effect; empty if there is none.
    probability
        Column of the adjusted p value; empty if there is none.
    only_rows
        Column and value of the rows that count; empty if all do.
    note
        What else is to be said of such a table.
    """

    tool: str
    needs: tuple[str, ...]
    effect: tuple[str, ...]
    unit: str
    standard_error: str = ""
    probability: str = ""
    only_rows: tuple[str, str] = ("", "")
    note: str = ""


FORMS = (
    TableForm(
        "scanpy",
        ("names", "logfoldchanges"),
        ("logfoldchanges",),
        "log2 fold change",
        probability="pvals_adj",
    ),
    TableForm(
        "DESeq2",
        ("baseMean", "log2FoldChange"),
        ("log2FoldChange",),
        "log2 fold change",
        standard_error="lfcSE",
        probability="padj",
    ),
    TableForm(
        "edgeR", ("logFC", "logCPM", "PValue"), ("logFC",), "log2 fold change", probability="FDR"
    ),
    TableForm(
        "limma",
        ("logFC", "AveExpr", "adj.P.Val"),
        ("logFC",),
        "log2 fold change",
        probability="adj.P.Val",
    ),
    TableForm(
        "MAST",
        ("primerid", "component", "coef"),
        ("coef",),
        "log fold change",
        only_rows=("component", "logFC"),
    ),
    TableForm(
        "SCEPTRE",
        ("response_id", "grna_target", "log_2_fold_change"),
        ("log_2_fold_change",),
        "log2 fold change",
    ),
    TableForm(
        "Seurat",
        ("p_val", "avg_log2FC", "p_val_adj"),
        ("avg_log2FC",),
        "log2 fold change",
        probability="p_val_adj",
    ),
    TableForm(
        "Seurat before version 4",
        ("p_val", "avg_logFC", "p_val_adj"),
        ("avg_logFC",),
        "natural log fold change",
        probability="p_val_adj",
    ),
    TableForm(
        "pertpy",
        ("variable", "log_fc", "p_value"),
        ("log_fc",),
        "log fold change",
        probability="adj_p_value",
    ),
    TableForm(
        "pdex",
        ("target", "feature", "log2_fold_change"),
        ("log2_fold_change",),
        "log2 fold change",
        probability="fdr",
    ),
    TableForm(
        "cell-eval",
        ("target", "feature", "fold_change", "p_value"),
        ("fold_change",),
        "log2 fold change",
        probability="fdr",
        note="Its column fold_change holds logarithms already.",
    ),
)
PLAIN = TableForm("", (), EFFECT, "as in the table", "standard_error", "padj")


@dataclass(frozen=True)
class LongColumns:
    """The columns of a long table, as they are called in the file.

    Parameters
    ----------
    form
        The tool's form, or the plain one.
    perturbation
        None if no column names the perturbation.
    readout, effect
        Columns of the pair's readout and its effect.
    standard_error, probability, selected
        Columns that may be there; None if not.
    """

    form: TableForm
    perturbation: str | None
    readout: str
    effect: str
    standard_error: str | None = None
    probability: str | None = None
    selected: str | None = None


def plain(name: str) -> str:
    """A column name as it is compared."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def long_columns(header: Sequence[str], perturbation: str | None = None) -> LongColumns | None:
    """The columns of a long table, or None if the header is not that of one.

    Parameters
    ----------
    header
        Column names.
    perturbation
        Column that the user says names the perturbation.
    """
    by_name = {plain(name): name for name in reversed(header)}
    fitting = [form for form in FORMS if all(plain(name) in by_name for name in form.needs)]
    form = fitting[0] if fitting else PLAIN
    effect = _first(form.effect, by_name)
    wanted = perturbation or _first(PERTURBATION, by_name)
    others = {name: column for name, column in by_name.items() if column != wanted}
    readout = _first(READOUT, others)
    if readout is None and fitting and header[0] == ROW_NAMES:
        readout = ROW_NAMES
    if effect is None or readout is None:
        return None
    return LongColumns(
        form,
        wanted,
        readout,
        effect,
        by_name.get(plain(form.standard_error) or "-"),
        by_name.get(plain(form.probability) or "-"),
        by_name.get(plain(form.only_rows[0]) or "-"),
    )


def has_no_effects(header: Iterable[str]) -> bool:
    """Whether the table ranks genes without saying by how much they differ (scanpy's logreg)."""
    names = {plain(name) for name in header}
    return {"names", "scores"} <= names and "logfoldchanges" not in names


def _first(names: Iterable[str], by_name: dict[str, str]) -> str | None:
    return next((by_name[plain(name)] for name in names if plain(name) in by_name), None)
