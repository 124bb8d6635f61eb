"""Counts, shares and their 95 % intervals, and the similarity of gradients."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

Z_95 = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""


@dataclass(frozen=True)
class Share:
    """A share of `hits` in `total`."""

    hits: int
    total: int

    @property
    def value(self) -> float:
        """Share in [0, 1]."""
        return self.hits / self.total

    def interval(self) -> tuple[float, float]:
        """Return Wilson's 95 % score interval (Wilson, 1927), valid even near 0 and 1."""
        n, p = self.total, self.value
        middle = p + Z_95**2 / (2 * n)
        spread = Z_95 * math.sqrt(p * (1 - p) / n + Z_95**2 / (4 * n**2))
        scale = 1 + Z_95**2 / n
        return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)

    def __str__(self) -> str:
        low, high = (100 * bound for bound in self.interval())
        return f"{100 * self.value:.1f} % ({self.hits}/{self.total}, {low:.1f}-{high:.1f})"


def mean_and_interval(values: Sequence[float]) -> str:
    """Format the mean of two or more `values` with its 95 % interval (normal approximation)."""
    mean = fmean(values)
    spread = Z_95 * stdev(values) / math.sqrt(len(values))
    return f"{mean:.3f} ({mean - spread:.3f}-{mean + spread:.3f}, n = {len(values)})"


def cosine(a: "np.ndarray", b: "np.ndarray") -> float:
    """Return the cosine of the angle between two arrays of the same shape, as vectors."""
    import numpy as np

    a, b = a.astype(np.float64).ravel(), b.astype(np.float64).ravel()
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
