"""The user and channel behind a request, whether it is an interaction, message or reaction."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import discord

from bot.errors import UserError
from bot.languages.message import Message

Channel = (
    discord.TextChannel
    | discord.VoiceChannel
    | discord.StageChannel
    | discord.Thread
    | discord.DMChannel
    | discord.GroupChannel
    | discord.PartialMessageable
)


PAINTING = "imagine"
"""The command that stands for painting: who may not use it gets no picture in other ways."""
_SILENCED = discord.Permissions(view_channel=True, read_message_history=True)
"""What Discord leaves to a member who is timed out."""


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
    own_permissions: discord.Permissions = field(default_factory=discord.Permissions.all)
    """The user's permissions in the channel; without meaning in direct messages."""
    attaches: bool = False
    """Whether the request brings files."""
    commands: tuple[str, ...] = ()
    """Commands that the server must allow the user; none if Discord has checked the request."""
    command: str = PAINTING
    """The painting command that the request is or stands for: "imagine", "edit" or "mask"."""
    locale: str | None = None
    """Discord's name of the language of the channel, as far as known."""
    own_locale: str | None = None
    """The same of the user's client."""

    @property
    def place_id(self) -> int:
        """The id of the channel, or of the one that a thread belongs to."""
        channel = self.channel
        return channel.parent_id if isinstance(channel, discord.Thread) else channel.id

    @classmethod
    def of_interaction(cls, interaction: discord.Interaction[Any], *commands: str) -> Self:
        """Return the user who gave a command, pressed a button or sent a form, in their channel.

        `commands` are those that a button or a form stands for, besides the one for painting.
        Raises `UserError` if nothing can be posted there.
        """
        channel = interaction.channel
        if channel is None or isinstance(channel, discord.ForumChannel | discord.CategoryChannel):
            raise UserError(Message("I cannot post in this channel. Try a text channel."))
        user = interaction.user
        is_command = interaction.type is discord.InteractionType.application_command
        return cls(
            user.id,
            interaction.guild_id,
            channel,
            interaction.app_permissions,
            _roles(user),
            _unless_silenced(user, interaction.permissions),
            attaches=bool((interaction.data or {}).get("resolved", {}).get("attachments")),
            commands=() if is_command else (PAINTING, *commands),
            command=_painting_command(*commands, interaction.command and interaction.command.name),
            locale=_locale(interaction.guild) or interaction.locale.value,
            own_locale=interaction.locale.value,
        )

    @classmethod
    def of_message(cls, message: discord.Message, *commands: str) -> Self:
        """Return the author of a message, in its channel; `commands` are those it stands for."""
        guild, channel, author = message.guild, message.channel, message.author
        if guild is None:
            none = discord.Permissions.none()
            return cls(author.id, None, channel, none)
        return cls(
            author.id,
            guild.id,
            channel,
            _permissions(channel, guild.me),
            _roles(author),
            _permissions(channel, author),
            attaches=bool(message.attachments),
            commands=(PAINTING, *commands),
            command=_painting_command(*commands),
            locale=_locale(guild),
        )

    @classmethod
    def of_reaction(cls, reaction: discord.RawReactionActionEvent, channel: Channel) -> Self:
        """Return the user who reacted to a message in a channel."""
        member, user_id = reaction.member, reaction.user_id
        if member is None:
            return cls(user_id, None, channel, discord.Permissions.none())
        return cls(
            user_id,
            member.guild.id,
            channel,
            _permissions(channel, member.guild.me),
            _roles(member),
            _permissions(channel, member),
            commands=(PAINTING,),
            locale=_locale(member.guild),
        )


def _painting_command(*names: str | None) -> str:
    """Return which painting command is among the names of commands."""
    return next((each for each in names if each in ("edit", "mask")), PAINTING)


def _locale(guild: discord.Guild | None) -> str | None:
    return None if guild is None else guild.preferred_locale.value


def _roles(user: discord.User | discord.Member) -> dict[int, str]:
    return {each.id: each.name for each in user.roles} if isinstance(user, discord.Member) else {}


def _permissions(channel: Channel, user: discord.User | discord.Member) -> discord.Permissions:
    """Return a member's permissions in a channel; none if its parent is unknown."""
    if isinstance(user, discord.Member):
        with suppress(discord.ClientException):  # a thread whose channel is not cached
            return _unless_silenced(user, channel.permissions_for(user))
    return discord.Permissions.none()


def _unless_silenced(
    user: discord.User | discord.Member, permissions: discord.Permissions
) -> discord.Permissions:
    is_silenced = isinstance(user, discord.Member) and user.is_timed_out()
    return permissions & _SILENCED if is_silenced else permissions
