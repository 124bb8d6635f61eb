"""The delay of an event loop, and quantiles of times."""

import asyncio
import time
from collections.abc import Sequence

TICK_SECONDS = 0.01
"""Seconds between two checks of the event loop's delay."""


async def watch_loop(delays: list[float]) -> None:
    """Record how much later than requested the event loop resumes, in seconds."""
    while True:
        due = time.perf_counter() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)
        delays.append(max(0.0, time.perf_counter() - due))


def milliseconds(seconds: Sequence[float], share: float) -> str:
    """Format a quantile of times in milliseconds."""
    ordered = sorted(seconds)
    return f"{1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]:.0f} ms"
