"""Run a command line as someone who pastes it into Discord."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import discord
import simcord

from tests.harness.bot_harness import BotHarness

_READERS: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys(("steps", "seed", "count", "fade"), int),
    **dict.fromkeys(("seconds", "speed"), float),
    "keep": lambda typed: int(typed) if typed.strip().isdigit() else typed.strip(),
    "loop": lambda typed: typed.strip() == "True",
}
"""How Discord's client reads the options that are no text."""


def options_in(line: str, names: list[str]) -> dict[str, Any]:
    """Return the options of a command line, which are found wherever a word begins so."""
    _, *named = re.split(rf"(?<!\S)({'|'.join(names)}):", line)
    values = zip(named[::2], named[1::2], strict=True)
    return {name: _READERS.get(name, str.strip)(value) for name, value in values}


def pasted_line(text: str) -> str:
    """Return the line in the only code block of a message."""
    (line,) = re.findall(r"```\n(.*)\n```", text)
    return line


async def run_line(
    bot: BotHarness, who: simcord.MemberActor, channel: simcord.ChannelHandle, line: str
) -> simcord.InteractionResult:
    """Let someone paste a command line."""
    name = line.removeprefix("/").split()[0]
    command = bot.client.tree.get_command(name)
    assert isinstance(command, discord.app_commands.Command)
    options = options_in(line, [each.name for each in command.parameters])
    return await who.slash(channel, name, **options)
