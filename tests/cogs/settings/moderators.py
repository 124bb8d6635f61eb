"""Moderators of the server of a test."""

import discord
import simcord

from tests.harness.bot_harness import BotHarness, ephemeral_text


def moderator(bot: BotHarness, name: str = "mona") -> simcord.MemberActor:
    """Add a member with Manage Server."""
    permissions = discord.Permissions(manage_guild=True)
    role = bot.guild.create_role(f"moderators {name}", permissions=permissions)
    return bot.guild.add_member(bot.env.create_user(name), roles=[role])


async def told_by(
    who: simcord.MemberActor, place: simcord.ChannelHandle, command: str, /, **options: object
) -> str:
    """Return the response to a command of `/settings`, which only its user sees."""
    return ephemeral_text(await who.slash(place, f"settings {command}", **options))


def hidden_channel(
    bot: BotHarness, who: simcord.MemberActor, **allowed: bool
) -> simcord.ChannelHandle:
    """Return a new channel that only one member sees; `allowed` is what the bot may do there."""
    assert bot.client.user is not None
    hidden = discord.PermissionOverwrite(view_channel=False)
    own = discord.PermissionOverwrite(
        **({"view_channel": True, "send_messages": True, "attach_files": True} | allowed)
    )
    shown = discord.PermissionOverwrite(view_channel=True)
    overwrites = {bot.guild.default_role: hidden, bot.client.user: own, who: shown}
    return bot.guild.create_text_channel("log", overwrites=overwrites)
