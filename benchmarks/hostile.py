"""Measure what hostile files do to the bot, and to the job of somebody else.

People send small files that make careless readers take seconds and gigabytes, by every command that
takes a file and as fast as they are answered, while the job of another person is painted. Runs the
real bot with the demo models on a simulated Discord in memory (simcord).
"""

import argparse
import asyncio
import contextlib
import itertools
import logging
import os
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from unittest import mock

import discord
import numpy as np
import psutil
import simcord
from PIL import Image
from simcord.interactions import base_payload

from benchmarks.lib.event_loop import milliseconds, watch_loop
from benchmarks.lib.faulty_discord import forget_requests, keep_records_cheaply
from benchmarks.lib.hostile_files import hostile_files
from bot.app import frozen_objects
from bot.assembly import open_services
from bot.client import PaintingBot
from bot.config import BotSettings, LimitSettings, StorageSettings
from bot.local_preview import UPLOAD_HOSTS
from bot.services import Services

PEOPLE, REQUESTS = 20, 2
"""Number of people who send files, and of requests that each of them has open at a time."""
STEPS = 600
"""Number of steps of the job that is painted meanwhile."""
PATIENCE_SECONDS = 1800.0
"""Seconds after which the benchmark fails."""
SAMPLE_SECONDS = 0.02
"""Seconds between two samples of the memory."""
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "recipe": ("image",),
    "edit": ("image", "mask"),
    "mask": ("image",),
    "imagine": ("image", "like"),
}
"""The commands that take files, and the names of their files."""
_WORDS = {"edit": "a green circle", "imagine": "a green circle"}
_TEXT, _FILE = 3, 11
"""Types of the options of a command."""


def main(arguments: list[str]) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks hostile", description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--only", help="send only the kind of files of this name")
    options = parser.parse_args(arguments)
    logging.disable(logging.ERROR)  # requests are cut off at the end
    files = hostile_files()
    if options.only:
        files = {options.only: files[options.only]}
    asyncio.run(_measure(files, options.people, options.steps))


@dataclass
class _Attack:
    """What people sent, and what they were told."""

    answers: Counter[str] = field(default_factory=Counter[str])
    """Number of answers by their text."""
    waited: list[float] = field(default_factory=list[float])
    """Seconds until each answer."""


async def _measure(files: Mapping[str, tuple[str, bytes]], people: int, steps: int) -> None:
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"files                               {len(files)} kinds, ", end="")
    print(f"{max(len(content) for _, content in files.values())} bytes at most")
    print(f"load of the machine before          {load}")
    calm, seconds = await _painted(files, 0, steps, _Attack(), [])
    print(f"job alone                           {seconds:.0f} s")
    attack, delays = _Attack(), list[float]()
    with _peak_memory() as peak:
        hostile, seconds = await _painted(files, people, steps, attack, delays)
    print(f"job during the attack               {seconds:.0f} s")
    print(f"  the same picture                  {np.array_equal(calm, hostile)}")
    print(f"requests answered                   {attack.answers.total()}")
    print(
        f"  median, slowest                   {milliseconds(attack.waited, 0.5)}, "
        f"{milliseconds(attack.waited, 1.0)}"
    )
    late = (milliseconds(delays, share) for share in (0.5, 0.999, 1.0))
    print(f"event loop late, p50, p99.9, worst  {', '.join(late)}")
    print(f"resident memory, with children      {peak[0] / 1e9:.2f} GB at most")
    for text, count in attack.answers.most_common():
        print(f"  {count:6} {text}")


async def _painted(
    files: Mapping[str, tuple[str, bytes]],
    people: int,
    steps: int,
    attack: _Attack,
    delays: list[float],
) -> tuple[np.ndarray, float]:
    """Return the picture of a job, and its seconds, while people send files."""
    async with _studio() as (services, env, channel):
        senders = _Senders(env, channel, files, attack)
        painter = env.guild.add_member(env.create_user("painter"))
        words = {"prompt": (_TEXT, "a red circle on a blue background")}
        numbers = {"steps": (4, steps), "seed": (4, 1)}
        members = [env.guild.add_member(env.create_user(f"person{n}")) for n in range(people)]
        with senders.listening():
            await senders.sent(painter, "imagine", words | numbers)
            began = time.perf_counter()
            running = [asyncio.create_task(watch_loop(delays))]
            for number, member in enumerate(members * REQUESTS):
                running.append(asyncio.create_task(senders.send_all(member, number)))
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await services.store.jobs.state(1) != "done":
                    await asyncio.sleep(0.1)
            seconds = time.perf_counter() - began
            for each in running:
                each.cancel()
            await asyncio.wait(running)
        (picture,) = await services.store.lifecycle.pictures(1)
        with Image.open(BytesIO(picture.content)) as opened:
            return np.asarray(opened.convert("RGB")), seconds


@contextlib.asynccontextmanager
async def _studio() -> AsyncIterator[tuple[Services, simcord.Env, simcord.ChannelHandle]]:
    with tempfile.TemporaryDirectory() as folder:
        settings = BotSettings(
            storage=StorageSettings(folder=Path(folder)), limits=LimitSettings(jobs=100_000)
        )
        async with (
            open_services(settings, UPLOAD_HOSTS) as services,
            simcord.run(PaintingBot(services), shard_count=1, check_errors=False) as env,
        ):
            keep_records_cheaply(env)
            await asyncio.wrap_future(services.worker.loaded)
            with frozen_objects():
                yield services, env, env.create_guild().create_text_channel("art")


class _Senders:
    """Sends commands with files, and waits for the answers."""

    def __init__(
        self,
        env: simcord.Env,
        channel: simcord.ChannelHandle,
        files: Mapping[str, tuple[str, bytes]],
        attack: _Attack,
    ) -> None:
        self._env = env
        self._channel = channel
        self._attack = attack
        self._answers: dict[int, asyncio.Future[str]] = {}
        store = env.backend.cdn.store_attachment
        self._files = [
            store(number, channel.id, name, content, None)
            for number, (name, content) in enumerate(files.values(), 1)
        ]

    async def send_all(self, member: simcord.MemberActor, first: int) -> None:
        """Send every file by every command, in turn, until cancelled."""
        doors = [(command, name) for command, names in COMMANDS.items() for name in names]
        pairs = list(itertools.product(self._files, doors))
        for file, (command, name) in itertools.cycle(pairs[7 * first :] + pairs[: 7 * first]):
            options = {name: (_FILE, file["id"])}
            if name == "mask":
                options["image"] = options["mask"]
            if words := _WORDS.get(command):
                options["prompt"] = (_TEXT, words)
            began = time.perf_counter()
            answer = await self.sent(member, command, options, file)
            forget_requests(self._env)
            self._attack.waited.append(time.perf_counter() - began)
            self._attack.answers[answer.partition("discord.com")[0]] += 1

    async def sent(
        self,
        member: simcord.MemberActor,
        name: str,
        options: Mapping[str, tuple[int, Any]],
        *files: Mapping[str, Any],
    ) -> str:
        """Send a command, and return the answer."""
        command = self._env.backend.find_command(name, self._env.guild.id, type=1)
        assert command is not None
        listed = [{"name": key, "type": kind, "value": v} for key, (kind, v) in options.items()]
        data = {"id": command["id"], "name": name, "type": 1, "options": listed}
        data["resolved"] = {"attachments": {file["id"]: dict(file) for file in files}}
        record, payload = base_payload(
            self._env.backend,
            type=2,
            channel_id=self._channel.id,
            guild_id=self._env.guild.id,
            user_id=member.id,
            data=data,
        )
        answer = self._answers[record.id] = asyncio.get_running_loop().create_future()
        self._env.backend.emit("INTERACTION_CREATE", payload)
        try:
            return await answer
        finally:
            del self._answers[record.id]

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take note of the bot's answers."""
        edit = discord.Interaction.edit_original_response

        async def noted(interaction: discord.Interaction[Any], **options: Any) -> Any:
            result = await edit(interaction, **options)
            answer = self._answers.get(interaction.id)
            if answer is not None and not answer.done():
                answer.set_result(str(options.get("content")))
            return result

        with mock.patch.object(discord.Interaction, "edit_original_response", noted):
            yield


@contextlib.contextmanager
def _peak_memory() -> Any:
    """Yield a list that will hold the peak of this process and its children, in bytes."""
    here, there = get_context("spawn").Pipe()
    sampler = get_context("spawn").Process(target=_sample_memory, args=(os.getpid(), there))
    sampler.start()
    here.recv()
    peak: list[int] = []
    try:
        yield peak
    finally:
        here.send(None)
        peak.append(here.recv())
        sampler.join()


def _sample_memory(pid: int, ends: Connection) -> None:
    """Send the peak of the resident memory of a process and its children, once asked for it."""
    process, peak = psutil.Process(pid), 0
    ends.send(None)
    while not ends.poll(SAMPLE_SECONDS):
        total = 0
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += each.memory_info().rss if each.pid != os.getpid() else 0
        peak = max(peak, total)
    ends.send(peak)
