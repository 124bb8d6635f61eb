"""The server in memory: who and what is there, the bot's greeting, and the page of its channel."""

import asyncio
import os
import sys
import webbrowser
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

import discord
import simcord
from simcord import SetupError
from simcord.preview import Preview

from bot.client import PaintingBot
from bot.local_preview.front import Front, open_front
from bot.local_preview.greeting import NAME, commands, greeting
from engine.models.catalogue import find_models
from engine.models.model_entry import ModelEntry

UPLOAD_HOSTS = frozenset(("cdn.simcord.invalid",))
"""The host in URLs of pictures attached on the page; they exist only in memory."""
REFRESH_SECONDS = 0.5
"""Minimum seconds between two refreshes of the page."""
SETTLE_SECONDS = 60.0
"""Maximum seconds for which the bot may be busy after a command or a click.

The page stops accepting commands if it takes longer; simcord's default of 5 seconds is too short on
a machine that paints.
"""


async def serve(bot: PaintingBot) -> None:
    """Run the bot on a local page until cancelled, and print the page's address."""
    async with open_page(bot) as front:
        print(f"No DISCORD_TOKEN is set, so the bot runs on a local page:\n\n  {front.url}\n")
        print(f"Type there: {commands(_models(bot))[0]}", flush=True)
        if _has_desktop():
            webbrowser.open(front.url)
        await asyncio.Future()


@asynccontextmanager
async def open_page(bot: PaintingBot) -> AsyncGenerator[Front]:
    """Connect the bot to a server in memory, and serve the page of its channel."""
    async with simcord.run(
        bot, shard_count=1, check_errors=False, settle_timeout=SETTLE_SECONDS
    ) as env:
        _set_clock(env)
        env.backend.edit_bot_profile(NAME)
        channel, viewers = await _make_server(env, bot)
        async with (
            env.preview(channel, viewers=viewers, layout="channel") as preview,
            open_front(preview.url, NAME) as front,
        ):
            refreshing = asyncio.create_task(_keep_fresh(env, preview, front))
            try:
                yield front
            finally:
                refreshing.cancel()


async def _make_server(
    env: simcord.Env, bot: PaintingBot
) -> tuple[simcord.ChannelHandle, list[simcord.MemberActor]]:
    """Make a server with a channel, where the bot greets, a moderator, and another person."""
    guild = env.create_guild(name="Studio")
    handle = guild.create_text_channel("pictures")
    permissions = discord.Permissions(manage_guild=True, manage_messages=True)
    role = guild.create_role("moderators", permissions=permissions)
    you = guild.add_member(env.create_user("you"), roles=[role])
    friend = guild.add_member(env.create_user("friend"))
    await env.settle()
    for each in (you, friend):  # a page calls nobody, so results come where the progress was
        change = bot.services.store.preferences.change
        await change(each.id, lambda before: before.changed(notify="none"))
    channel = bot.get_channel(handle.id)
    assert isinstance(channel, discord.TextChannel)
    await channel.send(greeting(_models(bot), _other_models(bot)))
    return handle, [you, friend]


async def _keep_fresh(env: simcord.Env, preview: Preview, front: Front) -> None:
    """Refresh the page whenever the bot did something, but never beside a person's action."""
    calls = 0
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        if calls == len(env.http_requests):
            continue  # a refresh would make the browser load the pictures again
        async with front.turn:
            _set_clock(env)
            with suppress(SetupError, TimeoutError):  # the page was closed, or the bot is busy
                made = len(env.http_requests)
                await preview.refresh()
                await front.look()
                calls = made


def _set_clock(env: simcord.Env) -> None:
    """Set the page's clock, which does not advance by itself, to the current time."""
    clock = env.backend.clock
    # simcord has no public way to set it.
    clock._epoch = datetime.now(UTC) - timedelta(seconds=clock.elapsed)  # pyright: ignore[reportPrivateUsage]


def _models(bot: PaintingBot) -> ModelEntry:
    return find_models(bot.services.settings.engine.models)


def _other_models(bot: PaintingBot) -> list[ModelEntry]:
    return [find_models(name) for name in bot.services.settings.engine.installed[1:]]


def _has_desktop() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
