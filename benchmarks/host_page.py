"""Measure what the host's page costs: painting while somebody looks, and the event loop in a crowd.

Runs the real bot with the demo models on a simulated Discord in memory (simcord), and visitors in a
process of their own. On a machine that others use too, compare only what stands side by side.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from unittest import mock

import numpy as np
import simcord
from pydantic import SecretStr

from benchmarks.bot import ask
from benchmarks.lib.event_loop import milliseconds, watch_loop
from benchmarks.lib.visitors import TOKEN
from bot.assembly import open_services
from bot.client import PaintingBot
from bot.config import BotSettings, HostSettings, LimitSettings, StorageSettings
from bot.host_page.live_pictures import encode
from engine.settings import EngineSettings
from engine.vqgan_clip.generation import Generation

PAIRS, WINDOW_SECONDS = 8, 10.0
"""Number of pairs of windows, without and with a visitor, and the seconds of each."""
VISITS_EVERY = 5.0
"""Seconds between two visits: the page's own refresh with the live picture, and Prometheus."""
CROWD_RATE, CROWD_SECONDS = 1000, 10.0
"""Requests a second from the crowd, and for how long it comes."""
PATIENCE = 300.0
"""Seconds after which the bot counts as hanging."""
COUNTED_VISITS = 50
"""Number of visits whose processor time is measured."""


def main(arguments: list[str]) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks host-page", description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--without-crowd", action="store_true")
    options = parser.parse_args(arguments)
    logging.disable(logging.INFO)
    asyncio.run(_measure(options.pairs, has_crowd=not options.without_crowd))


async def _measure(pairs: int, *, has_crowd: bool) -> None:
    async with _painting() as (port, steps):
        if has_crowd:
            quiet, crowd = await _loop_delays(port)
            print(f"event loop late, 99th percentile, painting   {milliseconds(quiet, 0.99)}")
            print(f"the same with {CROWD_RATE} requests a second       {milliseconds(crowd, 0.99)}")
        ratios = [await _ratio(port, steps) for _ in range(pairs)]
        if ratios:
            middle = statistics.median(ratios)
            told = f"{middle:.3f} (of {pairs} pairs, {min(ratios):.3f} to {max(ratios):.3f})"
            print(f"steps per processor second, visits / none    {told}")
    async with _studio() as (port, _, _):
        seconds = await _cost_of_visit(port) + _cost_of_picture()
        print(f"processor time of a visit                    {1000 * seconds:.1f} ms")
        share = seconds / VISITS_EVERY
        print(f"share of one core, a visit every {VISITS_EVERY:g} s         {share:.2%}")


@contextlib.asynccontextmanager
async def _studio() -> AsyncIterator[tuple[int, simcord.Env, simcord.ChannelHandle]]:
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
        found.close()
        settings = BotSettings(
            engine=EngineSettings(threads=1),
            storage=StorageSettings(folder=Path(folder)),
            limits=LimitSettings(steps=100_000),
            host=HostSettings(port=port),
            host_token=SecretStr(TOKEN),
        )
        async with (
            open_services(settings) as services,
            simcord.run(PaintingBot(services), shard_count=1, settle_timeout=PATIENCE) as env,
        ):
            await asyncio.wrap_future(services.worker.loaded)
            yield port, env, env.create_guild().create_text_channel("art")


@contextlib.asynccontextmanager
async def _painting() -> AsyncIterator[tuple[int, list[float]]]:
    """Paint one long job; yield the server's port, and the times at which steps ended."""
    steps: list[float] = []
    step = Generation.step

    def timed(self: Generation) -> None:
        step(self)
        steps.append(time.perf_counter())

    async with _studio() as (port, env, channel):
        with mock.patch.object(Generation, "step", timed):
            ask(env, channel, env.guild.add_member(env.create_user("person")), steps=100_000)
            while len(steps) < 20:
                await asyncio.sleep(0.1)
            yield port, steps


async def _loop_delays(port: int) -> tuple[list[float], list[float]]:
    """Return the delays of the event loop beside a painting job, without and with a crowd."""
    found: list[list[float]] = []
    for is_crowd in (False, True):
        delays: list[float] = []
        visiting = None
        if is_crowd:
            visiting = asyncio.create_task(_visitors(port, "crowd", CROWD_RATE, CROWD_SECONDS))
            await asyncio.sleep(2)  # its process starts
        watching = asyncio.create_task(watch_loop(delays))
        await asyncio.sleep(CROWD_SECONDS - 2)
        watching.cancel()
        if visiting is not None:
            print(f"the crowd's answers by status                {await visiting}")
        found.append(delays)
    return found[0], found[1]


async def _ratio(port: int, steps: list[float]) -> float:
    """Return the steps of a window with visits, compared with those of one without.

    They are counted for each second of processor time, because others use the machine too.
    """
    before = await _steps_within(steps)
    visiting = asyncio.create_task(_visitors(port, "visits", 1 / VISITS_EVERY, WINDOW_SECONDS))
    await asyncio.sleep(2)
    after = await _steps_within(steps)
    await visiting
    return after / before


async def _steps_within(steps: list[float]) -> float:
    """Return the steps for each second of processor time, from one step's end to another's."""
    first, began = len(steps), time.process_time()
    await asyncio.sleep(WINDOW_SECONDS - 2)
    return (len(steps) - first) / (time.process_time() - began)


async def _cost_of_visit(port: int) -> float:
    """Return the processor seconds that a visit without a live picture takes."""
    used: list[float] = []
    for visits in (0, COUNTED_VISITS):
        began = time.process_time()
        await _visitors(port, "visits", 10, visits / 10)
        used.append(time.process_time() - began)
    return (used[1] - used[0]) / COUNTED_VISITS


def _cost_of_picture() -> float:
    """Return the processor seconds that it takes to encode a live picture of 256 x 256 pixels."""
    pixels = np.random.default_rng(1).integers(0, 255, (16, 16, 3), np.uint8)
    began = time.process_time()
    for _ in range(COUNTED_VISITS):
        encode(pixels.repeat(16, axis=0).repeat(16, axis=1))
    return (time.process_time() - began) / COUNTED_VISITS


async def _visitors(port: int, kind: str, rate: float, seconds: float) -> dict[str, int]:
    """Send visitors from a process of their own; return their answers by status."""
    program = (sys.executable, "-m", "benchmarks.lib.visitors", str(port), kind, str(rate))
    process = await asyncio.create_subprocess_exec(
        *program, str(seconds), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(out)
