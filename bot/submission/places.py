"""Decide where in a server pictures are painted, and for whom."""

from collections.abc import Sequence

import discord

from bot.errors import UserError
from bot.guild_settings import COMMAND_LISTS, GuildSettings
from bot.submission.requester import PAINTING, Requester
from bot.ui.access_lists import CHANNELS, COMMANDS, ROLES
from engine.recipes.kinds import AnyRecipe


def check_place(
    settings: GuildSettings, requester: Requester, recipes: Sequence[AnyRecipe] = ()
) -> None:
    """Raise `UserError` if a server allows this only in other channels, or for other roles.

    `recipes` are those of the request, as far as they are known.
    """
    guild: discord.Guild | None = getattr(requester.channel, "guild", None)
    place = requester.place_id
    if settings.channels and place not in settings.channels:
        raise UserError(CHANNELS.refuse(settings.channels, guild))
    if settings.roles and requester.roles.keys().isdisjoint(settings.roles):
        raise UserError(ROLES.refuse(settings.roles, guild))
    command = _command(requester, recipes)
    if command is None:
        return
    listed: Sequence[int] = getattr(settings, COMMAND_LISTS[command])
    if listed and place not in listed:
        raise UserError(COMMANDS[command].refuse(listed, guild))


def is_spoiler_place(settings: GuildSettings, requester: Requester) -> bool:
    """Return True if every picture in the requester's channel is posted as a spoiler."""
    return requester.place_id in settings.spoiler_channels


def _command(requester: Requester, recipes: Sequence[AnyRecipe]) -> str | None:
    """Return the command whose channels count; None while that is unknown.

    A button or a reaction can repeat an edit as well as any other picture: its recipe tells.
    """
    if requester.command != PAINTING:
        return requester.command
    if not recipes:
        return None
    return PAINTING if recipes[0].edit is None else "edit"
