"""Prediction: profiles of unmeasured perturbations from those of the anchors."""

from mechpert_al.prediction.base import ProfileRegressor
from mechpert_al.prediction.catalogue import (
    PredictorMethod,
    build_predictor,
    predictor_method,
    predictor_names,
)
from mechpert_al.prediction.kriging import KrigingRegressor
from mechpert_al.prediction.neighbours import MeanRegressor, NeighbourRegressor
from mechpert_al.prediction.predict import Prediction, predict

__all__ = [
    "KrigingRegressor",
    "MeanRegressor",
    "NeighbourRegressor",
    "Prediction",
    "PredictorMethod",
    "ProfileRegressor",
    "build_predictor",
    "predict",
    "predictor_method",
    "predictor_names",
]
