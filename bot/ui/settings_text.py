"""Describe what is allowed in a server: its own settings together with the host's."""

from collections.abc import Mapping

import discord

from bot.config import LimitSettings, Replies, SafetySettings
from bot.guild_settings import LIMITS, GuildSettings
from bot.ui import formatting
from bot.ui.access_lists import CHANNELS, ROLES

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
    limits = server.merged_with(host)
    lines = ["**What is allowed in this server**"]
    for name in LIMITS:
        number, most = getattr(limits, name), getattr(host, name)
        lines.append(f"{NAMES[name]}: {number}" + (f" of {most}" if number < most else ""))
    others = "everyone" if limits.edit_others else "only the person who asked for it"
    lines += [
        f"Who may edit a picture: {others}",
        f"Replies in words alone edit a picture: {REPLIES[server.replies or replies]}",
        f"Where I paint: {CHANNELS.text(server.channels, guild)}",
        f"Who I paint for: {ROLES.text(server.roles, guild)}",
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
