"""Plots of the last hour and the last week, as geometry that the template draws as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.storage.overview import Period

WIDTH, HEIGHT = 320, 96
"""Size of a plot in units of its own; the page scales it."""
_GAP = 1.5


@dataclass(frozen=True)
class Span:
    """A stretch of time, and the periods that it is divided into."""

    name: str
    length: timedelta
    period: timedelta

    @property
    def count(self) -> int:
        """Number of periods."""
        return self.length // self.period


HOUR = Span("last hour", timedelta(hours=1), timedelta(minutes=5))
WEEK = Span("last week", timedelta(days=7), timedelta(hours=6))


@dataclass(frozen=True)
class Bar:
    """One period of a plot."""

    start: datetime
    value: float | None
    """None if there is nothing to show."""
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """A plot of bars, and what they add up to."""

    title: str
    unit: str
    bars: tuple[Bar, ...]
    top: float
    """The highest value."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return all(bar.value is None for bar in self.bars)


def charts(span: Span, periods: Sequence[Period], now: datetime) -> tuple[Chart, Chart]:
    """Return how many jobs ended with pictures, and how long they waited, over a span of time."""
    seconds = int(span.period.total_seconds())
    last = int(now.timestamp()) // seconds
    starts = [
        datetime.fromtimestamp(n * seconds, now.tzinfo)
        for n in range(last - span.count + 1, last + 1)
    ]
    by_start = {each.start: each for each in periods}
    found = [by_start.get(each) for each in starts]
    painted = [float(each.painted) if each else None for each in found]
    waits = [each.wait if each else None for each in found]
    return (
        _chart(f"Jobs painted, {span.name}", "jobs", starts, painted),
        _chart(f"Mean wait for the first step, {span.name}", "s", starts, waits),
    )


def _chart(
    title: str, unit: str, starts: Sequence[datetime], values: Sequence[float | None]
) -> Chart:
    top = max((each for each in values if each is not None), default=0.0)
    width = WIDTH / len(values)
    bars = tuple(
        Bar(
            start,
            value,
            x=round(n * width, 2),
            y=round(HEIGHT - _height(value, top), 2),
            width=round(width - _GAP, 2),
            height=round(_height(value, top), 2),
        )
        for n, (start, value) in enumerate(zip(starts, values, strict=True))
    )
    return Chart(title, unit, bars, top)


def _height(value: float | None, top: float) -> float:
    """Return the height of a bar; small values are still seen."""
    return max(1.0, HEIGHT * value / top) if value and top else 0.0
