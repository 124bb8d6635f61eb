"""Describe what is allowed in a server: its own settings together with the host's."""

from collections.abc import Callable, Mapping, Sequence

import discord

from bot.config import LimitSettings, Replies, SafetySettings
from bot.guild_settings import LIMITS, GuildSettings
from bot.ui import formatting

NAMES = {
    "steps": "Steps per picture",
    "count": "Variations per command",
    "pixels": "Pixels per picture, width times height",
    "pictures_per_day": "Pictures per person and day",
    "jobs_per_person": "Jobs per person at a time",
    "jobs_per_server": "Jobs in this server at a time",
}
REPLIES: Mapping[Replies, str] = {
    "always": "always",
    "threads": "in a picture's own thread, or if they mention me",
    "mention": "if they mention me",
    "never": "never",
}
STRICTNESS: Mapping[str, float | None] = {
    "host": None,
    "lenient": 0.95,
    "normal": 0.8,
    "strict": 0.5,
    "very strict": 0.2,
}
"""The choices of how strict the picture filter is: thresholds; None is the host's."""
STRICTNESS_NAMES: Mapping[str, str] = {
    "host": "as the host of this bot chose",
    "lenient": "lenient: hold back what the filter is sure of",
    "normal": "normal: hold back what is likely",
    "strict": "strict: hold back what may be",
    "very strict": "very strict: hold back whatever is suspicious",
}
_COMMANDS_KNOWN = (
    "Who may use `/imagine`, `/edit` and `/mask`, and where: *Server Settings → Integrations*. "
    "Replies, reactions and buttons that do the same follow that too."
)
_COMMANDS_UNKNOWN = (
    "Who may use my commands, and where: *Server Settings → Integrations*. Discord does not tell "
    "me at the moment, so replies, reactions and buttons follow what I knew last."
)


def settings_text(
    server: GuildSettings, host: LimitSettings, replies: Replies, guild: discord.Guild | None
) -> str:
    """Return what is allowed in a server; `replies` is the host's choice."""
    limits, guild = server.merged_with(host), if_known(guild)
    lines = ["**What is allowed in this server**"]
    for name in LIMITS:
        number, most = getattr(limits, name), getattr(host, name)
        lines.append(f"{NAMES[name]}: {number}" + (f" of {most}" if number < most else ""))
    others = "everyone" if limits.edit_others else "only the person who asked for it"
    lines += [
        f"Who may edit a picture: {others}",
        f"Replies in words alone edit a picture: {REPLIES[server.replies or replies]}",
        f"Where I paint: {_channels_text(server, guild)}",
        f"Who I paint for: {_roles_text(server, guild)}",
        f"This server's words: {len(server.blocked_words)} blocked, "
        f"{len(server.age_restricted_words)} for age-restricted channels only",
    ]
    if server.unreadable:
        lines.append(
            f"Damaged: {', '.join(server.unreadable)}. "
            + ("I won't paint until `/settings reset`." if server.is_fail_closed else "")
        )
    return "\n".join(lines)


def picture_filter_text(server: GuildSettings, host: SafetySettings) -> str:
    """Return what the picture filter of a server holds back; the host has chosen one."""
    usual = server.picture_threshold_within(host, age_restricted=False)
    restricted = server.picture_threshold_within(host, age_restricted=True)
    return (
        f"Picture filter: {_strictness(usual)}\n"
        f"Picture filter in age-restricted channels: {_strictness(restricted)}"
    )


def _strictness(threshold: float) -> str:
    if threshold >= 1:
        return "off"
    return f"holds back pictures with a score above {formatting.percent(threshold)}"


def commands_text(*, is_known: bool) -> str:
    """Return where a server's own settings for the bot's commands are, and who follows them."""
    return _COMMANDS_KNOWN if is_known else _COMMANDS_UNKNOWN


def if_known(guild: discord.Guild | None) -> discord.Guild | None:
    """Return a server if Discord has told its channels and roles, as after every connection."""
    return None if guild is None or guild.unavailable else guild


def existing(ids: Sequence[int], find: Callable[[int], object | None]) -> tuple[int, ...]:
    """Return the ids of what Discord still has."""
    return tuple(each for each in ids if find(each) is not None)


def _channels_text(server: GuildSettings, guild: discord.Guild | None) -> str:
    if not server.channels:
        return "every channel"
    kept = existing(server.channels, guild.get_channel) if guild else server.channels
    if not kept:
        return (
            "nowhere, because all channels on the list were deleted. `/settings channels add` adds "
            "one, `/settings channels clear` lets me paint in all channels"
        )
    deleted = len(server.channels) - len(kept)
    return formatting.join_mentions(kept, "<#{}>") + _deleted_text(deleted, "channel")


def _roles_text(server: GuildSettings, guild: discord.Guild | None) -> str:
    if not server.roles:
        return "everyone"
    kept = existing(server.roles, guild.get_role) if guild else server.roles
    if not kept:
        return (
            "nobody, because all roles on the list were deleted. `/settings roles add` adds one, "
            "`/settings roles clear` lets me paint for everyone"
        )
    deleted = len(server.roles) - len(kept)
    return formatting.join_mentions(kept, "<@&{}>") + _deleted_text(deleted, "role")


def _deleted_text(count: int, what: str) -> str:
    if not count:
        return ""
    return f" (and {formatting.plural(count, f'deleted {what}')}: `/settings cleanup` removes them)"
