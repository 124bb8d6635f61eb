"""Descriptions of the bot's commands, read from the tree that Discord gets."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pkgutil import resolve_name
from types import SimpleNamespace
from typing import Any, cast

import discord
from discord import AppCommandOptionType, AppCommandType

from bot.client import COGS, PaintingBot
from bot.config import BotSettings
from bot.monitoring import Metrics
from bot.services import Services
from engine.settings import EngineSettings

Payload = Mapping[str, Any]
"""A command or an option as Discord's API describes it."""
_GROUPS = (AppCommandOptionType.subcommand.value, AppCommandOptionType.subcommand_group.value)
_TYPES = {
    AppCommandOptionType.string: "text",
    AppCommandOptionType.integer: "whole number",
    AppCommandOptionType.number: "number",
    AppCommandOptionType.boolean: "True or False",
    AppCommandOptionType.user: "person",
    AppCommandOptionType.channel: "channel",
    AppCommandOptionType.role: "role",
    AppCommandOptionType.mentionable: "person or role",
    AppCommandOptionType.attachment: "file",
}
_PLACES = {(0,): "servers", (0, 1): "servers and direct messages"}
_KINDS = {
    AppCommandType.chat_input.value: "command",
    AppCommandType.user.value: "menu of a person",
    AppCommandType.message.value: "menu of a message",
}
_SETTINGS = BotSettings(
    engine=EngineSettings(
        models="demo", more_models=("demo-palette",), upscaler="network.safetensors"
    )
)
"""Settings with which no option is hidden for want of a second model or a network."""


@cache
def all_commands() -> Mapping[str, Payload]:
    """Return every command and menu of the bot by its name, as the bot tells Discord."""
    return asyncio.run(_read_tree())


async def _read_tree() -> dict[str, Payload]:
    """Load the cogs into a bot that is not connected."""
    services = SimpleNamespace(settings=_SETTINGS, metrics=Metrics())
    bot = PaintingBot(cast(Services, services))
    for name in COGS:
        await bot.add_cog(resolve_name(name)(bot))
    found: list[Any] = []
    for kind in AppCommandType:
        found += bot.tree.get_commands(type=kind)
    return {each.name: each.to_dict(bot.tree) for each in found}


def described(name: str) -> str:
    """Return the Markdown that describes a command with its subcommands, or a menu.

    Raises `KeyError` if the bot has no such command.
    """
    command = all_commands()[name]
    parts = [_access(command)]
    leaves = list(_leaves(command))
    for path, leaf in leaves:
        title = f"**`/{path}`**: " if len(leaves) > 1 else ""
        says = leaf.get("description", "")
        parts.append(f"{title}{says}" if title or says else "")
        parts.append(_table(leaf.get("options", ())))
    return "\n\n".join(part for part in parts if part)


def listed(pages: Mapping[str, str]) -> str:
    """Return a table of all commands and menus; `pages` says where each is described."""
    rows = ["| command | what it does |", "|---|---|"]
    for name, command in all_commands().items():
        is_typed = command["type"] == AppCommandType.chat_input.value
        says = _escaped(command.get("description", ""))
        if not is_typed:
            says = f"A {_KINDS[command['type']]}."
        if command.get("default_member_permissions") is not None:
            says = f"{says.rstrip('.')}. For {_who(command)}."
        rows.append(f"| [`{'/' if is_typed else ''}{name}`]({pages[name]}) | {says} |")
    return "\n".join(rows)


def _leaves(command: Payload, before: str = "") -> Iterator[tuple[str, Payload]]:
    """Yield the parts of a command that can be used, with their full names."""
    path = f"{before} {command['name']}".strip()
    inner = [each for each in command.get("options", ()) if each["type"] in _GROUPS]
    if not inner:
        yield path, command
    for each in inner:
        yield from _leaves(each, path)


def _access(command: Payload) -> str:
    places = _PLACES[tuple(sorted(command["contexts"]))]
    return f"*{_KINDS[command['type']].capitalize()}, in {places}. For {_who(command)}.*"


def _who(command: Payload) -> str:
    value = command.get("default_member_permissions")
    if value is None:
        return "everyone"
    needed = [name for name, is_set in discord.Permissions(int(value)) if is_set]
    return "members with " + ", ".join(
        name.replace("guild", "server").replace("_", " ").title() for name in needed
    )


def _table(options: Sequence[Payload]) -> str:
    if not options:
        return ""
    rows = ["| option | what it is | values |", "|---|---|---|"]
    for option in options:
        needed = " (required)" if option.get("required") else ""
        says = _escaped(option["description"])
        rows.append(f"| `{option['name']}`{needed} | {says} | {_values(option)} |")
    return "\n".join(rows)


def _values(option: Payload) -> str:
    """Return what an option can be: its choices, or its type with the range."""
    if option.get("choices"):
        return ", ".join(f"`{_escaped(str(each['name']))}`" for each in option["choices"])
    kind = _TYPES[AppCommandOptionType(option["type"])]
    if "max_length" in option:
        kind += f", up to {option['max_length']} characters"
    low, high = option.get("min_value"), option.get("max_value")
    if low is not None and high is not None:
        kind += f", {low:,} to {high:,}"
    elif low is not None:
        kind += f", from {low:,}"
    return kind + (", with suggestions while you type" if option.get("autocomplete") else "")


def _escaped(text: str) -> str:
    """Return text for a cell of a table."""
    return text.replace("|", "\\|").replace("*", "\\*")
