"""Local mode: the same bot on a Discord of its own, shown as a page in a local browser.

For whoever has no Discord application yet. The Discord is simcord's, in memory: it starts empty
and is gone when the program ends. The page shows one channel, and two people: a moderator and
somebody else, to see how they take turns and what each may do.
"""

import asyncio
import logging
import os
import sys
import webbrowser
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import discord
import simcord
from simcord import SetupError

from bot.client import PaintingBot

log = logging.getLogger(__name__)

UPLOAD_HOSTS = frozenset(("cdn.simcord.invalid",))
"""Where pictures that are attached on the page lie: nowhere but in memory."""
REFRESH_SECONDS = 1.0
"""Time between two looks of the page at what the bot has posted."""
SETTLE_SECONDS = 60.0
"""What the bot may be busy after a command or a press. The page takes none until it is idle, and if
that takes longer none any more, which on a machine that paints happened with simcord's five."""


async def serve(bot: PaintingBot) -> None:
    """Run the bot on a local page until cancelled, and say where the page is."""
    async with simcord.run(
        bot, shard_count=1, check_errors=False, settle_timeout=SETTLE_SECONDS
    ) as env:
        _set_clock(env)
        guild = env.create_guild(name="Studio")
        channel = guild.create_text_channel("pictures")
        moderates = discord.Permissions(manage_guild=True, manage_messages=True)
        role = guild.create_role("moderators", permissions=moderates)
        you = guild.add_member(env.create_user("you"), roles=[role])
        friend = guild.add_member(env.create_user("friend"))
        async with env.preview(channel, viewers=[you, friend], layout="channel") as preview:
            print(f"No DISCORD_TOKEN is set, so the bot runs on a local page:\n\n  {preview.url}\n")
            print("Type there: /imagine a red circle on a blue background", flush=True)
            if _has_desktop():
                webbrowser.open(preview.url)
            calls = 0
            while True:
                await asyncio.sleep(REFRESH_SECONDS)
                if calls == len(env.http_requests):
                    continue  # refreshing would make the browser load the pictures again
                _set_clock(env)
                with suppress(SetupError, TimeoutError):  # the page itself is at work
                    await preview.refresh()
                    calls = len(env.http_requests)


def _set_clock(env: simcord.Env) -> None:
    """Let it be now on the page, whose clock stands still: the bot's times are real."""
    clock = env.backend.clock
    clock._epoch = datetime.now(UTC) - timedelta(seconds=clock.elapsed)


def _has_desktop() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
