"""Viewers: which jobs a person may see, and which they look after, by where these are told."""

from dataclasses import dataclass
from typing import Self

import discord

from bot.errors import UserError
from bot.jobs.job import Job, JobLocation
from bot.submission.requester import Channel

NEEDED = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "attach_files": "Attach Files",
}
"""Permissions without which nothing can be shown, as Discord's settings name them."""


NEEDED_IN_THREADS = {
    "view_channel": "View Channel",
    "send_messages_in_threads": "Send Messages in Threads",
    "attach_files": "Attach Files",
}


FOR_A_THREAD = ("create_public_threads", "send_messages_in_threads")


FOR_REPLIES = ("read_message_history",)


INVITE = discord.Permissions(**dict.fromkeys((*NEEDED, *FOR_A_THREAD, *FOR_REPLIES), True))
"""What the bot asks for when it is invited."""


@dataclass(frozen=True)
class Actor:
    """Somebody who wants something of a job."""

    id: int
    is_moderator: bool = False
    """Whether they look after others' messages where the job is told about."""

    @classmethod
    def of_interaction(cls, interaction: discord.Interaction) -> "Actor":
        """Whoever gave a command or pressed a button: Manage Messages makes a moderator."""
        in_guild = interaction.guild_id is not None  # in direct messages Discord grants it to all
        moderates = in_guild and interaction.permissions.manage_messages
        return cls(interaction.user.id, moderates)


class JobVisibility:
    """Somebody who looks at jobs from a server, or from direct messages, for a moment."""

    def __init__(self, user: discord.User | discord.Member, guild: discord.Guild | None) -> None:
        self.user = user
        self.guild = guild
        self._known: dict[int, discord.Permissions] = {}
        """By channel: there may be thousands of jobs in one."""

    @classmethod
    def of_interaction(cls, interaction: discord.Interaction) -> Self:
        """Whoever gave a command."""
        return cls(interaction.user, interaction.guild)

    def owns(self, job: Job) -> bool:
        """Whether they asked for a job."""
        return job.author_id == self.user.id

    def can_see(self, job: Job, place: JobLocation | None) -> bool:
        """Whether a job is their own, or told about where they can read."""
        return self.owns(job) or self._permissions(place).view_channel

    def is_moderator(self, place: JobLocation | None) -> bool:
        """Whether they look after others' messages in a job's place."""
        return self._permissions(place).manage_messages

    def actor(self, place: JobLocation | None) -> Actor:
        """Them, with what they may do to a job in a place."""
        return Actor(self.user.id, self.is_moderator(place))

    def _permissions(self, place: JobLocation | None) -> discord.Permissions:
        """Theirs in the channel of a place; none in other servers."""
        guild, user = self.guild, self.user
        if place is None or guild is None or place.guild_id != guild.id:
            return discord.Permissions.none()
        if not isinstance(user, discord.Member):
            return discord.Permissions.none()
        known = self._known.get(place.channel_id)
        if known is None:
            known = self._known[place.channel_id] = _permissions(guild, user, place.channel_id)
        return known


def _permissions(
    guild: discord.Guild, member: discord.Member, channel_id: int
) -> discord.Permissions:
    none = discord.Permissions.none()
    channel = guild.get_channel_or_thread(channel_id)
    if channel is None or (isinstance(channel, discord.Thread) and channel.parent is None):
        # Gone, or out of sight: it may have been anything.
        everywhere = member.guild_permissions
        return everywhere if everywhere.manage_messages else none
    permissions = channel.permissions_for(member)
    is_private = isinstance(channel, discord.Thread) and channel.is_private()
    return none if is_private and not permissions.manage_threads else permissions


def check_permissions(channel: Channel, permissions: discord.Permissions) -> None:
    """Raise `UserError`, naming what is missing, unless the bot can post pictures there."""
    if isinstance(channel, discord.DMChannel | discord.GroupChannel):
        return
    is_thread = isinstance(channel, discord.Thread)
    if is_thread and channel.locked:
        raise UserError("This thread is locked: I cannot post here.")
    needed = NEEDED_IN_THREADS if is_thread else NEEDED
    missing = [label for name, label in needed.items() if not getattr(permissions, name)]
    if missing:
        raise UserError(
            "I cannot paint here: somebody who manages this server has to allow me "
            f"{' and '.join(missing)} in this channel."
        )
