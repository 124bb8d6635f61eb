"""Describe what is allowed in a server: its own settings together with the host's."""

from collections.abc import Mapping
from dataclasses import dataclass

import discord

from bot.config import BotSettings, Replies, SafetySettings
from bot.guild_settings import COMMAND_LISTS, GuildSettings
from bot.ui import formatting
from bot.ui.access_lists import CHANNELS, COMMANDS, ROLES, SPOILERS

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
NOTHING_CHANGED = "Nothing changed: it was like that already."
_COMMANDS_KNOWN = (
    "Who may use `/imagine`, `/edit` and `/mask`, and where: *Server Settings → Integrations*. "
    "`/blend` follows `/imagine`. Replies, reactions and buttons that do the same follow that too."
)
_COMMANDS_UNKNOWN = (
    "Who may use my commands, and where: *Server Settings → Integrations*. Discord does not tell "
    "me at the moment, so replies, reactions and buttons follow what I knew last."
)


@dataclass(frozen=True)
class HostRules:
    """What the host allows, within which servers can tighten."""

    settings: BotSettings
    has_filter: bool
    """Whether there is a picture filter."""


def settings_text(
    server: GuildSettings, host: HostRules, guild: discord.Guild | None, *, is_known: bool
) -> str:
    """Return what is allowed in a server.

    `is_known` tells whether Discord says what the server's integration settings are.
    """
    described = _described(server, host, guild)
    return "\n".join(
        (
            "**What is allowed in this server**",
            *(f"{name}: {value}" for name, value in described.items()),
            *_damage(server),
            _COMMANDS_KNOWN if is_known else _COMMANDS_UNKNOWN,
        )
    )


def changes_text(
    before: GuildSettings, after: GuildSettings, host: HostRules, guild: discord.Guild | None
) -> str:
    """Return what a change has changed, a line for each setting: "Replies: always → never"."""
    old, new = _described(before, host, guild), _described(after, host, guild)
    lines = [f"{name}: {old[name]} → {new[name]}" for name in new if old[name] != new[name]]
    if before.unreadable and not after.unreadable:
        lines.insert(0, "The damaged settings are removed.")
    return "\n".join((*lines, *_damage(after))) or NOTHING_CHANGED


def people_changes(before: GuildSettings, after: GuildSettings) -> list[str]:
    """Return whom a change has blocked or unblocked, a line for each, for the moderation log."""
    old, new = set(before.blocked_people), set(after.blocked_people)
    return [
        *(f"Blocked: <@{each}>" for each in sorted(new - old)),
        *(f"Unblocked: <@{each}>" for each in sorted(old - new)),
    ]


def _described(
    server: GuildSettings, host: HostRules, guild: discord.Guild | None
) -> dict[str, str]:
    """Return what holds in a server, by what it is about."""
    most = host.settings.limits
    limits = server.merged_with(most)
    described = {
        name: _number(getattr(limits, key), getattr(most, key)) for key, name in NAMES.items()
    }
    described["Who may edit a picture"] = (
        "everyone" if limits.edit_others else "only the person who asked for it"
    )
    replies = REPLIES[server.replies or host.settings.discord.replies]
    described["Replies in words alone edit a picture"] = replies
    described["Where I paint"] = CHANNELS.text(server.channels, guild)
    for command, name in COMMAND_LISTS.items():
        described[f"Where `/{command}` works"] = COMMANDS[command].text(
            getattr(server, name), guild
        )
    described["Where every picture is a spoiler"] = SPOILERS.text(server.spoiler_channels, guild)
    described["Who I paint for"] = ROLES.text(server.roles, guild)
    described["Blocked people"] = _people(len(server.blocked_people))
    described["This server's words"] = (
        f"{len(server.blocked_words)} blocked, "
        f"{len(server.age_restricted_words)} for age-restricted channels only"
    )
    if host.has_filter:
        described |= _picture_filter(server, host.settings.safety)
    described["Moderation log"] = _log(server)
    return described


def _picture_filter(server: GuildSettings, host: SafetySettings) -> dict[str, str]:
    """Return what the picture filter holds back."""
    usual = server.picture_threshold_within(host, age_restricted=False)
    restricted = server.picture_threshold_within(host, age_restricted=True)
    return {
        "Picture filter": _strictness(usual),
        "Picture filter in age-restricted channels": _strictness(restricted),
    }


def _strictness(threshold: float) -> str:
    if threshold >= 1:
        return "off"
    return f"holds back pictures with a score above {formatting.percent(threshold)}"


def _log(server: GuildSettings) -> str:
    if server.log_channel is None:
        return "none"
    kept = "kept there" if server.log_keeps_deleted else "not kept"
    return f"<#{server.log_channel}>, deleted pictures are {kept}"


def _number(number: int, most: int) -> str:
    return f"{number} of {most}" if number < most else str(number)


def _people(count: int) -> str:
    return formatting.plural(count, "person", "people") if count else "none"


def _damage(server: GuildSettings) -> list[str]:
    """Return the line about settings that cannot be read, if there are any."""
    if not server.unreadable:
        return []
    rest = "I won't paint until `/settings reset`." if server.is_fail_closed else ""
    return [f"Damaged: {', '.join(server.unreadable)}. {rest}".rstrip()]
