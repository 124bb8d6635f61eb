"""Lists of channels or roles in a server's settings, and the sentences about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import discord

from bot.guild_settings import COMMAND_LISTS
from bot.languages.message import Message, command_name, joined, listed

_MOST_SHOWN = 6
"""Maximum number of entries of one list that are shown, so that all lists fit into a message."""


@dataclass(frozen=True)
class AccessList:
    """What a list of channels or roles means, in sentences. An empty one restricts nothing."""

    mention: str
    """The form of a mention, with `{}` for the id."""
    find: Callable[[discord.Guild, int], object | None]
    """Returns what has an id; None if Discord deleted it."""
    anything: Message
    """What an empty list allows."""
    nothing: Message
    """What a list allows of which everything was deleted, and what moderators can do."""
    deleted: Callable[[int], Message]
    """Returns what is said of so many deleted entries."""
    refusal: Callable[[Message], Message]
    """Returns the sentence for those whom the list excludes, with the entries."""
    all_deleted: Message
    """The sentence for everyone if everything on the list was deleted."""

    def text(self, ids: Sequence[int], guild: discord.Guild | None) -> Message:
        """Return what a list allows, for moderators."""
        if not ids:
            return self.anything
        kept = self.existing(ids, guild)
        if not kept:
            return self.nothing
        deleted = len(ids) - len(kept)
        return joined(" ", (self._shown(kept), self.deleted(deleted) if deleted else None))

    def refuse(self, ids: Sequence[int], guild: discord.Guild | None) -> Message:
        """Return the sentence for someone whom a list excludes."""
        kept = self.existing(ids, guild)
        if not kept:
            return self.all_deleted
        return self.refusal(listed(map(self.mention.format, kept), "or"))

    def existing(self, ids: Sequence[int], guild: discord.Guild | None) -> tuple[int, ...]:
        """Return the ids of what Discord still has; all, if it has not told."""
        known = if_known(guild)
        if known is None:
            return tuple(ids)
        return tuple(each for each in ids if self.find(known, each) is not None)

    def _shown(self, ids: Sequence[int]) -> Message:
        """Return mentions, as many as are shown."""
        mentions = [self.mention.format(each) for each in ids]
        if len(mentions) <= _MOST_SHOWN:
            return listed(mentions, "or")
        return Message.counted(
            "{shown} and {count} more",
            "{shown} and {count} more",
            len(mentions) - _MOST_SHOWN,
            shown=", ".join(mentions[:_MOST_SHOWN]),
        )


def _deleted_channels(count: int) -> Message:
    return Message.counted(
        "(and {count} deleted channel: `/settings cleanup` removes them)",
        "(and {count} deleted channels: `/settings cleanup` removes them)",
        count,
    )


def _deleted_roles(count: int) -> Message:
    return Message.counted(
        "(and {count} deleted role: `/settings cleanup` removes them)",
        "(and {count} deleted roles: `/settings cleanup` removes them)",
        count,
    )


CHANNELS = AccessList(
    mention="<#{}>",
    find=discord.Guild.get_channel,
    anything=Message("every channel"),
    nothing=Message(
        "nowhere, because all channels on the list were deleted. `/settings channels add` adds "
        "one, `/settings channels clear` lets me paint in all channels"
    ),
    deleted=_deleted_channels,
    refusal=lambda places: Message("In this server I paint only in {places}.", places=places),
    all_deleted=Message(
        "All channels in which I may paint in this server were deleted. Ask a moderator: "
        "`/settings show` says what to do."
    ),
)
ROLES = AccessList(
    mention="<@&{}>",
    find=discord.Guild.get_role,
    anything=Message("everyone"),
    nothing=Message(
        "nobody, because all roles on the list were deleted. `/settings roles add` adds one, "
        "`/settings roles clear` lets me paint for everyone"
    ),
    deleted=_deleted_roles,
    refusal=lambda roles: Message(
        "In this server I paint only for people who are {roles}. Ask a moderator.", roles=roles
    ),
    all_deleted=Message(
        "All roles for which I may paint in this server were deleted. Ask a moderator: "
        "`/settings show` says what to do."
    ),
)


def _of_command(command: str) -> AccessList:
    return AccessList(
        mention="<#{}>",
        find=discord.Guild.get_channel,
        anything=Message("every channel in which I paint"),
        nothing=Message(
            "nowhere, because all its channels were deleted. `/settings commands add` adds one, "
            "`/settings commands clear` allows it in all channels"
        ),
        deleted=_deleted_channels,
        refusal=lambda places: Message(
            "In this server `/{command}`, and what does the same, works only in {places}.",
            command=command_name(command),
            places=places,
        ),
        all_deleted=Message(
            "All channels for `/{command}` in this server were deleted. Ask a moderator: "
            "`/settings show` says what to do.",
            command=command_name(command),
        ),
    )


COMMANDS = {command: _of_command(command) for command in COMMAND_LISTS}
"""The lists of channels of each painting command."""
SPOILERS = AccessList(
    mention="<#{}>",
    find=discord.Guild.get_channel,
    anything=Message("nowhere"),
    nothing=Message("nowhere, because all channels on the list were deleted"),
    deleted=_deleted_channels,
    refusal=lambda places: Message("Pictures are spoilers in {places}.", places=places),
    all_deleted=Message("Pictures are spoilers nowhere."),
)


def if_known(guild: discord.Guild | None) -> discord.Guild | None:
    """Return a server if Discord has told its channels and roles, as after every connection."""
    return None if guild is None or guild.unavailable else guild
