"""Tell whether a channel can hold the moderation log of its server."""

import discord

from bot.languages.message import Message, listed


def log_problem(channel: object) -> Message | None:
    """Return why a channel cannot hold the log, as a sentence; None if it can."""
    if not isinstance(channel, discord.TextChannel):
        return Message("The log needs a text channel of this server.")
    guild = channel.guild
    if channel.permissions_for(guild.default_role).view_channel:
        return Message(
            "Everyone can see {channel}, and the log shows what people asked for in all "
            "channels. Choose a channel that only moderators can see.",
            channel=channel.mention,
        )
    own = channel.permissions_for(guild.me)
    needed = (
        (Message("View Channel"), own.view_channel),
        (Message("Send Messages"), own.send_messages),
        (Message("Attach Files"), own.attach_files),
    )
    missing = [name for name, has in needed if not has]
    if not missing:
        return None
    return Message(
        "I need {permissions} in {channel}. Allow me that, then try again.",
        permissions=listed(missing),
        channel=channel.mention,
    )
