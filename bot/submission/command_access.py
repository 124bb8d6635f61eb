"""What servers allow in their integration settings, where Discord does not check it itself.

Discord checks commands and menus. A reply, a reaction, a button or a form paints as well, so the
bot asks for these settings and applies them as Discord documents:
https://discord.com/developers/docs/interactions/application-commands#permissions
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import discord
from discord import app_commands
from discord.enums import AppCommandPermissionType

from bot.errors import UserError
from bot.languages.message import Message, command_name, joined
from bot.submission.requester import PAINTING, Requester
from bot.ui.discord_errors import CALL_ERRORS, describe

log = logging.getLogger(__name__)

COMMANDS = (PAINTING, "edit", "mask", "history", "settings")
"""The commands that replies, reactions, buttons and forms stand for."""
_MOST_GUILDS = 1000
"""Maximum number of servers whose settings are kept."""
_KEPT_SECONDS = 600.0
"""Seconds after which settings are fetched again, in case that a change was missed."""
_RETRY_SECONDS = 60.0
"""Seconds after a failure during which the last known settings count."""
_FETCH_SECONDS = 5.0


@dataclass(frozen=True)
class _Rule:
    """What a server allows or denies to a role, a user or a channel."""

    kind: int
    target_id: int
    allowed: bool


_Rules = Mapping[int, Sequence[_Rule]]
"""Rules by the id of a command, or of the application for all commands without rules."""


@dataclass
class _Guild:
    """The rules of one server."""

    rules: dict[int, Sequence[_Rule]] = field(default_factory=dict[int, Sequence[_Rule]])
    fetch_after: float = -inf
    """The monotonic time from which the rules must be fetched again."""
    is_known: bool = False
    """Whether the last attempt to fetch the rules succeeded."""
    fetching: asyncio.Lock = field(default_factory=asyncio.Lock)


class CommandAccess:
    """Refuses requests of users who may not use the commands that these stand for.

    If Discord does not tell, the rules that were known last count, or else its defaults.
    """

    def __init__(self) -> None:
        self._tree: app_commands.CommandTree[Any] | None = None
        self._command_ids: dict[str, int] = {}
        self._guilds: OrderedDict[int, _Guild] = OrderedDict()

    def attach(self, tree: app_commands.CommandTree[Any]) -> None:
        """Take the commands of a connected bot."""
        self._tree = tree
        self._command_ids = {}

    async def check(self, requester: Requester) -> None:
        """Raise `UserError` if the server does not let the user do this by a command."""
        own = requester.own_permissions
        if requester.guild_id is None or not requester.commands or own.administrator:
            return
        guild = await self._guild(requester.guild_id)
        for name in requester.commands:
            allowed = _is_allowed(guild.rules, self._command_ids.get(name), self._id, requester)
            if not (allowed and own.use_application_commands):
                raise UserError(
                    Message(
                        "This server does not let you use {command} in this channel, so I cannot "
                        "do this for you here. Ask a moderator.",
                        command=_named(name),
                    )
                )

    async def check_moderating(self, requester: Requester, command: str) -> None:
        """Raise `UserError` if the server does not let the user use a command for moderators.

        Discord offers that to members with Manage Server, or to whom the server's settings say.
        """
        own, guild_id = requester.own_permissions, requester.guild_id
        if not requester.commands or (guild_id is not None and own.administrator):
            return
        rules = {} if guild_id is None else (await self._guild(guild_id)).rules
        if not _may_moderate(rules, self._command_ids.get(command, 0), self._id, requester):
            raise UserError(
                Message(
                    "This server does not let you use {command} any more.", command=_named(command)
                )
            )

    async def is_known(self, guild_id: int) -> bool:
        """Return True if Discord tells what a server's integration settings are."""
        return (await self._guild(guild_id)).is_known

    def update(self, event: discord.RawAppCommandPermissionsUpdateEvent) -> None:
        """Take over a change, if the server's rules are known; else they are fetched anyway."""
        guild = self._guilds.get(event.guild.id)
        if guild is not None:
            guild.rules[event.target_id] = [
                _Rule(each.type.value, each.id, each.permission) for each in event.permissions
            ]

    @property
    def _id(self) -> int:
        return (self._tree and self._tree.client.application_id) or 0

    async def _guild(self, guild_id: int) -> _Guild:
        """Return a server's rules, fetched if they are unknown or old."""
        guild = self._guilds.setdefault(guild_id, _Guild())
        self._guilds.move_to_end(guild_id)
        if len(self._guilds) > _MOST_GUILDS:
            self._guilds.popitem(last=False)
        async with guild.fetching:
            if time.monotonic() >= guild.fetch_after:
                await self._refresh(guild, guild_id)
        return guild

    async def _refresh(self, guild: _Guild, guild_id: int) -> None:
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                guild.rules.update(await self._fetch(guild_id))
        except CALL_ERRORS as error:
            guild.is_known, pause = False, _RETRY_SECONDS
            extra = {"server": guild_id, "cause": describe(error)}
            log.warning("command permissions could not be read", extra=extra)
        else:
            guild.is_known, pause = True, _KEPT_SECONDS
        guild.fetch_after = time.monotonic() + pause

    async def _fetch(self, guild_id: int) -> _Rules:
        tree = self._tree
        if tree is None:
            return {}
        if not self._command_ids:
            found = await tree.fetch_commands()
            slash = (each for each in found if each.type is discord.AppCommandType.chat_input)
            self._command_ids = {each.name: each.id for each in slash if each.name in COMMANDS}
        ids = (self._id, *self._command_ids.values())
        rules = await asyncio.gather(*(self._fetch_rules(tree, guild_id, each) for each in ids))
        return dict(zip(ids, rules, strict=True))

    async def _fetch_rules(
        self, tree: app_commands.CommandTree[Any], guild_id: int, target_id: int
    ) -> Sequence[_Rule]:
        fetch = tree.client.http.get_application_command_permissions
        try:
            found = await fetch(self._id, guild_id, target_id)
        except discord.NotFound:  # nobody has changed them
            return ()
        rules = found["permissions"]
        return [_Rule(each["type"], int(each["id"]), each["permission"]) for each in rules]


def _named(command: str) -> Message:
    return joined("", ("`/", command_name(command), "`"))


def _is_allowed(
    rules: _Rules, command_id: int | None, application_id: int, requester: Requester
) -> bool:
    """Apply a server's rules: those of a command come before those of all commands."""
    levels = [rules.get(each, ()) for each in (command_id, application_id) if each is not None]
    in_channel = (_channel_rule(each, requester) for each in levels)
    for_user = (_user_rule(each, requester) for each in levels)
    return all(
        next((found for found in decided if found is not None), True)
        for decided in (in_channel, for_user)
    )


def _may_moderate(
    rules: _Rules, command_id: int, application_id: int, requester: Requester
) -> bool:
    """Apply a server's rules for a command that Discord offers to those with Manage Server."""
    if not _is_allowed(rules, command_id, application_id, requester):
        return False
    named = _user_rule(rules.get(command_id, ()), requester)
    return requester.own_permissions.manage_guild if named is None else named


def _channel_rule(rules: Sequence[_Rule], requester: Requester) -> bool | None:
    """Return what rules say about the channel, or else about all channels; None if nothing."""
    channel = requester.channel
    own_id = channel.parent_id if isinstance(channel, discord.Thread) else channel.id
    everywhere = (requester.guild_id or 0) - 1  # Discord's constant for all channels
    channels = AppCommandPermissionType.channel
    found = (_decision(rules, channels, (each,)) for each in (own_id, everywhere))
    return next((each for each in found if each is not None), None)


def _user_rule(rules: Sequence[_Rule], requester: Requester) -> bool | None:
    """Return what rules say about the user, their roles, or else everyone; None if nothing."""
    everyone = requester.guild_id or 0  # the id of the role that all members have
    own_roles = requester.roles.keys() - {everyone}
    role, user = AppCommandPermissionType.role, AppCommandPermissionType.user
    found = (
        _decision(rules, user, (requester.user_id,)),
        _decision(rules, role, own_roles),
        _decision(rules, role, (everyone,)),
    )
    return next((each for each in found if each is not None), None)


def _decision(
    rules: Sequence[_Rule], kind: AppCommandPermissionType, targets: Iterable[int]
) -> bool | None:
    """Return True if one of the targets is allowed, False if only denied, None without a rule."""
    ids = frozenset(targets)
    found = [each.allowed for each in rules if each.kind == kind.value and each.target_id in ids]
    return any(found) if found else None
