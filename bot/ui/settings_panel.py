"""The menus and buttons with which moderators change their server's settings.

All of them say by their custom id what they change, so they work after a restart too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import discord
from discord import ui

from bot.guild_settings import COMMAND_LISTS, MAX_LISTED, THRESHOLDS, GuildSettings
from bot.ui.access_lists import CHANNELS, ROLES
from bot.ui.buttons import button_view
from bot.ui.settings_text import REPLIES, STRICTNESS, STRICTNESS_NAMES, HostRules

SECTIONS: Mapping[str, str] = {
    "places": "Where I paint, and for whom",
    "commands": "Where each command works",
    "limits": "Limits, replies and edits",
    "people": "Blocked people, words and pictures",
    "log": "Moderation log",
}
"""The titles of the parts of the panel, of which one is shown at a time."""
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
EDIT_OTHERS: Mapping[str, str] = {
    "everyone": "Everyone may edit a picture",
    "own": "Only the person who asked for it may edit a picture",
}
KEPT: Mapping[str, str] = {
    "no": "Deleted pictures are not kept in the log",
    "yes": "Deleted pictures are kept in the log, as spoilers",
}
_PLACES = [
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.voice,
    discord.ChannelType.stage_voice,
    discord.ChannelType.forum,
]
_Guild = discord.Guild | None
_Section = Callable[[GuildSettings, HostRules, _Guild], Sequence[ui.Item[Any]]]


def panel_view(
    section: str, server: GuildSettings, host: HostRules, guild: discord.Guild | None
) -> ui.View:
    """Return a part of the panel, with a menu of all its parts."""
    options = [
        discord.SelectOption(label=title, value=name, default=name == section)
        for name, title in SECTIONS.items()
    ]
    menu: ui.Select[Any] = ui.Select(custom_id="settings:section:", options=options)
    items = _SECTIONS[section](server, host, guild)
    return button_view((menu, *items))


def _places(server: GuildSettings, _: HostRules, guild: _Guild) -> Sequence[ui.Item[Any]]:
    kept = ROLES.existing(server.roles, guild)  # a menu has no role that everyone has
    roles: ui.RoleSelect[Any] = ui.RoleSelect(
        custom_id="settings:list:roles",
        placeholder="I paint for everyone. Or only for these roles:",
        min_values=0,
        max_values=MAX_LISTED,
        default_values=_objects(each for each in kept if guild is None or each != guild.id),
    )
    return (
        _channels("channels", "I paint in every channel. Or only in:", server, guild),
        roles,
        _channels("spoiler_channels", "Every picture is a spoiler in:", server, guild),
    )


def _commands(server: GuildSettings, _: HostRules, guild: _Guild) -> Sequence[ui.Item[Any]]:
    return [
        _channels(
            name,
            f"/{command} works in every channel. Or only in:",
            server,
            guild,
        )
        for command, name in COMMAND_LISTS.items()
    ]


def _limits(server: GuildSettings, host: HostRules, _: _Guild) -> Sequence[ui.Item[Any]]:
    limits = server.merged_with(host.settings.limits)
    editing = "everyone" if limits.edit_others else "own"
    replies = {each: f"Replies in words edit: {text}" for each, text in REPLIES.items()}
    return (
        _choice("replies", replies, server.replies or host.settings.discord.replies),
        _choice("edit_others", EDIT_OTHERS, editing),
        ui.Button(label="Limits of a picture…", custom_id="settings:form:picture"),
        ui.Button(label="Limits of people and server…", custom_id="settings:form:person"),
    )


def _people(server: GuildSettings, host: HostRules, _: _Guild) -> Sequence[ui.Item[Any]]:
    blocked = server.blocked_people
    is_long = len(blocked) > MAX_LISTED
    hint = "Too many are blocked for this menu: use /settings people" if is_long else None
    menu: ui.UserSelect[Any] = ui.UserSelect(
        custom_id="settings:list:blocked_people",
        placeholder=hint or "I paint for everyone, except for:",
        min_values=0,
        max_values=MAX_LISTED,
        default_values=() if is_long else _objects(blocked),
        disabled=is_long,
    )
    words = (
        ui.Button[Any](label="Block words…", custom_id="settings:form:add"),
        ui.Button[Any](label="Allow words again…", custom_id="settings:form:remove"),
    )
    filters = [_strictness(name, server) for name in THRESHOLDS] if host.has_filter else []
    return (menu, *filters, *words)


def _strictness(name: str, server: GuildSettings) -> ui.Select[Any]:
    where = "Age-restricted channels" if name.endswith("age_restricted") else "Picture filter"
    own = getattr(server, name)
    chosen = next((each for each, number in STRICTNESS.items() if number == own), "")
    texts = {each: f"{where}: {text}" for each, text in STRICTNESS_NAMES.items()}
    return _choice(name, texts, chosen)


def _log(server: GuildSettings, _: HostRules, guild: _Guild) -> Sequence[ui.Item[Any]]:
    own = () if server.log_channel is None else (server.log_channel,)
    menu: ui.ChannelSelect[Any] = ui.ChannelSelect(
        custom_id="settings:log:channel",
        placeholder="No log. Or in a channel that only moderators see:",
        channel_types=[discord.ChannelType.text],
        min_values=0,
        default_values=_objects(CHANNELS.existing(own, guild)),
    )
    return (menu, _choice("kept", KEPT, "yes" if server.log_keeps_deleted else "no"))


_SECTIONS: Mapping[str, _Section] = {
    "places": _places,
    "commands": _commands,
    "limits": _limits,
    "people": _people,
    "log": _log,
}


def _channels(
    name: str, placeholder: str, server: GuildSettings, guild: _Guild
) -> ui.ChannelSelect[Any]:
    """Return a menu of channels that shows the list of this name.

    Discord refuses menus with deleted channels, so these are left out.
    """
    listed = CHANNELS.existing(getattr(server, name), guild)
    return ui.ChannelSelect(
        custom_id=f"settings:list:{name}",
        placeholder=placeholder,
        channel_types=_PLACES,
        min_values=0,
        max_values=MAX_LISTED,
        default_values=_objects(listed),
    )


def _objects(ids: Iterable[int]) -> list[discord.Object]:
    return [discord.Object(each) for each in ids]


def _choice(name: str, texts: Mapping[Any, str], chosen: str) -> ui.Select[Any]:
    options = [
        discord.SelectOption(label=text, value=value, default=value == chosen)
        for value, text in texts.items()
    ]
    return ui.Select(custom_id=f"settings:choice:{name}", options=options)
