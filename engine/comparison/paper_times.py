"""The paper's Table 1: seconds for a picture on three GPUs, and what training had cost.

Each time is the mean of 10 runs. Open-Edit is left out, as in the paper.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, stdev


@dataclass(frozen=True)
class Timing:
    """Seconds for a picture."""

    mean: float
    deviation: float | None = None
    """Standard deviation of a sample, None for a single run."""

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Timing":
        """Return mean and deviation of one run or more."""
        return cls(mean(seconds), stdev(seconds) if len(seconds) > 1 else None)

    def __str__(self) -> str:
        digits = 1 if self.mean >= 10 else 2
        plain = f"{self.mean:.{digits}f}"
        return plain if self.deviation is None else f"{plain} ± {self.deviation:.{digits}f}"


@dataclass(frozen=True)
class PaperTimes:
    """A row of the table."""

    name: str
    """Name of the system."""
    k80: Timing
    p100: Timing
    v100: Timing
    training: int
    """V100-hours of the training; Section 6.2 says how the paper learned of them."""


PAPER_TIMES = {
    "mindalle": PaperTimes(
        "minDALL-E", Timing(216.0, 7.6), Timing(60.0, 5.5), Timing(16.3, 2.7), 792
    ),
    "glide": PaperTimes(
        "GLIDE (filtered)", Timing(96.2, 0.1), Timing(19.2, 0.3), Timing(9.7, 1.1), 19_200
    ),
    "vqgan-clip": PaperTimes(
        "VQGAN-CLIP", Timing(935.2, 20.4), Timing(654.3, 10.1), Timing(188.3, 1.2), 0
    ),
}
"""The rows by the names of the painters in recipes."""


@dataclass(frozen=True)
class Measured:
    """How long a system took on this machine."""

    name: str
    painter: str
    """Name of the painter in recipes."""
    timing: Timing


def time_table(measured: Sequence[Measured]) -> str:
    """Return the measured times beside the paper's, in columns of plain text.

    Rows of the paper that were not measured follow, without a time of here.
    """
    rows = [("", "here", "K80", "P100", "V100", "training"), *_rows(measured)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def _rows(measured: Sequence[Measured]) -> Iterator[tuple[str, ...]]:
    for each in measured:
        yield each.name, f"{each.timing} s", *_cells(PAPER_TIMES.get(each.painter))
    done = {each.painter for each in measured}
    for painter, times in PAPER_TIMES.items():
        if painter not in done:
            yield times.name, "-", *_cells(times)


def _cells(times: PaperTimes | None) -> tuple[str, ...]:
    if times is None:
        return ("-",) * 4
    seconds = (f"{each.mean:.1f} ± {each.deviation:.1f} s" for each in _timings(times))
    return *seconds, f"{times.training:,} h"


def _timings(times: PaperTimes) -> tuple[Timing, ...]:
    return times.k80, times.p100, times.v100


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
    return "  ".join([row[0].ljust(widths[0]), *cells])
