"""How late the event loop is, which is what everybody notices when something holds it up."""

import asyncio
from collections.abc import Callable

PAUSE = 0.25
"""Seconds between two measurements."""


async def measure_delay(note: Callable[[float], None]) -> None:
    """Pass on by how many seconds the loop was late, again and again, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PAUSE
        await asyncio.sleep(PAUSE)
        note(loop.time() - due)
