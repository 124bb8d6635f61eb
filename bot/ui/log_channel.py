"""Tell whether a channel can hold the moderation log of its server."""

import discord


def log_problem(channel: object) -> str | None:
    """Return why a channel cannot hold the log, as a sentence; None if it can."""
    if not isinstance(channel, discord.TextChannel):
        return "The log needs a text channel of this server."
    guild = channel.guild
    if channel.permissions_for(guild.default_role).view_channel:
        return (
            f"Everyone can see <#{channel.id}>, and the log shows what people asked for in all "
            "channels. Choose a channel that only moderators can see."
        )
    own = channel.permissions_for(guild.me)
    needed = {
        "View Channel": own.view_channel,
        "Send Messages": own.send_messages,
        "Attach Files": own.attach_files,
    }
    missing = [name for name, has in needed.items() if not has]
    if not missing:
        return None
    return f"I need {' and '.join(missing)} in <#{channel.id}>. Allow me that, then try again."
