"""Local mode: the same bot on a simulated Discord, shown as a page in a local browser.

It needs no Discord application. simcord simulates Discord in memory: it starts empty and is lost
when the program ends. The page shows one channel and two users, a moderator and another one, so
that turns and permissions can be tried.
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
"""The host in URLs of pictures attached on the page; they exist only in memory."""
REFRESH_SECONDS = 1.0
"""Seconds between two refreshes of the page."""
SETTLE_SECONDS = 60.0
"""Maximum seconds for which the bot may be busy after a command or a click.

The page stops accepting commands if it takes longer; simcord's default of 5 seconds is too short on
a machine that paints.
"""


async def serve(bot: PaintingBot) -> None:
    """Run the bot on a local page until cancelled, and print the page's URL."""
    async with simcord.run(
        bot, shard_count=1, check_errors=False, settle_timeout=SETTLE_SECONDS
    ) as env:
        _set_clock(env)
        guild = env.create_guild(name="Studio")
        channel = guild.create_text_channel("pictures")
        permissions = discord.Permissions(manage_guild=True, manage_messages=True)
        role = guild.create_role("moderators", permissions=permissions)
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
                    continue  # a refresh would make the browser load the pictures again
                _set_clock(env)
                with suppress(SetupError, TimeoutError):  # the page is busy
                    await preview.refresh()
                    calls = len(env.http_requests)


def _set_clock(env: simcord.Env) -> None:
    """Set the page's clock, which does not advance by itself, to the current time."""
    clock = env.backend.clock
    # simcord has no public way to set it.
    clock._epoch = datetime.now(UTC) - timedelta(seconds=clock.elapsed)  # pyright: ignore[reportPrivateUsage]


def _has_desktop() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
