"""Who asks for a picture, and where: the same value for a command and for a message."""

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
    """A person in a place."""

    user_id: int
    guild_id: int | None
    """None in direct messages."""
    channel: Channel
    permissions: discord.Permissions
    """The bot's own, in the channel."""
    roles: Mapping[int, str] = field(default_factory=dict)
    """The person's, by their ids; none in direct messages."""

    @classmethod
    def of_interaction(cls, interaction: discord.Interaction) -> Self:
        """Whoever gave a command or pressed a button.

        Raises `UserError` if nothing can be posted there.
        """
        channel = interaction.channel
        if channel is None or isinstance(channel, discord.ForumChannel | discord.CategoryChannel):
            raise UserError("I cannot post in this place. Try a text channel.")
        permissions = interaction.app_permissions
        user = interaction.user
        return cls(user.id, interaction.guild_id, channel, permissions, _roles(user))

    @classmethod
    def of_message(cls, message: discord.Message) -> Self:
        """Whoever wrote a message."""
        guild, channel = message.guild, message.channel
        if guild is None:
            return cls(message.author.id, None, channel, discord.Permissions.none())
        author, permissions = message.author, channel.permissions_for(guild.me)
        return cls(author.id, guild.id, channel, permissions, _roles(author))

    @classmethod
    def of_reaction(cls, reaction: discord.RawReactionActionEvent, channel: Channel) -> Self:
        """Whoever reacted to a message in a channel."""
        member, user_id = reaction.member, reaction.user_id
        if member is None:
            return cls(user_id, None, channel, discord.Permissions.none())
        permissions = channel.permissions_for(member.guild.me)
        return cls(user_id, member.guild.id, channel, permissions, _roles(member))


def _roles(user: discord.User | discord.Member) -> dict[int, str]:
    return {each.id: each.name for each in user.roles} if isinstance(user, discord.Member) else {}
