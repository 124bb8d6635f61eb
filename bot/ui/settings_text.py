"""Describe what is allowed in a server: its own settings together with the host's."""

from collections.abc import Mapping
from dataclasses import dataclass

import discord

from bot.config import BotSettings, Replies, SafetySettings
from bot.guild_settings import COMMAND_LISTS, GuildSettings
from bot.languages.catalogue import own_name
from bot.languages.message import Message, command_name, joined, percentage
from bot.ui.access_lists import CHANNELS, COMMANDS, ROLES, SPOILERS

NAMES: Mapping[str, Message] = {
    "steps": Message.in_context("field", "Steps per picture"),
    "count": Message.in_context("field", "Variations per command"),
    "pixels": Message.in_context("field", "Pixels per picture, width times height"),
    "pictures_per_day": Message.in_context("field", "Pictures per person and day"),
    "jobs_per_person": Message.in_context("field", "Jobs per person at a time"),
    "jobs_per_server": Message.in_context("field", "Jobs in this server at a time"),
}
REPLIES: Mapping[Replies, Message] = {
    "always": Message("always"),
    "threads": Message("in a picture's own thread, or if they mention me"),
    "mention": Message("if they mention me"),
    "never": Message("never"),
}
AS_ON_DISCORD = "discord"
"""The choice of the language that a server has on Discord."""
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
NOTHING_CHANGED = Message("Nothing changed: it was like that already.")
_COMMANDS_KNOWN = Message(
    "Who may use `/imagine`, `/edit` and `/mask`, and where: *Server Settings → Integrations*. "
    "`/blend` follows `/imagine`. Replies, reactions and buttons that do the same follow that too."
)
_COMMANDS_UNKNOWN = Message(
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
) -> Message:
    """Return what is allowed in a server.

    `is_known` tells whether Discord says what the server's integration settings are.
    """
    described = _described(server, host, guild)
    return joined(
        "\n",
        (
            Message("**What is allowed in this server**"),
            *(
                Message("{name}: {value}", name=name, value=each)
                for name, each in described.items()
            ),
            _damage(server),
            _COMMANDS_KNOWN if is_known else _COMMANDS_UNKNOWN,
        ),
    )


def changes_text(
    before: GuildSettings, after: GuildSettings, host: HostRules, guild: discord.Guild | None
) -> Message:
    """Return what a change has changed, a line for each setting: "Replies: always → never"."""
    old, new = _described(before, host, guild), _described(after, host, guild)
    lines: list[Message | str] = [
        Message("{name}: {old} → {new}", name=name, old=old[name], new=new[name])
        for name in new
        if old[name] != new[name]
    ]
    if before.unreadable and not after.unreadable:
        lines.insert(0, Message("The damaged settings are removed."))
    if after.unreadable:
        lines.append(_damage(after))
    return joined("\n", lines or (NOTHING_CHANGED,))


def people_changes(before: GuildSettings, after: GuildSettings) -> list[Message]:
    """Return whom a change has blocked or unblocked, a line for each, for the moderation log."""
    old, new = set(before.blocked_people), set(after.blocked_people)
    return [
        *(Message("Blocked: {person}", person=f"<@{each}>") for each in sorted(new - old)),
        *(Message("Unblocked: {person}", person=f"<@{each}>") for each in sorted(old - new)),
    ]


def _described(
    server: GuildSettings, host: HostRules, guild: discord.Guild | None
) -> dict[Message, Message | str]:
    """Return what holds in a server, by what it is about."""
    described = _limits(server, host)
    described[Message("Language of public messages")] = _language(server, guild)
    described[Message("Where I paint")] = CHANNELS.text(server.channels, guild)
    for command, name in COMMAND_LISTS.items():
        where = Message("Where `/{command}` works", command=command_name(command))
        described[where] = COMMANDS[command].text(getattr(server, name), guild)
    spoilers = SPOILERS.text(server.spoiler_channels, guild)
    described[Message("Where every picture is a spoiler")] = spoilers
    described[Message("Who I paint for")] = ROLES.text(server.roles, guild)
    described[Message("Blocked people")] = _people(len(server.blocked_people))
    described[Message("This server's words")] = Message(
        "{blocked} blocked, {restricted} for age-restricted channels only",
        blocked=len(server.blocked_words),
        restricted=len(server.age_restricted_words),
    )
    if host.has_filter:
        described |= _picture_filter(server, host.settings.safety)
    described[Message("Moderation log")] = _log(server)
    return described


def _limits(server: GuildSettings, host: HostRules) -> dict[Message, Message | str]:
    """Return the limits, and what of people's edits is allowed."""
    most = host.settings.limits
    limits = server.merged_with(most)
    described = {
        name: _number(getattr(limits, key), getattr(most, key)) for key, name in NAMES.items()
    }
    described[Message("Who may edit a picture")] = (
        Message("everyone") if limits.edit_others else Message("only the person who asked for it")
    )
    replies = REPLIES[server.replies or host.settings.discord.replies]
    described[Message("Replies in words alone edit a picture")] = replies
    return described


def _language(server: GuildSettings, guild: discord.Guild | None) -> Message | str:
    if server.language is not None:
        return own_name(server.language)
    name = own_name(None if guild is None else guild.preferred_locale.value)
    return Message("as on Discord: {language}", language=name)


def _picture_filter(server: GuildSettings, host: SafetySettings) -> dict[Message, Message]:
    """Return what the picture filter holds back."""
    usual = server.picture_threshold_within(host, age_restricted=False)
    restricted = server.picture_threshold_within(host, age_restricted=True)
    return {
        Message("Picture filter"): _strictness(usual),
        Message("Picture filter in age-restricted channels"): _strictness(restricted),
    }


def _strictness(threshold: float) -> Message:
    if threshold >= 1:
        return Message.in_context("picture filter", "off")
    return Message("holds back pictures with a score above {share}", share=percentage(threshold))


def _log(server: GuildSettings) -> Message:
    if server.log_channel is None:
        return Message.in_context("moderation log", "none")
    channel = f"<#{server.log_channel}>"
    if server.log_keeps_deleted:
        return Message("{channel}, deleted pictures are kept there", channel=channel)
    return Message("{channel}, deleted pictures are not kept", channel=channel)


def _number(number: int, most: int) -> Message | str:
    return Message("{number} of {most}", number=number, most=most) if number < most else str(number)


def _people(count: int) -> Message:
    if not count:
        return Message.in_context("people", "none")
    return Message.counted("{count} person", "{count} people", count)


def _damage(server: GuildSettings) -> Message | str:
    """Return the line about settings that cannot be read, or "" if there are none."""
    if not server.unreadable:
        return ""
    keys = ", ".join(server.unreadable)
    if server.is_fail_closed:
        return Message("Damaged: {keys}. I won't paint until `/settings reset`.", keys=keys)
    return Message("Damaged: {keys}.", keys=keys)
