"""`kill -9` of the program in the middle of a film, several times: the film ends with its bytes."""

import asyncio
import time
from pathlib import Path
from random import Random

import discord
import pytest

from tests.harness.bot_harness import PATIENCE, PROMPT
from tests.harness.discord_server import (
    CHECKPOINTS_VARIABLE,
    BotProcess,
    DiscordServer,
    bot_process,
    serve_discord,
)

pytestmark = pytest.mark.slow

KILLS, LATEST = 2, 0.3
"""How often the program is killed, and how long after its start at most, as a share of the time
that a whole film takes, so that no film is done before the last kill."""


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


async def test_a_film_ends_with_the_same_bytes_after_several_kills(tmp_path: Path):
    often = {CHECKPOINTS_VARIABLE: "0"}
    random = Random(20_261_130)
    async with serve_discord() as server:
        async with bot_process(server.url, tmp_path, **often) as bot:
            await bot.wait_for("commands synced")
            began = time.monotonic()
            await animate(server)
            await film_is_posted(server, bot, 1)
            longest = LATEST * (time.monotonic() - began)
            expected = await films(server)[0].read()
            await animate(server)
            await bot.wait_for("job accepted")
            await asyncio.sleep(random.uniform(0, longest))
            bot.process.kill()
        for _ in range(KILLS - 1):
            async with bot_process(server.url, tmp_path, **often) as bot:
                await bot.wait_for("connected")
                await asyncio.sleep(random.uniform(0, longest))
                bot.process.kill()
        assert len(films(server)) == 1
        async with bot_process(server.url, tmp_path, **often) as bot:
            await film_is_posted(server, bot, 2)
            assert [await each.read() for each in films(server)] == [expected] * 2
