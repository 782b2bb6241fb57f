"""The result of a comparison, and how it is made from the scores of its splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mechpert_al.evaluation.metrics import PRIMARY
from mechpert_al.evaluation.oracles import ORACLES
from mechpert_al.evaluation.protocol import Protocol
from mechpert_al.evaluation.robustness import non_inferiority
from mechpert_al.evaluation.split_scores import SplitScores
from mechpert_al.evaluation.statements import ScoreTable
from mechpert_al.evaluation.statistics import holm

if TYPE_CHECKING:
    import pandas as pd

FORMAT = "mechpert-al compare 1"


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of a comparison.

    Parameters
    ----------
    protocol
        The settings, as plain JSON values.
    inputs
        Names and SHA-256 of what went in.
    summary
        One row a data set, strategy, predictor, budget, rounds and metric.
    cells
        The same for each split.
    controls
        What each control did, and whether it failed as it must.
    adapting
        Rounds against one shot at the same budget.
    contrasts
        The default strategy and predictor against other predictors, paired, at the stated budget:
        with the default's anchors, with random ones, and with a baseline's own.
    targets
        The default strategy and predictor against random, gene by gene, at the stated budget.
    non_inferiority
        The adaptive method against the best plain one, where both were compared.
    notices
        What was left out, not scored or not estimated, in words.
    """

    protocol: Mapping[str, Any]
    inputs: Mapping[str, Any]
    summary: Sequence[Mapping[str, Any]]
    cells: Sequence[Mapping[str, Any]]
    controls: Sequence[Mapping[str, Any]] = ()
    adapting: Sequence[Mapping[str, Any]] = ()
    contrasts: Sequence[Mapping[str, Any]] = ()
    targets: Sequence[Mapping[str, Any]] = ()
    non_inferiority: Sequence[Mapping[str, Any]] = ()
    notices: Sequence[str] = field(default=())

    def as_document(self) -> dict[str, Any]:
        """Everything as one JSON document."""
        return {
            "format": FORMAT,
            "inputs": dict(self.inputs),
            "protocol": dict(self.protocol),
            "summary": list(self.summary),
            "cells": list(self.cells),
            "controls": list(self.controls),
            "adapting": list(self.adapting),
            "contrasts": list(self.contrasts),
            "targets": list(self.targets),
            "non_inferiority": list(self.non_inferiority),
            "notices": list(self.notices),
        }

    def frame(self) -> pd.DataFrame:
        """The summary as a pandas table; nested numbers become columns such as gain_low."""
        import pandas as pd

        return pd.json_normalize([dict(row) for row in self.summary], sep="_")

    def rows(self, **wanted: Any) -> list[Mapping[str, Any]]:
        """Summary rows with the given values, such as ``strategy="random", budget=50``."""
        return [row for row in self.summary if all(row[k] == v for k, v in wanted.items())]

    @property
    def datasets(self) -> list[str]:
        """Names of the judges."""
        return list(dict.fromkeys(row["dataset"] for row in self.summary))

    def __repr__(self) -> str:
        return (
            f"Comparison({', '.join(self.datasets)}; "
            f"{len(self.protocol['strategies'])} strategies, "
            f"{len(self.protocol['predictors'])} predictors, budgets "
            f"{', '.join(map(str, self.protocol['budgets']))}, {self.protocol['n_splits']} splits)"
        )

    def _repr_html_(self) -> str:
        from mechpert_al.display import html_table

        stated = [
            {
                "data": row["dataset"],
                "strategy": row["strategy"],
                "predictor": row["predictor"],
                "N": row["budget"],
                "mean": f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
                "verdict against random": (row["gain_over_random"] or {}).get("verdict", ""),
            }
            for row in self.rows(metric=PRIMARY, budget=self.protocol["stated_budget"])
        ]
        return html_table(stated, caption=repr(self))


def summarise(
    results: Sequence[SplitScores],
    protocol: Protocol,
    inputs: Mapping[str, Any] | None = None,
    notices: Sequence[str] = (),
) -> Comparison:
    """All statements of a comparison from the scores of its splits."""
    tables = [
        ScoreTable(name, [one for one in results if one.dataset == name], protocol)
        for name in dict.fromkeys(one.dataset for one in results)
    ]
    summary = [row for table in tables for row in table.summary()]
    _adjust(summary)
    said = {notice for one in results for notice in one.notices}
    unscored = [notice for table in tables for notice in table.notices()]
    return Comparison(
        protocol.as_document(),
        inputs or {},
        summary,
        [row for table in tables for row in table.cells()],
        [row for table in tables for row in table.controls()],
        [row for table in tables for row in table.adapting()],
        [row for table in tables for row in table.contrasts()],
        [row for table in tables for row in table.targets()],
        [row for table in tables for row in non_inferiority(table)],
        [*notices, *unscored, *condensed(said)],
    )


def condensed(notices: set[str]) -> list[str]:
    """One example of each kind of notice (they differ by numbers), with how many there were."""
    kinds: dict[str, list[str]] = {}
    for notice in sorted(notices):
        kinds.setdefault(notice.split(":")[0], []).append(notice)
    return [
        f"{texts[0]} (and in {len(texts) - 1} more fits)" if len(texts) > 1 else texts[0]
        for texts in kinds.values()
    ]


def _adjust(summary: Sequence[dict[str, Any]]) -> None:
    """Holm over strategies × data sets, within a predictor, budget, metric and number of rounds."""
    for key in ("gain_over_random", "gain_over_best_centrality"):
        families: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in summary:
            if row[key] is not None and row["strategy"] not in ORACLES:
                family = (row["predictor"], row["budget"], row["metric"], row["rounds"])
                families.setdefault(family, []).append(row[key])
        for members in families.values():
            adjusted = holm(np.array([member.pop("p") for member in members]))
            for member, p in zip(members, adjusted, strict=True):
                member["p_holm"] = float(p)
        for row in summary:
            if row[key] is not None and "p" in row[key]:
                row[key]["p_holm"] = None
                del row[key]["p"]
