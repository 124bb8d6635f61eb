"""Time two ways to do the same work in alternation, so that disturbances affect both."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.lib.machine import seconds_of

if TYPE_CHECKING:
    import torch

SHORTEST = 1.0
"""Minimum seconds of a single measurement; short work is repeated to reach it."""
WARM_UPS = 2
ENDLESS = 100_000
"""Number of steps of a recipe that no measurement reaches."""


@dataclass(frozen=True)
class Compared:
    """Seconds of the same work in two ways, round by round."""

    ours: Sequence[float]
    theirs: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """Ratio of their time to ours in each round: how many times as fast ours is."""
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def ratio(self) -> str:
        """Median of the ratios, with their range if there are several."""
        ratios = self.ratios
        spread = f" ({min(ratios):.2f}-{max(ratios):.2f})" if len(ratios) > 1 else ""
        return f"{median(ratios):.2f}{spread}"


def alternate(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    rounds: int,
    device: "torch.device",
) -> Compared:
    """Time both `rounds` times after warm-up calls.

    The order alternates between rounds, because a warm or busy machine slows the second one.
    """
    for _ in range(WARM_UPS - 1):
        ours()
        theirs()
    longest = max(seconds_of(ours, device), seconds_of(theirs, device))
    times = max(1, math.ceil(SHORTEST / longest))
    measured: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        order = (0, 1) if number % 2 == 0 else (1, 0)
        for which in order:
            work = (ours, theirs)[which]
            taken = seconds_of(lambda work=work: [work() for _ in range(times)], device)
            measured[which].append(taken / times)
    return Compared(*measured)
