"""Predicting unmeasured perturbations without a campaign, every number with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mechpert_al import atomic
from mechpert_al.agents.panel import Panel, read_panel
from mechpert_al.consensus.kernel import coverage
from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.consensus.other_line import refuse_the_same
from mechpert_al.effects.align import align
from mechpert_al.effects.table import EffectTable
from mechpert_al.errors import UsageError
from mechpert_al.networks import PriorNetwork
from mechpert_al.prediction.base import ProfileRegressor
from mechpert_al.prediction.catalogue import (
    build_predictor,
    default_predictor,
    predictor_method,
)
from mechpert_al.prediction.expectation import MIN_ANCHORS, Expectation, expectation
from mechpert_al.prediction.kriging import KrigingRegressor

if TYPE_CHECKING:
    import anndata
    import pandas as pd

#: Neighbours named for each target.
N_NEIGHBOURS = 10


@dataclass(frozen=True)
class Neighbour:
    """An anchor that speaks for a target.

    Parameters
    ----------
    target, anchor
        Symbols.
    weight
        What the anchor's deviation counts, signed.
    agents, mechanisms
        Who links the two, and how; empty where they are linked through partners only.
    """

    target: str
    anchor: str
    weight: float
    agents: tuple[str, ...]
    mechanisms: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted profiles of unmeasured perturbations.

    Parameters
    ----------
    targets, readouts
        Row and column names.
    deviation
        What is special about each target, shape (n_targets, n_readouts).
    centre
        Mean profile of the anchors, shape (n_readouts,); the whole profile is the sum of both.
    coverage
        Expected explained fraction of each target, 0–1.
    is_supported
        Whether an agent links the target to an anchor directly.
    neighbours
        The anchors that count most for each target, strongest first.
    predictor, anchors
        What predicted, from what.
    expectation
        Mean correlation expected over all unmeasured candidates, as the anchors predict each other;
        None with too few anchors to say, or for a predictor without a kernel.
    notices
        What was left out and why.
    from_other_line
        For each target the share of its deviation that another line's profiles make and no anchor
        does (its projection on the deviation, so that both parts sum to 1); None where no other
        line is read.
    """

    targets: tuple[str, ...]
    readouts: tuple[str, ...]
    deviation: np.ndarray
    centre: np.ndarray
    coverage: np.ndarray
    is_supported: np.ndarray
    neighbours: tuple[Neighbour, ...]
    predictor: str
    anchors: tuple[str, ...]
    expectation: Expectation | None = None
    notices: tuple[str, ...] = ()
    from_other_line: np.ndarray | None = None

    @property
    def expected_correlation(self) -> np.ndarray:
        """Expected correlation of the deviation with the truth, shape (n_targets,).

        Where no anchors can vouch for it, the panel's own promise: the root of the coverage.
        """
        roots = np.sqrt(self.coverage)
        return roots if self.expectation is None else self.expectation.of_targets(roots)

    @property
    def promise(self) -> str:
        """What to expect of the predictions, in words."""
        if self.expectation is None:
            return (
                "What is expected of each target is the panel's own promise, unchecked: a check "
                f"takes kriging and {MIN_ANCHORS} anchors with readouts in common (here: "
                f"{self.predictor}, {len(self.anchors)} anchors)."
            )
        return (
            f"Expected mean correlation over all unmeasured candidates: {self.expectation} (90 % "
            f"interval; from {self.expectation.n_anchors} anchors each predicted from the others"
            f"{'' if self.from_other_line is None else ' and the other line'})."
        )

    def to_anndata(self) -> anndata.AnnData:
        """X = deviation; ``layers["profile"]`` = centre + deviation; neighbours in ``uns``."""
        import json

        import anndata
        import pandas as pd

        listed: dict[str, list[dict[str, Any]]] = {target: [] for target in self.targets}
        for one in self.neighbours:
            listed[one.target].append(
                {
                    "anchor": one.anchor,
                    "weight": one.weight,
                    "agents": list(one.agents),
                    "mechanisms": list(one.mechanisms),
                }
            )
        table = anndata.AnnData(
            self.deviation.astype(np.float32),
            obs=pd.DataFrame(
                {
                    "perturbation": list(self.targets),
                    "coverage": self.coverage,
                    "expected_correlation": self.expected_correlation,
                    "is_supported": self.is_supported,
                    "neighbours": [json.dumps(listed[target]) for target in self.targets],
                },
                index=list(self.targets),
            ),
            var=pd.DataFrame({"centre": self.centre}, index=list(self.readouts)),
        )
        if self.from_other_line is not None:
            table.obs["from_other_line"] = self.from_other_line
        profile = np.empty(self.deviation.shape, dtype=np.float32)  # no second array of 64 bits
        table.layers["profile"] = np.add(self.centre, self.deviation, out=profile)
        about = {
            "format": "mechpert-al prediction 1",
            "predictor": self.predictor,
            "anchors": list(self.anchors),
            "notices": list(self.notices),
        }
        table.uns["mechpert_al"] = json.dumps(about)
        return table

    def write(self, path: str | Path) -> None:
        """Write `to_anndata` as an .h5ad file, whole or not at all."""
        with atomic.writing(Path(path)) as place:
            self.to_anndata().write_h5ad(place)

    def frame(self) -> pd.DataFrame:
        """One row a target: coverage, expected correlation, its strongest anchors."""
        import pandas as pd

        best: dict[str, list[str]] = {target: [] for target in self.targets}
        for one in self.neighbours:
            best[one.target].append(f"{one.anchor} ({one.weight:+.3f})")
        frame = pd.DataFrame(
            {
                "target": self.targets,
                "coverage": self.coverage,
                "expected_correlation": self.expected_correlation,
                "is_supported": self.is_supported,
                "strongest_anchors": ["; ".join(best[target][:3]) for target in self.targets],
            }
        )
        if self.from_other_line is not None:
            frame["from_other_line"] = self.from_other_line
        return frame

    def __repr__(self) -> str:
        return (
            f"Prediction({len(self.targets)} targets × {len(self.readouts)} readouts by "
            f"{self.predictor} from {len(self.anchors)} anchors)"
        )

    def _repr_html_(self) -> str:
        from mechpert_al.display import html_table

        rows = [{str(k): v for k, v in row.items()} for row in self.frame().to_dict("records")]
        return html_table(rows, caption=repr(self))


def predict(
    effects: EffectTable,
    panel: Panel | Knowledge | str | Path,
    *,
    targets: Sequence[str] | None = None,
    network: PriorNetwork | None = None,
    other_line: EffectTable | None = None,
    predictor: str | None = None,
) -> Prediction:
    """Profiles of unmeasured perturbations, from those that were measured.

    Parameters
    ----------
    effects
        Measured profiles; those of the panel's candidates are the anchors.
    panel
        A panel (or its folder, or the name of a shipped one), or knowledge made from one.
    targets
        Whom to predict; by default every candidate that was not measured.
    network
        Prior network, for predictors that read one.
    other_line
        A screen of another cell line that was measured already.
    predictor
        Name of the predictor; by default ``kriging``, and ``co_kriging`` with another line.

    Raises
    ------
    UsageError
        A target that is no candidate, or nothing to predict.
    DataError
        If no measured perturbation is a candidate, or the other line is the same measurement or
        shares no readout with this one.
    """
    if isinstance(panel, Knowledge):
        knowledge = panel
    else:
        panel = panel if isinstance(panel, Panel) else read_panel(panel)
        knowledge = Knowledge.from_panel(panel, network)
    if other_line is not None:
        knowledge = knowledge.with_other_line(other_line)
    predictor = predictor or default_predictor(knowledge)
    knowledge, unread = _beside(knowledge, effects, predictor)
    aligned = align(effects, knowledge.genes)
    measured = set(aligned.numbers.tolist())
    index = knowledge.consensus.index
    if targets is None:
        numbers = [i for i in range(knowledge.n_genes) if i not in measured]
    else:
        unknown = [gene for gene in targets if gene not in index]
        if unknown:
            raise UsageError(
                f"not candidates of the panel: {', '.join(unknown[:10])}",
                "Only genes the agents were asked about can be predicted.",
            )
        numbers = [index[gene] for gene in targets]
    if not numbers:
        raise UsageError("every candidate was measured: nothing is left to predict")
    model = build_predictor(predictor, knowledge)
    model.fit(aligned.numbers[:, None], aligned.effects.values)
    anchors = model.anchors_
    rows = np.array(numbers)
    links = knowledge.consensus.symmetric[rows][:, anchors] > 0
    deviation = model.deviation(rows)
    return Prediction(
        tuple(knowledge.genes[i] for i in numbers),
        effects.readouts,
        deviation,
        model.centre_,
        coverage(getattr(model, "kernel_", knowledge.kernel), anchors)[rows],
        np.asarray(links.sum(axis=1)).ravel() > 0,
        _neighbours(knowledge, rows, anchors, model.weights(rows)),
        predictor,
        tuple(knowledge.genes[i] for i in anchors),
        expectation(model) if isinstance(model, KrigingRegressor) else None,
        (*knowledge.notices, *aligned.notices, *unread, *model.notices_),
        None if model.line is None else _share_of_line(model, rows, deviation),
    )


def _beside(
    knowledge: Knowledge, effects: EffectTable, predictor: str
) -> tuple[Knowledge, tuple[str, ...]]:
    """Knowledge with the other line's profiles if the predictor reads them, else a word on that."""
    line = knowledge.other_line
    if line is None:
        return knowledge, ()
    refuse_the_same(effects, line, "the measurements", knowledge.line_source)
    if "other_line" in predictor_method(predictor, knowledge).needs:
        return knowledge.on_readouts(effects.readouts), ()
    said = f"{knowledge.line_source}: {predictor} does not read its profiles (co_kriging does)"
    return knowledge, (f"{said}; coverage counts how alike knock-downs were there",)


def _share_of_line(
    model: ProfileRegressor, targets: np.ndarray, deviation: np.ndarray
) -> np.ndarray:
    """How much of each deviation another line's profiles make; 0 where nothing deviates."""
    sizes = (deviation**2).sum(axis=1)
    part = (model.offset(targets) * deviation).sum(axis=1)
    return np.where(sizes > 0, part / np.where(sizes > 0, sizes, 1), 0)


def _neighbours(
    knowledge: Knowledge, targets: np.ndarray, anchors: np.ndarray, weights: np.ndarray
) -> tuple[Neighbour, ...]:
    """The strongest anchors of each target, with what the agents said of the pair."""
    found = []
    for target, row in zip(targets, weights, strict=True):
        for place in np.argsort(-np.abs(row), kind="stable")[:N_NEIGHBOURS]:
            if row[place] == 0:
                break
            one, other = knowledge.genes[target], knowledge.genes[anchors[place]]
            said = knowledge.consensus.evidence(one, other)
            found.append(
                Neighbour(
                    one,
                    other,
                    float(row[place]),
                    tuple(dict.fromkeys(h.agent for h in said)),
                    tuple(dict.fromkeys(h.mechanism for h in said if h.mechanism)),
                )
            )
    return tuple(found)
