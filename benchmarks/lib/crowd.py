"""People on several servers who use every door of the bot, and a count of what became of it.

Each person acts, waits for the outcome, pauses, and acts again. An act is answered when there is
a response to its command, button or form; a reply or a reaction when there is a job, or a message
of the bot that names the person or refers to the reply.
"""

import asyncio
import io
import re
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from random import Random
from typing import Any

import discord
import simcord
from PIL import Image
from simcord.results import to_discord_message

from benchmarks.lib.faulty_discord import forget_requests
from bot.storage.connection import DATABASE
from bot.timings import Timings

ANSWER_SECONDS = 120.0
"""Seconds after which an act counts as unanswered."""
_POLL_SECONDS = 0.25
_SILENT_SECONDS = Timings().refusal_seconds
_COLORS = ("red", "green", "blue", "yellow", "white")
_SHAPES = ("circle", "square", "ring", "triangle")
_RESULT = re.compile(r"(?:SPOILER_)?picture-(\d+)(?:-(?:1|grid))?\.(?:png|webp)")
"""The name of a job's first picture, or of the sheet with all."""


@dataclass
class Tally:
    """What people did, and what became of it."""

    acts: Counter[str] = field(default_factory=Counter[str])
    unanswered: Counter[str] = field(default_factory=Counter[str])
    examples: list[str] = field(default_factory=list[str])


@dataclass
class Person:
    """A member of a server who uses the bot."""

    env: simcord.Env
    board: "Board"
    member: simcord.MemberActor
    channel: simcord.ChannelHandle
    random: Random
    tally: Tally
    told_at: dict[int, float] = field(default_factory=dict[int, float])
    """When the bot last said something to the person in each channel, instead of painting."""

    async def live(self, until: float, pause_seconds: float) -> None:
        """Act until a time of the monotonic clock, with pauses of about `pause_seconds`."""
        await asyncio.sleep(self.random.uniform(0, pause_seconds))
        while time.monotonic() < until:
            await self._act()
            forget_requests(self.env)
            await asyncio.sleep(self.random.expovariate(1 / pause_seconds))

    async def _act(self) -> None:
        doors: dict[str, Callable[[], Any]] = {
            "/imagine": self._imagine,
            "/edit": self._edit,
            "/queue": lambda: self._command("queue"),
            "/history": lambda: self._command("history"),
            "/cancel": lambda: self._command("cancel", job="all"),
            "button": self._press,
            "form": self._fill_form,
            "reaction": self._react,
            "reply": self._reply,
        }
        weights = (6, 2, 1, 1, 1, 4, 3, 3, 3)
        (door,) = self.random.choices(list(doors), weights)
        answered = await doors[door]()
        if answered is None:  # there was nothing to press, react or reply to
            return
        self.tally.acts[door] += 1
        if not answered:
            self.tally.unanswered[door] += 1
            self.tally.examples.append(f"{door} by {self.member.name}")

    def _prompt(self) -> str:
        color, ground = self.random.sample(_COLORS, 2)
        return f"a {color} {self.random.choice(_SHAPES)} on a {ground} background"

    async def _imagine(self) -> bool:
        count = self.random.choice((1, 1, 1, 2))
        options = {"steps": self.random.randint(1, 4), "count": count, "preset": "fast"}
        return await self._command("imagine", prompt=self._prompt(), **options)

    async def _edit(self) -> bool:
        picture = ("photo.png", _photo(self.random))
        return await self._command("edit", image=picture, prompt=self._prompt(), steps=3)

    async def _command(self, name: str, **options: Any) -> bool:
        return await self._is_responded(await self.member.slash(self.channel, name, **options))

    async def _press(self) -> bool | None:
        message = self._result()
        if message is None:
            return None
        return await self._is_responded(await self.member.click(message, label="Rerun"))

    async def _fill_form(self) -> bool | None:
        message = self._result()
        if message is None:
            return None
        shown = await self.member.click(message, label="Edit prompt")
        if not await _happens(lambda: shown.modal or _is_final(shown)):
            return False
        if shown.modal is None:
            return True  # the button was refused, with a sentence
        values = {"prompt": self._prompt()}
        return await self._is_responded(await self.member.submit_modal(shown, values))

    async def _react(self) -> bool | None:
        message = self._result()
        if message is None:
            return None
        return await self._has_outcome(lambda: self.member.react(message, "🔁"), message)

    async def _reply(self) -> bool | None:
        message = self._result()
        if message is None:
            return None
        stored = self.env.backend.get_channel(message.channel.id)
        place = simcord.ChannelHandle(self.env, self.member.guild, stored)
        text = f"<@{self.env.backend.bot_user.id}> {self._prompt()}"
        return await self._has_outcome(
            lambda: self.member.send(place, text, reply_to=message), message
        )

    async def _is_responded(self, result: simcord.InteractionResult) -> bool:
        return await _happens(lambda: _is_final(result))

    async def _has_outcome(
        self, act: Callable[[], Awaitable[object]], message: discord.Message
    ) -> bool:
        """Return True if there is a new job, or the bot says something to the person.

        It says why it does not paint once a minute in each channel, and is silent in between.
        """
        channel_id, began = message.channel.id, time.monotonic()
        jobs, told = self._jobs(), self._told_in(channel_id)
        await act()
        happens = await _happens(lambda: self._jobs() > jobs or self._told_in(channel_id) > told)
        if self._told_in(channel_id) > told:
            self.told_at[channel_id] = time.monotonic()
        return happens or began - self.told_at.get(channel_id, -inf) < _SILENT_SECONDS

    def _jobs(self) -> int:
        return self.board.count("jobs WHERE author_id = ?", self.member.id)

    def _told_in(self, channel_id: int) -> int:
        """Count the bot's messages that refer to a message of the person, or name them."""
        messages = self.env.backend.messages.get(channel_id, {}).values()
        mine = {each.id for each in messages if each.author_id == self.member.id}
        bot_id = self.env.backend.bot_user.id
        return sum(
            each.author_id == bot_id
            and (
                f"<@{self.member.id}>" in each.content
                or int((each.reference or {}).get("message_id") or 0) in mine
            )
            for each in messages
        )

    def _result(self) -> discord.Message | None:
        """Return a recent result of the person's server; None if there is none yet."""
        found = self.board.recent_result(self.member.guild.id, self.random)
        if found is None:
            return None
        channel_id, message_id = found
        stored = self.env.backend.messages.get(channel_id, {}).get(message_id)
        return None if stored is None else to_discord_message(self.env, stored)


class Board:
    """What the store holds of all jobs, read from its file."""

    def __init__(self, folder: Path) -> None:
        self._database = sqlite3.connect(f"file:{folder / DATABASE}?mode=ro", uri=True)

    def count(self, condition: str, *values: object) -> int:
        """Count the rows of a table."""
        found = self._database.execute(f"SELECT count(*) FROM {condition}", values)
        return int(found.fetchone()[0])

    def recent_result(self, guild_id: int, random: Random) -> tuple[int, int] | None:
        """Return channel and message of one of a server's last results."""
        found = self._database.execute(
            "SELECT posts.channel_id, posts.message_id FROM posts JOIN jobs ON jobs.id = job_id "
            "WHERE guild_id = ? AND state = 'done' AND number IN (0, 1) "  # those with buttons
            "ORDER BY jobs.id DESC LIMIT 40",
            (guild_id,),
        ).fetchall()
        return random.choice(found) if found else None

    def states(self) -> dict[int, str]:
        """Return the states of all jobs by id."""
        return dict(self._database.execute("SELECT id, state FROM jobs").fetchall())

    def untold(self) -> int:
        """Count the jobs whose end nobody was told yet."""
        return self.count("jobs WHERE told_at IS NULL")


def results_by_job(env: simcord.Env) -> dict[int, Counter[tuple[int, str]]]:
    """Count, for each job, how often each channel holds its first picture, and the sheet of all."""
    counts = defaultdict[int, Counter[tuple[int, str]]](Counter)
    for channel_id, messages in env.backend.messages.items():
        names = (each["filename"] for message in messages.values() for each in message.attachments)
        for found in filter(None, map(_RESULT.fullmatch, names)):
            counts[int(found[1])][channel_id, found[0]] += 1
    return counts


def _is_final(result: simcord.InteractionResult) -> bool:
    response = result.response
    if response is None:  # not there yet, or deleted because its job is told
        return result._interaction.message_id is not None or bool(result.followups)
    return bool(response.content) or bool(result.followups)


async def _happens(condition: Callable[[], Any]) -> bool:
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        await asyncio.sleep(_POLL_SECONDS)
    return False


def _photo(random: Random) -> bytes:
    color = tuple(random.randrange(256) for _ in range(3))
    buffer = io.BytesIO()
    Image.new("RGB", (96, 96), color).save(buffer, "PNG")
    return buffer.getvalue()
