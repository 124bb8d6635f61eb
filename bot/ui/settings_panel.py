"""The menus and buttons with which moderators change their server's settings.

All of them say by their custom id what they change, so they work after a restart too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import discord
from discord import ui

from bot.guild_settings import COMMAND_LISTS, MAX_LISTED, THRESHOLDS, GuildSettings
from bot.languages.catalogue import Language
from bot.languages.message import Message
from bot.ui.access_lists import CHANNELS, ROLES
from bot.ui.buttons import button_view
from bot.ui.settings_choices import (
    EDIT_OTHERS,
    FILTERS,
    KEPT,
    LANGUAGES,
    PLACEHOLDERS,
    REPLIES,
    SECTIONS,
)
from bot.ui.settings_text import AS_ON_DISCORD, STRICTNESS, HostRules

FIRST = "places"
LISTS: Mapping[str, str] = {
    **dict.fromkeys(("channels", "roles", "spoiler_channels"), "places"),
    **dict.fromkeys(COMMAND_LISTS.values(), "commands"),
    "blocked_people": "people",
}
"""The lists that menus change, with the part of the panel in which each is."""
FORMS: Mapping[str, tuple[str, ...]] = {
    "picture": ("steps", "count", "pixels"),
    "person": ("pictures_per_day", "jobs_per_person", "jobs_per_server"),
}
"""The forms that ask for numbers, with the limits in each."""
_PLACES = [
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.voice,
    discord.ChannelType.stage_voice,
    discord.ChannelType.forum,
]


@dataclass(frozen=True)
class _Shown:
    """What the panel shows, and to whom."""

    server: GuildSettings
    host: HostRules
    guild: discord.Guild | None
    language: Language


_Items = Sequence[ui.Item[Any]]


def panel_view(
    section: str,
    server: GuildSettings,
    host: HostRules,
    guild: discord.Guild | None,
    language: Language,
) -> ui.View:
    """Return a part of the panel in a moderator's language, with a menu of all its parts."""
    shown = _Shown(server, host, guild, language)
    menu: ui.Select[Any] = ui.Select(
        custom_id="settings:section:", options=_options(SECTIONS, section, language)
    )
    return button_view((menu, *_SECTIONS[section](shown)))


def _places(shown: _Shown) -> _Items:
    guild = shown.guild
    kept = ROLES.existing(shown.server.roles, guild)  # a menu has no role that everyone has
    hint = Message.in_context("hint", "I paint for everyone. Or only for these roles:")
    roles: ui.RoleSelect[Any] = ui.RoleSelect(
        custom_id="settings:list:roles",
        placeholder=hint.in_language(shown.language),
        min_values=0,
        max_values=MAX_LISTED,
        default_values=_objects(each for each in kept if guild is None or each != guild.id),
    )
    return (_channels("channels", shown), roles, _channels("spoiler_channels", shown))


def _commands(shown: _Shown) -> _Items:
    return [_channels(name, shown) for name in COMMAND_LISTS.values()]


def _limits(shown: _Shown) -> _Items:
    server, host = shown.server, shown.host.settings
    limits = server.merged_with(host.limits)
    editing = "everyone" if limits.edit_others else "own"
    return (
        _choice("replies", REPLIES, server.replies or host.discord.replies, shown),
        _choice("edit_others", EDIT_OTHERS, editing, shown),
        _choice("language", LANGUAGES, server.language or AS_ON_DISCORD, shown),
        _form_button("picture", Message.in_context("button", "Limits of a picture…"), shown),
        _form_button("person", Message.in_context("button", "Limits of people and server…"), shown),
    )


def _people(shown: _Shown) -> _Items:
    blocked = shown.server.blocked_people
    is_long = len(blocked) > MAX_LISTED
    if is_long:
        hint = Message.in_context(
            "hint", "Too many are blocked for this menu: use /settings people"
        )
    else:
        hint = Message.in_context("hint", "I paint for everyone, except for:")
    menu: ui.UserSelect[Any] = ui.UserSelect(
        custom_id="settings:list:blocked_people",
        placeholder=hint.in_language(shown.language),
        min_values=0,
        max_values=MAX_LISTED,
        default_values=() if is_long else _objects(blocked),
        disabled=is_long,
    )
    words = (
        _form_button("add", Message.in_context("button", "Block words…"), shown),
        _form_button("remove", Message.in_context("button", "Allow words again…"), shown),
    )
    filters = [_strictness(name, shown) for name in THRESHOLDS] if shown.host.has_filter else []
    return (menu, *filters, *words)


def _strictness(name: str, shown: _Shown) -> ui.Select[Any]:
    own = getattr(shown.server, name)
    chosen = next((each for each, number in STRICTNESS.items() if number == own), "")
    return _choice(name, FILTERS[name], chosen, shown)


def _log(shown: _Shown) -> _Items:
    server = shown.server
    own = () if server.log_channel is None else (server.log_channel,)
    hint = Message.in_context("hint", "No log. Or in a channel that only moderators see:")
    menu: ui.ChannelSelect[Any] = ui.ChannelSelect(
        custom_id="settings:log:channel",
        placeholder=hint.in_language(shown.language),
        channel_types=[discord.ChannelType.text],
        min_values=0,
        default_values=_objects(CHANNELS.existing(own, shown.guild)),
    )
    return (menu, _choice("kept", KEPT, "yes" if server.log_keeps_deleted else "no", shown))


_SECTIONS: Mapping[str, Callable[[_Shown], _Items]] = {
    "places": _places,
    "commands": _commands,
    "limits": _limits,
    "people": _people,
    "log": _log,
}


def _channels(name: str, shown: _Shown) -> ui.ChannelSelect[Any]:
    """Return a menu of channels that shows the list of this name.

    Discord refuses menus with deleted channels, so these are left out.
    """
    listed = CHANNELS.existing(getattr(shown.server, name), shown.guild)
    return ui.ChannelSelect(
        custom_id=f"settings:list:{name}",
        placeholder=PLACEHOLDERS[name].in_language(shown.language),
        channel_types=_PLACES,
        min_values=0,
        max_values=MAX_LISTED,
        default_values=_objects(listed),
    )


def _objects(ids: Iterable[int]) -> list[discord.Object]:
    return [discord.Object(each) for each in ids]


def _form_button(name: str, label: Message, shown: _Shown) -> ui.Button[Any]:
    """Return a button that opens a form."""
    return ui.Button(label=label.in_language(shown.language), custom_id=f"settings:form:{name}")


def _choice(name: str, texts: Mapping[Any, Message], chosen: str, shown: _Shown) -> ui.Select[Any]:
    options = _options(texts, chosen, shown.language)
    return ui.Select(custom_id=f"settings:choice:{name}", options=options)


def _options(
    texts: Mapping[Any, Message], chosen: str, language: Language
) -> list[discord.SelectOption]:
    return [
        discord.SelectOption(label=text.in_language(language), value=value, default=value == chosen)
        for value, text in texts.items()
    ]
