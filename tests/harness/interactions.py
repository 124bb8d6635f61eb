"""Buttons under a job's messages, pressed one after the other or all at once."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import discord
import pytest
import simcord

from bot.jobs.records import JobRecord
from engine.recipes.recipe import Recipe
from tests.harness.bot_harness import PATIENCE, BotHarness, channel_of, recipe_of, singles_of

NEVER_FINISHES = 1000
"""Number of steps of a job that is still running when its test ends or stops it."""
RESULT = ["Vary", "Rerun", "More steps", "Enlarge ×2", "Edit prompt", "Recipe", "Delete"]
STOPPED_RESULT = ["Resume", "Vary", "Rerun", "Enlarge ×2", "Edit prompt", "Recipe", "Delete"]


def grid_labels(pictures: int) -> list[str]:
    """Return the labels of the buttons under a result with several pictures."""
    numbered = [f"{letter}{each}" for letter in "VU" for each in range(1, pictures + 1)]
    return [*numbered, "Rerun", "More steps", "Edit prompt", "Recipe", "Delete"]


def buttons_of(message: discord.Message) -> list[discord.Button]:
    """Return the buttons under a message."""
    rows = (row for row in message.components if isinstance(row, discord.ActionRow))
    return [each for row in rows for each in row.children if isinstance(each, discord.Button)]


def labels(message: discord.Message) -> list[str]:
    """Return the labels of the buttons under a message."""
    return [each.label or "" for each in buttons_of(message)]


def progress_message(bot: BotHarness) -> discord.Message:
    """Return the message that shows the progress, in the only thread."""
    return bot.thread().history()[0]


async def wait_for_progress_message(bot: BotHarness, place: simcord.ChannelHandle) -> None:
    """Wait until the first message in a place is stored as a job's progress message."""
    async with asyncio.timeout(PATIENCE):
        while not (place.history() and await _job_of(bot, place.history()[0])):
            await asyncio.sleep(0.05)


async def _job_of(bot: BotHarness, message: discord.Message) -> JobRecord | None:
    return await bot.services.store.jobs.by_message(message.id)


def moderator(bot: BotHarness) -> simcord.MemberActor:
    """Add Carol, who may manage messages."""
    role = bot.guild.create_role(
        "moderators", permissions=discord.Permissions(manage_messages=True)
    )
    return bot.guild.add_member(bot.env.create_user("carol"), roles=[role])


async def recipes_in(message: discord.Message) -> list[Recipe]:
    """Return the recipes of a result's pictures."""
    return [recipe_of(await each.read()) for each in await singles_of(message)]


def distance(first: bytes, second: bytes) -> float:
    """How much two pictures differ on average."""
    return sum(abs(a - b) for a, b in zip(first, second, strict=True)) / len(first)


async def at_the_same_time(
    bot: BotHarness, patch: pytest.MonkeyPatch, *acts: Awaitable[simcord.InteractionResult]
) -> list[simcord.InteractionResult]:
    """Do several things before the bot can answer the first one."""
    results = []
    with patch.context() as for_now:
        for act in acts[:-1]:
            for_now.setattr(bot.env, "_settle_internal", _not_at_all)
            results.append(await act)
    return [*results, await acts[-1]]


async def _not_at_all(**_: Any) -> None:
    pass


async def posted_with(bot: BotHarness, custom_id: str) -> discord.Message:
    """Post a message of the bot with a button whose custom id is not its own."""
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="?", custom_id=custom_id))
    return await channel_of(bot, bot.channel.id).send("buttons", view=view)


async def with_buttons(
    bot: BotHarness, message: discord.Message, *custom_ids: str
) -> discord.Message:
    """Return a message of the bot after its buttons were replaced by others."""
    view = discord.ui.View(timeout=None)
    for each in custom_ids:
        view.add_item(discord.ui.Button(label="?", custom_id=each))
    return await channel_of(bot, message.channel.id).get_partial_message(message.id).edit(view=view)


async def deliver_again(bot: BotHarness, event: str, who: simcord.MemberActor) -> None:
    """Deliver the last event of this name that a person caused once more, as a gateway may."""
    events = (each for each in list(bot.env.backend.transcript) if each[:2] == ("GATEWAY", event))
    caused = [each[2] for each in events if _causer(each[2]) == str(who.id)]
    bot.env.backend.emit(event, caused[-1])
    await bot.env.settle()


def _causer(payload: Any) -> str:
    member = payload.get("member") or {}
    user = payload.get("author") or payload.get("user") or member.get("user") or {}
    return str(payload.get("user_id") or user.get("id"))
