"""Run a command line as someone who pastes it into Discord."""

import re

import discord
import simcord

from tests.harness.bot_harness import BotHarness

_WHOLE_NUMBERS = ("steps", "seed", "count", "keep")


def options_in(line: str, names: list[str]) -> dict[str, str | int]:
    """Return the options of a command line, which are found wherever a word begins so."""
    _, *named = re.split(rf"(?<!\S)({'|'.join(names)}):", line)
    values = zip(named[::2], named[1::2], strict=True)
    return {k: int(v) if k in _WHOLE_NUMBERS else v.strip() for k, v in values}


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
