"""Let hundreds of people use every door of the bot while a share of Discord's answers fail.

Runs the real bot with the demo models on three servers of a simulated Discord in memory (simcord).
After that, every job must have ended, every finished one must have been posted exactly once, and
every act must have been answered. `--in-a-row` paints jobs one after the other instead, and
watches memory and file descriptors.
"""

import argparse
import asyncio
import contextlib
import logging
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import psutil
import simcord

from benchmarks.lib.crowd import Board, Person, Tally, results_by_job
from benchmarks.lib.faulty_discord import (
    acting_at_the_same_time,
    failing_answers,
    forget_requests,
    keep_records_cheaply,
)
from bot.assembly import open_services
from bot.client import PaintingBot
from bot.config import BotSettings, LimitSettings, StorageSettings
from bot.local_preview import UPLOAD_HOSTS
from bot.services import Services
from engine import presets

PEOPLE, SERVERS, MINUTES = 300, 3, 10.0
FAILING_SHARE = 0.05
QUICK: Mapping[str, Any] = {"steps": 4, "cutouts": 4}
"""Parameters of all presets and edits."""
PAUSE_SECONDS = 60.0
"""Average pause of a person between two acts, in seconds."""
_SAMPLE_EVERY = 50
_STUCK_SECONDS = 300.0
"""Seconds without the end of a job after which the rest counts as lost."""


def main(arguments: list[str]) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks crowd", description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--pause", type=float, default=PAUSE_SECONDS, help="seconds between acts")
    parser.add_argument("--failing", type=float, default=FAILING_SHARE, help="share of answers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--in-a-row", type=int, metavar="JOBS", help="paint jobs one by one")
    options = parser.parse_args(arguments)
    logging.disable(logging.ERROR)
    with _quick_presets():
        _run(options)


@contextlib.contextmanager
def _quick_presets() -> Iterator[None]:
    """Let every preset and edit take few steps: it is not the painting that is measured."""
    quick = {name: {**preset, **QUICK} for name, preset in presets.PRESETS.items()}
    edits = dict.fromkeys(presets.EDIT_OVERRIDES, QUICK)
    variants = dict.fromkeys(presets.VARIANTS, edits)
    with (
        mock.patch.object(presets, "PRESETS", quick),
        mock.patch.object(presets, "VARIANTS", variants),
        mock.patch.object(presets, "EDIT_OVERRIDES", edits),
        mock.patch.object(presets, "EDIT_OVERRIDES_OF_VARIANTS", variants),
    ):
        yield


def _run(options: argparse.Namespace) -> None:
    asyncio.run(_in_a_row(options.in_a_row) if options.in_a_row else _crowd(options))


async def _crowd(options: argparse.Namespace) -> None:
    async with _bot() as (services, env, board):
        tally, random = Tally(), Random(options.seed)
        people = [
            Person(env, board, member, channel, Random(random.random()), tally)
            for member, channel in _members(env, options.people)
        ]
        with failing_answers(options.failing, options.seed) as faults:
            until = time.monotonic() + 60 * options.minutes
            await asyncio.gather(*(each.live(until, options.pause) for each in people))
            await _all_told(services)
        _print_outcome(env, board, tally, faults)


def _members(
    env: simcord.Env, people: int
) -> list[tuple[simcord.MemberActor, simcord.ChannelHandle]]:
    """Spread people over the servers, and return each with the channel to paint in."""
    guilds = [env.create_guild(f"server {number}") for number in range(SERVERS)]
    channels = [guild.create_text_channel("art") for guild in guilds]
    users = [env.create_user(f"person{number}") for number in range(people)]
    return [
        (guilds[n % SERVERS].add_member(user), channels[n % SERVERS])
        for n, user in enumerate(users)
    ]


def _print_outcome(env: simcord.Env, board: Board, tally: Tally, faults: Counter[str]) -> None:
    states, results = board.states(), results_by_job(env)
    painted = [job for job, state in states.items() if state in ("done", "stopped")]
    print(f"requests to Discord           {faults.pop('requests')}")
    print(f"  of these failed             {', '.join(f'{n} {kind}' for kind, n in faults.items())}")
    for door, count in sorted(tally.acts.items()):
        print(f"{door:12} {count:5} times, {tally.unanswered[door]} unanswered")
    print(f"jobs                          {len(states)}: {dict(Counter(states.values()))}")
    twice = [any(number > 1 for number in results[job].values()) for job in painted]
    print(f"  lost (no picture posted)    {sum(not results[job] for job in painted)}")
    print(f"  posted twice in a channel   {sum(twice)}")
    print(f"  never told                  {board.untold()}")
    print(f"unanswered                    {tally.unanswered.total()} of {tally.acts.total()}")
    for each in tally.examples[:5]:
        print(f"  {each}")


async def _in_a_row(jobs: int) -> None:
    """Paint jobs one after the other; print memory and file descriptors on the way."""
    async with _bot() as (services, env, board):
        ((member, channel),) = _members(env, 1)
        process = psutil.Process()
        print("jobs  resident memory  file descriptors")
        for number in range(1, jobs + 1):
            await member.slash(channel, "imagine", prompt="a red circle", steps=2, preset="fast")
            while board.count("jobs") < number:
                await asyncio.sleep(0.01)
            await _all_told(services)
            _forget(env)
            if number % _SAMPLE_EVERY == 0:
                memory = process.memory_info().rss / 1e6
                print(f"{number:4}  {memory:12.0f} MB  {process.num_fds():16}", flush=True)


def _forget(env: simcord.Env) -> None:
    """Forget what simcord keeps of every request and every file; Discord keeps it elsewhere."""
    forget_requests(env)
    env.backend.cdn._blobs.clear()
    for messages in env.backend.messages.values():
        messages.clear()


async def _all_told(services: Services) -> None:
    """Wait until everyone is told of the end of their jobs, or until nothing more happens."""
    left, since = await services.store.jobs.count_open(), time.monotonic()
    while left and time.monotonic() - since < _STUCK_SECONDS:
        await asyncio.sleep(0.05)
        now = await services.store.jobs.count_open()
        if now != left:
            left, since = now, time.monotonic()


@contextlib.asynccontextmanager
async def _bot() -> AsyncIterator[tuple[Services, simcord.Env, Board]]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        limits = LimitSettings(jobs=100_000, pictures_per_day=100_000)
        settings = BotSettings(storage=StorageSettings(folder=folder), limits=limits)
        async with open_services(settings, UPLOAD_HOSTS) as services:
            await asyncio.wrap_future(services.worker.loaded)
            bot = PaintingBot(services)
            env = simcord.Env(bot, shard_count=1)
            stack.enter_context(acting_at_the_same_time())
            await env.start()
            await bot.wait_until_ready()
            while not await bot.tree.fetch_commands():  # they are synced in the background
                await asyncio.sleep(0.1)
            keep_records_cheaply(env)
            try:
                yield services, env, Board(folder)
            finally:
                await env.shutdown()
