"""Decide where in a server pictures are painted, and for whom."""

import discord

from bot.errors import UserError
from bot.guild_settings import GuildSettings
from bot.submission.requester import Channel, Requester
from bot.ui.access_lists import CHANNELS, ROLES


def check_place(settings: GuildSettings, requester: Requester) -> None:
    """Raise `UserError` if a server allows painting only in other channels, or for other roles."""
    guild: discord.Guild | None = getattr(requester.channel, "guild", None)
    if settings.channels and place_id(requester.channel) not in settings.channels:
        raise UserError(CHANNELS.refuse(settings.channels, guild))
    if settings.roles and requester.roles.keys().isdisjoint(settings.roles):
        raise UserError(ROLES.refuse(settings.roles, guild))


def place_id(channel: Channel) -> int | None:
    """Return the id of a channel, or of the one that a thread is in."""
    return channel.parent_id if isinstance(channel, discord.Thread) else channel.id
