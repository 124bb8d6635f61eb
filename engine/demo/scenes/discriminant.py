"""Linear discriminants: which class a row of numbers belongs to, by means and a shared covariance.

Fisher's method (1936) in closed form; there is no iteration and no hidden layer.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Discriminant:
    """A discriminant of N features into C classes."""

    mean: Floats
    """Mean of each feature (N,)."""
    scale: Floats
    """Standard deviation of each feature (N,)."""
    weights: Floats
    """Weights (N, C) of the standardized features."""
    bias: Floats
    """What is added to the scores (C,)."""

    @classmethod
    def fit(cls, rows: Floats, classes: NDArray[np.intp], count: int, shrink: float) -> Self:
        """Fit to rows (B, N) with class numbers (B,) below `count`.

        Args:
            rows: The features.
            classes: Number of the class of each row; each class must have a row.
            count: Number of classes.
            shrink: How far the covariance is drawn to a multiple of the identity, in [0, 1].
        """
        mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
        standard = (rows - mean) / scale
        means = np.stack([standard[classes == each].mean(axis=0) for each in range(count)])
        rest = standard - means[classes]
        covariance = rest.T @ rest / len(rest)
        identity = np.eye(len(covariance)) * np.trace(covariance) / len(covariance)
        weights = np.linalg.solve((1 - shrink) * covariance + shrink * identity, means.T)
        bias = -0.5 * (means * weights.T).sum(axis=1)
        return cls(*(np.asarray(part, dtype=np.float32) for part in (mean, scale, weights, bias)))

    def scores(self, row: Floats) -> Floats:
        """Return the scores (C,) of a row (N,); differences are log-odds for Gaussian classes."""
        scores = ((row - self.mean) / self.scale) @ self.weights + self.bias
        return scores.astype(np.float32)
