"""Lists of channels or roles in a server's settings, and the sentences about them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import discord

from bot.guild_settings import COMMAND_LISTS
from bot.ui import formatting

_MOST_SHOWN = 6
"""Maximum number of entries of one list that are shown, so that all lists fit into a message."""


@dataclass(frozen=True)
class AccessList:
    """What a list of channels or roles means, in sentences. An empty one restricts nothing."""

    mention: str
    """The form of a mention, with `{}` for the id."""
    find: Callable[[discord.Guild, int], object | None]
    """Returns what has an id; None if Discord deleted it."""
    anything: str
    """What an empty list allows."""
    nothing: str
    """What a list allows of which everything was deleted, and what moderators can do."""
    one_deleted: str
    """What one deleted entry is called."""
    refusal: str
    """The sentence for those whom the list excludes; `{}` stands for the entries."""
    all_deleted: str
    """The sentence for everyone if everything on the list was deleted."""

    def text(self, ids: Sequence[int], guild: discord.Guild | None) -> str:
        """Return what a list allows, for moderators."""
        if not ids:
            return self.anything
        kept = self.existing(ids, guild)
        if not kept:
            return self.nothing
        return self._mentions(kept) + self._deleted(len(ids) - len(kept))

    def refuse(self, ids: Sequence[int], guild: discord.Guild | None) -> str:
        """Return the sentence for someone whom a list excludes."""
        kept = self.existing(ids, guild)
        if not kept:
            return self.all_deleted
        return self.refusal.format(formatting.join_mentions(kept, self.mention))

    def existing(self, ids: Sequence[int], guild: discord.Guild | None) -> tuple[int, ...]:
        """Return the ids of what Discord still has; all, if it has not told."""
        known = if_known(guild)
        if known is None:
            return tuple(ids)
        return tuple(each for each in ids if self.find(known, each) is not None)

    def _mentions(self, ids: Sequence[int]) -> str:
        if len(ids) <= _MOST_SHOWN:
            return formatting.join_mentions(ids, self.mention)
        shown = ", ".join(map(self.mention.format, ids[:_MOST_SHOWN]))
        return f"{shown} and {len(ids) - _MOST_SHOWN} more"

    def _deleted(self, count: int) -> str:
        if not count:
            return ""
        deleted = formatting.plural(count, self.one_deleted)
        return f" (and {deleted}: `/settings cleanup` removes them)"


CHANNELS = AccessList(
    mention="<#{}>",
    find=discord.Guild.get_channel,
    anything="every channel",
    nothing=(
        "nowhere, because all channels on the list were deleted. `/settings channels add` adds "
        "one, `/settings channels clear` lets me paint in all channels"
    ),
    one_deleted="deleted channel",
    refusal="In this server I paint only in {}.",
    all_deleted=(
        "All channels in which I may paint in this server were deleted. Ask a moderator: "
        "`/settings show` says what to do."
    ),
)
ROLES = AccessList(
    mention="<@&{}>",
    find=discord.Guild.get_role,
    anything="everyone",
    nothing=(
        "nobody, because all roles on the list were deleted. `/settings roles add` adds one, "
        "`/settings roles clear` lets me paint for everyone"
    ),
    one_deleted="deleted role",
    refusal="In this server I paint only for people who are {}. Ask a moderator.",
    all_deleted=(
        "All roles for which I may paint in this server were deleted. Ask a moderator: "
        "`/settings show` says what to do."
    ),
)


def _of_command(command: str) -> AccessList:
    return AccessList(
        mention="<#{}>",
        find=discord.Guild.get_channel,
        anything="every channel in which I paint",
        nothing=(
            "nowhere, because all its channels were deleted. `/settings commands add` adds one, "
            "`/settings commands clear` allows it in all channels"
        ),
        one_deleted="deleted channel",
        refusal=f"In this server `/{command}`, and what does the same, works only in {{}}.",
        all_deleted=(
            f"All channels for `/{command}` in this server were deleted. Ask a moderator: "
            "`/settings show` says what to do."
        ),
    )


COMMANDS = {command: _of_command(command) for command in COMMAND_LISTS}
"""The lists of channels of each painting command."""
SPOILERS = AccessList(
    mention="<#{}>",
    find=discord.Guild.get_channel,
    anything="nowhere",
    nothing="nowhere, because all channels on the list were deleted",
    one_deleted="deleted channel",
    refusal="Pictures are spoilers in {}.",
    all_deleted="Pictures are spoilers nowhere.",
)


def if_known(guild: discord.Guild | None) -> discord.Guild | None:
    """Return a server if Discord has told its channels and roles, as after every connection."""
    return None if guild is None or guild.unavailable else guild
