"""The predictors by name: what each is, and how it is built from knowledge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.consensus.network import ConsensusNetwork
from mechpert_al.errors import UsageError
from mechpert_al.plugins import named, names
from mechpert_al.prediction.base import ProfileRegressor
from mechpert_al.prediction.co_kriging import CoKrigingRegressor
from mechpert_al.prediction.kriging import KrigingRegressor
from mechpert_al.prediction.neighbours import MeanRegressor, NeighbourRegressor

GROUP = "mechpert_al.predictors"
DEFAULT_PREDICTOR = "kriging"
#: The default where another line was measured already.
LINE_PREDICTOR = "co_kriging"


@dataclass(frozen=True)
class PredictorMethod:
    """A predictor's metadata and the function that builds it.

    Parameters
    ----------
    name
        As typed.
    summary
        One line: what it does.
    build
        From knowledge to an unfitted regressor.
    needs
        Parts of the knowledge beyond the consensus: ``similarity``, ``prior``, ``features``
        (which a prior network gives too) or ``other_line``.
    """

    name: str
    summary: str
    build: Callable[[Knowledge], ProfileRegressor]
    needs: tuple[str, ...] = ()


kriging = PredictorMethod(
    "kriging",
    "Gaussian-process prediction on the consensus kernel, anchors denoising each other",
    lambda known: KrigingRegressor(known.kernel),
)
co_kriging = PredictorMethod(
    "co_kriging",
    "the default predictor on this line's anchors and another line's profiles together",
    lambda known: CoKrigingRegressor(known.kernel, known.line_profiles),
    ("other_line",),
)
similarity_co_kriging = PredictorMethod(
    "similarity_co_kriging",
    "co-kriging on the similarity agent's kernel (the fair baseline)",
    lambda known: CoKrigingRegressor(
        known.with_line(known.similarity_network.kernel), known.line_profiles
    ),
    ("similarity", "other_line"),
)
neighbours = PredictorMethod(
    "neighbours",
    "shrunken weighted mean of the measured consensus neighbours",
    lambda known: NeighbourRegressor(known.consensus.neighbourhoods),
)
mean = PredictorMethod("mean", "the mean profile of the anchors", lambda known: MeanRegressor())
similarity_list = PredictorMethod(
    "similarity_list",
    "unweighted mean of the measured genes on the similarity agent's list",
    lambda known: NeighbourRegressor(
        known.similarity_network.weights, shrinkage=0.0, is_weighted=False
    ),
    ("similarity",),
)
similarity_neighbours = PredictorMethod(
    "similarity_neighbours",
    "shrunken weighted mean of the measured neighbours in the similarity agent's network",
    lambda known: NeighbourRegressor(known.similarity_network.neighbourhoods),
    ("similarity",),
)
similarity_kriging = PredictorMethod(
    "similarity_kriging",
    "the default predictor on the similarity agent's kernel (the fair baseline)",
    lambda known: KrigingRegressor(known.similarity_network.kernel),
    ("similarity",),
)
prior_neighbours = PredictorMethod(
    "prior_neighbours",
    "shrunken weighted mean of the measured neighbours in the prior network",
    lambda known: NeighbourRegressor(known.prior_links),
    ("prior",),
)
prior_kriging = PredictorMethod(
    "prior_kriging",
    "the default predictor on the prior network's kernel",
    lambda known: KrigingRegressor(known.prior_kernel),
    ("prior",),
)
ridge = PredictorMethod(
    "ridge",
    "ridge regression on gene features (on the prior network's embedding when none are given)",
    lambda known: KrigingRegressor(known.feature_kernel, wiener=None),
    ("features",),
)


def default_predictor(knowledge: Knowledge) -> str:
    """Name of the predictor that is used where none is asked for."""
    return DEFAULT_PREDICTOR if knowledge.other_line is None else LINE_PREDICTOR


def predictor_names() -> list[str]:
    """Names of all installed predictors (``agent:NAME`` comes on top, one for each agent)."""
    return names(GROUP)


def predictor_method(name: str, knowledge: Knowledge | None = None) -> PredictorMethod:
    """The predictor of that name.

    Parameters
    ----------
    name
        One of `predictor_names`, or ``agent:NAME`` for one agent through the default machinery.
    knowledge
        Needed for ``agent:NAME``, to know who the agents are.

    Raises
    ------
    UsageError
        An unknown name; the message lists the valid ones.
    """
    prefix, _, agent = name.partition(":")
    if prefix == "agent" and agent:
        networks = dict(knowledge.agents) if knowledge is not None else {}
        if agent not in networks:
            raise UsageError(
                f"no agent {agent!r} for predictor {name!r}",
                f"The panel's agents: {', '.join(networks) or 'none'}.",
            )
        return _single_agent(name, networks[agent])
    return named(GROUP, name, "predictor")


def build_predictor(name: str, knowledge: Knowledge) -> ProfileRegressor:
    """An unfitted predictor of that name over the given knowledge."""
    return predictor_method(name, knowledge).build(knowledge)


def _single_agent(name: str, network: ConsensusNetwork) -> PredictorMethod:
    return PredictorMethod(
        name,
        "the default predictor on one agent's kernel",
        lambda known: KrigingRegressor(network.kernel),
    )
