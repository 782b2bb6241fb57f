"""How accurate the predictions of a kriging predictor are expected to be.

The measured anchors, each left out in turn, tell how well this laboratory's profiles are predicted
from this kernel; the kernel tells which targets are predicted better than others:

    expected mean r      = r̄ · (LEVEL − SELECTED / √N)
    of a target t        = mean r · (EVEN + (1 − EVEN) · s(t) / s̄),   s = √coverage
    after further genes  = mean r · (s̄ after / s̄ now)^GROWTH

Co-kriging leaves out an anchor's point in this line alone. Anchors and the rest then differ more in
what covers them, and the law for further genes bridges that too: r̄ is taken times
(s̄ of the others / s̄ of the anchors, each left out)^GROWTH, at most MOST_REACH, with a LEVEL and a
spread of its own.

r̄ is the mean left-out correlation of N anchors. Anchors are few, chosen for their strength and
not like the rest, so that r̄ promises too much while N is small. The constants and the spread were
fitted on development genes of one real screen and on virtual labs, with good panels and bad ones,
and then held against other splits, another cell line and other labs (docs/expectation.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mechpert_al.consensus.kernel import coverage
from mechpert_al.prediction.co_kriging import CoKrigingRegressor
from mechpert_al.prediction.kriging import KrigingRegressor
from mechpert_al.prediction.left_out import left_out_correlations

#: With fewer anchors nothing is expected: too few were left out.
MIN_ANCHORS = 10
#: Expected mean over left-out mean: with many anchors, and how much less with few.
LEVEL, SELECTED = 1.14, 1.66
#: Share of the expectation that no target's coverage changes.
EVEN = 0.19
#: How the mean grows with the mean root of the coverage, and how unsure that is (standard deviation
#: for a rise of the root by a factor e).
GROWTH, AHEAD = 0.7, 0.15
#: Standard deviation of the mean met about the mean expected: with many anchors, and in standard
#: errors of the left-out mean (anchors are no independent sample).
FLOOR, SPREAD = 0.02, 1.4
#: The same for co-kriging: level, and standard deviation (the second by the root of N). Fitted on
#: development genes of one real screen with another one known.
JOINT_LEVEL, JOINT_SELECTED = 1.07, 1.21
JOINT_FLOOR, JOINT_SPREAD = 0.02, 0.19
#: How much more of the others than of an anchor left out may be expected: beyond what was met in
#: any screen that it was fitted on, the law says nothing.
MOST_REACH = 1.25
#: Half a 90 % interval in standard deviations.
WIDTH = 1.645


@dataclass(frozen=True)
class Expectation:
    """Expected mean correlation of predicted and measured deviations, over some targets.

    Parameters
    ----------
    mean
        Expected value, −1 to 1.
    error
        Standard deviation of what will be met about it.
    n_anchors
        Measured anchors behind it.
    root
        Mean root of the coverage of the candidates that are not measured.
    """

    mean: float
    error: float
    n_anchors: int
    root: float

    @property
    def low(self) -> float:
        """Lower end of the 90 % interval of the mean that will be met."""
        return max(-1.0, self.mean - WIDTH * self.error)

    @property
    def high(self) -> float:
        """Upper end of the 90 % interval of the mean that will be met."""
        return min(1.0, self.mean + WIDTH * self.error)

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"

    def grown(self, root: float) -> Expectation:
        """What is expected once the same candidates are better covered.

        Parameters
        ----------
        root
            Mean root of the coverage by then.
        """
        rise = np.log(root / self.root) if self.root > 0 and root > 0 else 0.0
        mean = min(1.0, self.mean * float(np.exp(GROWTH * rise)))
        return Expectation(mean, float(np.hypot(self.error, AHEAD * rise)), self.n_anchors, root)

    def of_targets(self, roots: np.ndarray) -> np.ndarray:
        """Expected correlation of each target, shape (n_targets,), between −1 and 1.

        Parameters
        ----------
        roots
            Root of each target's coverage, shape (n_targets,).
        """
        shape = roots / self.root if self.root > 0 else np.ones(len(roots))
        return np.clip(self.mean * (EVEN + (1 - EVEN) * shape), -1, 1)

    def as_document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "mean": self.mean,
            "low": self.low,
            "high": self.high,
            "n_anchors": self.n_anchors,
        }


def expectation(model: KrigingRegressor) -> Expectation | None:
    """What the anchors of a fitted predictor say of the candidates that are not measured.

    Returns
    -------
    Expectation or None
        None with fewer than `MIN_ANCHORS` anchors, or where too many values are missing for
        correlations among them.
    """
    anchors, correlation = model.anchors_, model.correlation_
    if correlation is None or len(anchors) < MIN_ANCHORS:
        return None
    size, root = len(anchors) ** 0.5, mean_root(model.kernel_, anchors, anchors)
    among = model.kernel_[np.ix_(anchors, anchors)]
    if isinstance(model, CoKrigingRegressor):
        own = left_out_root(among, model.noise)
        reach = min((root / own) ** GROWTH, MOST_REACH) if own > 0 else 1.0
        met = model.left_out_correlations()
        mean = float(met.mean()) * reach * (JOINT_LEVEL - JOINT_SELECTED / size)
        error = float(np.hypot(JOINT_FLOOR, JOINT_SPREAD / size))
    else:
        met = left_out_correlations(among[None], correlation, model.noise, model.wiener or 0.0)[0]
        mean = float(met.mean()) * (LEVEL - SELECTED / size)
        error = float(np.hypot(FLOOR, SPREAD * met.std() / size))
    return Expectation(float(np.clip(mean, -1, 1)), error, len(anchors), root)


def left_out_root(among: np.ndarray, noise: float) -> float:
    """Mean root of the coverage of each anchor by the other ones.

    Parameters
    ----------
    among
        Kernel of the anchors, shape (n_anchors, n_anchors).
    noise
        σ².
    """
    inverse = np.linalg.inv(among + noise * np.eye(len(among)))
    own = np.diag(among)
    covered = (own + noise - 1 / np.diag(inverse)) / own
    return float(np.sqrt(np.clip(covered, 0, 1)).mean())


def mean_root(kernel: np.ndarray, anchors: np.ndarray, measured: np.ndarray) -> float:
    """Mean root of the coverage of all candidates but the measured ones; 0 if there are none.

    Parameters
    ----------
    kernel
        Shape (n_genes, n_genes).
    anchors
        Candidate numbers whose profiles are, or will be, known.
    measured
        Candidate numbers to leave out of the mean.
    """
    others = np.setdiff1d(np.arange(len(kernel)), measured)
    return float(np.sqrt(coverage(kernel, anchors)[others]).mean()) if len(others) else 0.0
