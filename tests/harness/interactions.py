"""Pressing buttons under a job's messages, as people do: one after the other, or all at once."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import discord
import pytest
import simcord

from bot.jobs.records import JobRecord
from engine.recipes.recipe import Recipe
from tests.harness.bot_harness import PATIENCE, Studio, channel_of, pictures_of, recipe_of

LONG = 1000
"""Steps that nobody waits for."""
RESULT = ["Rerun", "Vary", "More steps", "Edit prompt", "Delete"]
STOPPED_RESULT = ["Resume", "Rerun", "Vary", "Edit prompt", "Delete"]


def buttons_of(message: discord.Message) -> list[discord.Button]:
    """The buttons under a message."""
    rows = (row for row in message.components if isinstance(row, discord.ActionRow))
    return [each for row in rows for each in row.children if isinstance(each, discord.Button)]


def labels(message: discord.Message) -> list[str]:
    """What they say."""
    return [each.label or "" for each in buttons_of(message)]


def progress(studio: Studio) -> discord.Message:
    """The message that shows the progress, in the only thread."""
    return studio.thread().history()[0]


async def known(studio: Studio, place: simcord.ChannelHandle) -> None:
    """Wait until the bot knows that the first message in a place shows a job's progress."""
    async with asyncio.timeout(PATIENCE):
        while not (place.history() and await _job_of(studio, place.history()[0])):
            await asyncio.sleep(0.05)


async def _job_of(studio: Studio, message: discord.Message) -> JobRecord | None:
    return await studio.services.store.jobs.by_message(message.id)


def moderator(studio: Studio) -> simcord.MemberActor:
    """Carol, who manages messages."""
    role = studio.guild.create_role(
        "moderators", permissions=discord.Permissions(manage_messages=True)
    )
    return studio.guild.add_member(studio.env.create_user("carol"), roles=[role])


async def recipes_in(message: discord.Message) -> list[Recipe]:
    """The recipes of a message's pictures."""
    files = [each for each in pictures_of(message) if "grid" not in each.filename]
    return [recipe_of(await each.read()) for each in files]


async def together(
    studio: Studio, patch: pytest.MonkeyPatch, *acts: Awaitable[simcord.InteractionResult]
) -> list[simcord.InteractionResult]:
    """Do several things at the same time: the bot gets to answer only after the last one."""
    results = []
    with patch.context() as for_now:
        for act in acts[:-1]:
            for_now.setattr(studio.env, "_settle_internal", _not_at_all)
            results.append(await act)
    return [*results, await acts[-1]]


async def _not_at_all(**_: Any) -> None:
    pass


async def posted_with(studio: Studio, custom_id: str) -> discord.Message:
    """A message of the bot's with a button that was tampered with."""
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="?", custom_id=custom_id))
    return await channel_of(studio, studio.channel.id).send("buttons", view=view)
