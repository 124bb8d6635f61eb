"""Check what the bot may do in a channel, and what a user may see of jobs and do to them."""

from dataclasses import dataclass
from typing import Self

import discord

from bot.errors import UserError
from bot.jobs.job import Job, JobLocation
from bot.languages.message import Message, listed
from bot.submission.requester import Requester

_VIEW_CHANNEL, _ATTACH_FILES = Message("View Channel"), Message("Attach Files")
NEEDED = {
    "view_channel": _VIEW_CHANNEL,
    "send_messages": Message("Send Messages"),
    "attach_files": _ATTACH_FILES,
}
"""Permissions that the bot needs to post pictures, with their names in Discord's settings."""
NEEDED_IN_THREADS = {
    "view_channel": _VIEW_CHANNEL,
    "send_messages_in_threads": Message("Send Messages in Threads"),
    "attach_files": _ATTACH_FILES,
}
FOR_A_THREAD = ("create_public_threads", "send_messages_in_threads")
FOR_REPLIES = ("read_message_history",)
INVITE = discord.Permissions(**dict.fromkeys((*NEEDED, *FOR_A_THREAD, *FOR_REPLIES), True))
"""Permissions that the bot asks for when it is invited."""


@dataclass(frozen=True)
class Actor:
    """A user who acts on a job."""

    id: int
    is_moderator: bool = False
    """True if they have Manage Messages in the job's channel."""

    @classmethod
    def of_interaction(cls, interaction: discord.Interaction) -> "Actor":
        """Return the user who gave a command or pressed a button."""
        in_guild = interaction.guild_id is not None  # in direct messages Discord grants it to all
        moderates = in_guild and interaction.permissions.manage_messages
        return cls(interaction.user.id, moderates)


class JobVisibility:
    """The jobs that a user can see from a guild, or from direct messages, for one command."""

    def __init__(self, user: discord.User | discord.Member, guild: discord.Guild | None) -> None:
        self.user = user
        self.guild = guild
        self._known: dict[int, discord.Permissions] = {}
        """Permissions by channel id, because one channel may hold thousands of jobs."""

    @classmethod
    def of_interaction(cls, interaction: discord.Interaction) -> Self:
        """Return what the user of a command can see."""
        return cls(interaction.user, interaction.guild)

    def owns(self, job: Job) -> bool:
        """Return True if the user asked for the job."""
        return job.author_id == self.user.id

    def can_see(self, job: Job, location: JobLocation | None) -> bool:
        """Return True if the job is the user's own, or in a channel that they can read."""
        return self.owns(job) or self._permissions(location).view_channel

    def is_moderator(self, location: JobLocation | None) -> bool:
        """Return True if the user has Manage Messages in the job's channel."""
        return self._permissions(location).manage_messages

    def actor(self, location: JobLocation | None) -> Actor:
        """Return the user as an actor on a job at this location."""
        return Actor(self.user.id, self.is_moderator(location))

    def _permissions(self, location: JobLocation | None) -> discord.Permissions:
        """Return the user's permissions in a job's channel; none in other guilds."""
        guild, user = self.guild, self.user
        if location is None or guild is None or location.guild_id != guild.id:
            return discord.Permissions.none()
        if not isinstance(user, discord.Member):
            return discord.Permissions.none()
        known = self._known.get(location.channel_id)
        if known is None:
            known = self._known[location.channel_id] = _permissions(
                guild, user, location.channel_id
            )
        return known


def _permissions(
    guild: discord.Guild, member: discord.Member, channel_id: int
) -> discord.Permissions:
    none = discord.Permissions.none()
    channel = guild.get_channel_or_thread(channel_id)
    if channel is None or (isinstance(channel, discord.Thread) and channel.parent is None):
        # The channel is gone or hidden, so only permissions in the whole guild count.
        everywhere = member.guild_permissions
        return everywhere if everywhere.manage_messages else none
    permissions = channel.permissions_for(member)
    is_private = isinstance(channel, discord.Thread) and channel.is_private()
    return none if is_private and not permissions.manage_threads else permissions


def check_permissions(requester: Requester) -> None:
    """Raise `UserError`, naming what is missing, unless bot and user may post in the channel."""
    channel = requester.channel
    if requester.guild_id is None:  # direct messages have no permissions
        return
    is_thread = isinstance(channel, discord.Thread)
    if is_thread and channel.locked:
        raise UserError(Message("This thread is locked: I cannot post here."))
    needed = NEEDED_IN_THREADS if is_thread else NEEDED
    missing = [label for name, label in needed.items() if not getattr(requester.permissions, name)]
    if missing:
        raise UserError(
            Message(
                "I cannot paint here: someone who manages this server has to allow me "
                "{permissions} in this channel.",
                permissions=listed(missing),
            )
        )
    _check_own_permissions(requester.own_permissions, requester, in_thread=is_thread)


def _check_own_permissions(
    own: discord.Permissions, requester: Requester, *, in_thread: bool
) -> None:
    """Raise `UserError` if the user may not post, because the bot would do it for them."""
    may_write = own.send_messages_in_threads if in_thread else own.send_messages
    if not (own.view_channel and may_write):
        raise UserError(
            Message(
                "You are not allowed to write in this channel, so I cannot paint for you here. Use "
                "a channel in which you can write."
            )
        )
    if requester.attaches and not own.attach_files:
        raise UserError(
            Message(
                "You are not allowed to attach files in this channel, so I cannot use yours here. "
                "Use another channel, or ask without a file."
            )
        )
