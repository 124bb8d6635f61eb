"""Measure how fast the bot responds while it paints, and how much Discord slows painting down.

Runs the real bot with the demo models on a simulated Discord in memory (simcord). After that, the
benchmark `crowd` shows what becomes of jobs when many people use the bot and Discord fails.
"""

import argparse
import asyncio
import contextlib
import logging
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest import mock

import discord
import psutil
import simcord
from simcord.interactions import base_payload

from benchmarks import crowd
from benchmarks.lib.event_loop import TICK_SECONDS, milliseconds, watch_loop
from bot.assembly import open_services
from bot.client import PaintingBot
from bot.config import BotSettings, DiscordSettings, LimitSettings, StorageSettings
from bot.services import Services
from engine.vqgan_clip.generation import Generation

PEOPLE, WITHIN_SECONDS = 200, 10.0
"""Number of users who request a picture, and the seconds in which they do so."""
SLOW_CALL_SECONDS = 5.0
"""Seconds that a slow call to Discord takes."""
STEPS = 400
"""Number of steps of the job whose steps are timed."""
PATIENCE_SECONDS = 300.0
"""Seconds after which the benchmark fails."""


def main(arguments: list[str]) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks bot", description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--without-crowd", action="store_true", help="skip the last 10 minutes")
    options = parser.parse_args(arguments)
    logging.disable(logging.INFO)
    asyncio.run(_measure(options.people))
    if not options.without_crowd:
        crowd.main([])


async def _measure(people: int) -> None:
    async with _studio() as (services, env, channel):
        ready = time.time() - psutil.Process().create_time()
        print(f"start to ready                      {ready:.1f} s")
        firsts = [await _first_picture(services, env, channel) for _ in range(2)]
        told = ", ".join(f"{seconds:.1f} s" for seconds in firsts)
        print(f"command to first progress picture   {told} (first and second job)")
        delays, answers = await _burst(services, env, channel, people)
        print(f"acknowledged                        {len(answers)}/{people}")
        slowest = (milliseconds(answers, share) for share in (0.99, 1.0))
        print(f"  99th percentile, slowest          {', '.join(slowest)}")
        print(f"event loop late, 99th percentile    {milliseconds(delays, 0.99)}")
        memory = psutil.Process().memory_info().rss
        print(f"resident memory                     {memory / 1e9:.2f} GB")
    for name, seconds in (("at once", 0.0), (f"in {SLOW_CALL_SECONDS:g} s", SLOW_CALL_SECONDS)):
        async with _studio() as (_, env, channel):
            share = await _share_inside_steps(env, channel, seconds)
            print(f"inside steps, calls answered {name:7} {share:.1%}")


@contextlib.asynccontextmanager
async def _studio() -> AsyncIterator[tuple[Services, simcord.Env, simcord.ChannelHandle]]:
    with tempfile.TemporaryDirectory() as folder:
        settings = BotSettings(
            storage=StorageSettings(folder=Path(folder)),
            limits=LimitSettings(jobs=100_000),
            discord=DiscordSettings(progress_seconds=1.0),
        )
        async with (
            open_services(settings) as services,
            simcord.run(PaintingBot(services), shard_count=1) as env,
        ):
            await asyncio.wrap_future(services.worker.loaded)
            yield services, env, env.create_guild().create_text_channel("art")


async def _first_picture(
    services: Services, env: simcord.Env, channel: simcord.ChannelHandle
) -> float:
    """Return the seconds from a command to the first picture of its progress, on an idle engine."""
    member = env.guild.add_member(env.create_user("first"))
    before, asked = _pictures(env), time.perf_counter()
    ask(env, channel, member, steps=STEPS)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while _pictures(env) == before:
            await asyncio.sleep(TICK_SECONDS)
        seconds = time.perf_counter() - asked
        while await services.store.jobs.count_open():
            await asyncio.sleep(TICK_SECONDS)
    return seconds


def _pictures(env: simcord.Env) -> int:
    """Count the messages with files in all channels."""
    channels = env.backend.messages.values()
    return sum(bool(each.attachments) for messages in channels for each in messages.values())


async def _burst(
    services: Services, env: simcord.Env, channel: simcord.ChannelHandle, people: int
) -> tuple[list[float], list[float]]:
    """Let many users request pictures at once.

    Returns:
        Delays of the event loop, and times until each user's request was acknowledged, in seconds.
    """
    guild = env.guild
    members = [guild.add_member(env.create_user(f"person{n}")) for n in range(people)]
    asked: dict[int, float] = {}
    answers: list[float] = []
    defer = discord.InteractionResponse.defer

    async def timed(self: discord.InteractionResponse[Any], **options: Any) -> Any:
        result = await defer(self, **options)
        answers.append(time.perf_counter() - asked[self._parent.user.id])  # pyright: ignore
        return result

    delays: list[float] = []
    watching = asyncio.create_task(watch_loop(delays))
    with mock.patch.object(discord.InteractionResponse, "defer", timed):
        for member in members:
            asked[member.id] = time.perf_counter()
            ask(env, channel, member, steps=1000)
            await asyncio.sleep(WITHIN_SECONDS / people)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(services.queue.jobs()) < people:
                await asyncio.sleep(TICK_SECONDS)
    watching.cancel()
    return delays, answers


async def _share_inside_steps(
    env: simcord.Env, channel: simcord.ChannelHandle, call_seconds: float
) -> float:
    """Return the share of a job's time that the engine spends in steps if Discord is slow."""
    member = env.guild.add_member(env.create_user("person"))
    spans: list[tuple[float, float]] = []
    step = Generation.step

    def timed(self: Generation) -> None:
        began = time.perf_counter()
        step(self)
        spans.append((began, time.perf_counter()))

    http = env.bot.http
    request = http.request

    async def slow(*arguments: Any, **options: Any) -> Any:
        await asyncio.sleep(call_seconds)
        return await request(*arguments, **options)

    with mock.patch.object(Generation, "step", timed), mock.patch.object(http, "request", slow):
        ask(env, channel, member, steps=STEPS)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(spans) < STEPS:
                await asyncio.sleep(TICK_SECONDS)
    inside = sum(end - began for began, end in spans)
    return inside / (spans[-1][1] - spans[0][0])


def ask(
    env: simcord.Env, channel: simcord.ChannelHandle, member: simcord.MemberActor, steps: int
) -> None:
    """Send a user's command without waiting for a response."""
    backend = env.backend
    command = backend.find_command("imagine", env.guild.id, type=1)
    assert command is not None
    options = [
        {"name": "prompt", "type": 3, "value": "a red circle on a blue background"},
        {"name": "steps", "type": 4, "value": steps},
    ]
    data = {"id": command["id"], "name": "imagine", "type": 1, "options": options}
    _, payload = base_payload(
        backend,
        type=2,
        channel_id=channel.id,
        guild_id=env.guild.id,
        user_id=member.id,
        data=data,
    )
    backend.emit("INTERACTION_CREATE", payload)
