"""`kill -9` of the program in the middle of a film, several times: the film ends with its bytes."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import discord
import pytest

from tests.harness.bot_harness import DATABASE, PATIENCE, PROMPT
from tests.harness.discord_server import (
    CHECKPOINTS_VARIABLE,
    BotProcess,
    DiscordServer,
    bot_process,
    serve_discord,
)

pytestmark = pytest.mark.slow

KILLED_WITHIN = (range(1, 25), range(25, 45))
"""Steps of 72 after which the program is killed, however long they take."""


async def animate(server: DiscordServer) -> None:
    options = {"prompt": PROMPT, "seconds": 1.5, "steps": 4, "seed": 3, "loop": True}
    await server.alice.slash(server.channel, "animate", **options)


def films(server: DiscordServer) -> list[discord.Attachment]:
    """Return all films in the threads, the oldest first."""
    threads = sorted(server.channel.threads, key=lambda each: each.id)
    files = [file for each in threads for m in each.history() for file in m.attachments]
    return [file for file in files if file.filename.endswith(".mp4")]


async def film_is_posted(server: DiscordServer, bot: BotProcess, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(films(server)) < count:
            assert bot.process.returncode is None, bot.log
            await asyncio.sleep(0.05)


async def steps_are_kept(folder: Path, bot: BotProcess, job: int, count: int) -> None:
    """Wait until so many steps of a job are in the database."""
    select = "select coalesce(max(steps_done), 0) from checkpoints where job_id = ?"
    with closing(sqlite3.connect(folder / "data" / DATABASE, PATIENCE)) as database:
        async with asyncio.timeout(PATIENCE):
            while database.execute(select, (job,)).fetchone()[0] < count:
                assert bot.process.returncode is None, bot.log
                await asyncio.sleep(0.01)


async def test_a_film_ends_with_the_same_bytes_after_several_kills(tmp_path: Path):
    often = {CHECKPOINTS_VARIABLE: "0"}
    random = Random(20_261_130)
    first, *others = (random.choice(steps) for steps in KILLED_WITHIN)
    async with serve_discord() as server:
        async with bot_process(server.url, tmp_path, **often) as bot:
            await bot.wait_for("commands synced")
            await animate(server)
            await film_is_posted(server, bot, 1)
            expected = await films(server)[0].read()
            await animate(server)
            await steps_are_kept(tmp_path, bot, 2, first)
            bot.process.kill()
        for steps in others:
            async with bot_process(server.url, tmp_path, **often) as bot:
                await steps_are_kept(tmp_path, bot, 2, steps)
                bot.process.kill()
        assert len(films(server)) == 1
        async with bot_process(server.url, tmp_path, **often) as bot:
            await film_is_posted(server, bot, 2)
            assert [await each.read() for each in films(server)] == [expected] * 2
