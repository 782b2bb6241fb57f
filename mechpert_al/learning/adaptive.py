"""Prediction with a kernel that is learned: kriging on the mixture that the anchors speak for."""

from __future__ import annotations

import numpy as np

from mechpert_al.consensus.kernel import NOISE
from mechpert_al.consensus.knowledge import Knowledge
from mechpert_al.consensus.layers import Layers
from mechpert_al.learning.mixture import Mixture, learn_mixture
from mechpert_al.prediction.catalogue import PredictorMethod
from mechpert_al.prediction.kriging import WIENER, KrigingRegressor


class AdaptiveKriging(KrigingRegressor):
    """Kriging with denoising on a mixture of layers that is learned from the anchors.

    Parameters
    ----------
    layers
        What is mixed.
    noise, wiener
        As `KrigingRegressor`.

    Attributes
    ----------
    mixture_
        How far each layer is believed.
    """

    def __init__(self, layers: Layers, noise: float = NOISE, wiener: float = WIENER) -> None:
        super().__init__(layers.mixed(layers.prior_weights), noise, wiener)
        self.layers = layers

    def _fitted_kernel(self) -> np.ndarray:
        self.mixture_: Mixture = learn_mixture(
            self.layers, self.anchors_, self.correlation_, noise=self.noise, ridge=self.wiener or 0
        )
        return self.layers.mixed(self.mixture_.weights)


def learned(
    knowledge: Knowledge, measured: np.ndarray, profiles: np.ndarray | None
) -> tuple[Knowledge, Mixture]:
    """Knowledge whose kernel is the mixture that the measurements speak for.

    Parameters
    ----------
    knowledge
        What is known from names.
    measured
        Candidate numbers of the measured anchors.
    profiles
        Their profiles, shape (n_measured, n_readouts); None or empty: the prior mixture stands.
    """
    layers = knowledge.layers
    if profiles is None or not len(measured):
        mixture = learn_mixture(layers, np.zeros(0, dtype=int), None)
    else:
        mixture = AdaptiveKriging(layers).fit(np.asarray(measured)[:, None], profiles).mixture_
    return knowledge.weighted(mixture.weights), mixture


adaptive_kriging = PredictorMethod(
    "adaptive_kriging",
    "the default predictor on a mixture of agents and prior network, learned from the anchors",
    lambda known: AdaptiveKriging(known.layers),
)
