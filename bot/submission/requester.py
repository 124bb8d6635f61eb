"""The user and channel behind a request, whether it is an interaction, message or reaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import discord

from bot.errors import UserError

Channel = (
    discord.TextChannel
    | discord.VoiceChannel
    | discord.StageChannel
    | discord.Thread
    | discord.DMChannel
    | discord.GroupChannel
    | discord.PartialMessageable
)


@dataclass(frozen=True)
class Requester:
    """A user in a channel."""

    user_id: int
    guild_id: int | None
    """None in direct messages."""
    channel: Channel
    permissions: discord.Permissions
    """The bot's permissions in the channel."""
    roles: Mapping[int, str] = field(default_factory=dict[int, str])
    """The names of the user's roles by id; empty in direct messages."""

    @classmethod
    def of_interaction(cls, interaction: discord.Interaction) -> Self:
        """Return the user who gave a command or pressed a button, in their channel.

        Raises `UserError` if nothing can be posted there.
        """
        channel = interaction.channel
        if channel is None or isinstance(channel, discord.ForumChannel | discord.CategoryChannel):
            raise UserError("I cannot post in this channel. Try a text channel.")
        permissions = interaction.app_permissions
        user = interaction.user
        return cls(user.id, interaction.guild_id, channel, permissions, _roles(user))

    @classmethod
    def of_message(cls, message: discord.Message) -> Self:
        """Return the author of a message, in its channel."""
        guild, channel = message.guild, message.channel
        if guild is None:
            return cls(message.author.id, None, channel, discord.Permissions.none())
        author, permissions = message.author, channel.permissions_for(guild.me)
        return cls(author.id, guild.id, channel, permissions, _roles(author))

    @classmethod
    def of_reaction(cls, reaction: discord.RawReactionActionEvent, channel: Channel) -> Self:
        """Return the user who reacted to a message in a channel."""
        member, user_id = reaction.member, reaction.user_id
        if member is None:
            return cls(user_id, None, channel, discord.Permissions.none())
        permissions = channel.permissions_for(member.guild.me)
        return cls(user_id, member.guild.id, channel, permissions, _roles(member))


def _roles(user: discord.User | discord.Member) -> dict[int, str]:
    return {each.id: each.name for each in user.roles} if isinstance(user, discord.Member) else {}
