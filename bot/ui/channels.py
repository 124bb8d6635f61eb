"""What the bot needs to know about a channel of Discord."""

import discord

_WITH_MARK = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread
"""The channels that can be age-restricted; a thread is if its channel is."""


def is_age_restricted(channel: object) -> bool:
    """Return True if a channel, or a thread's channel, is known to be age-restricted."""
    return isinstance(channel, _WITH_MARK) and channel.is_nsfw()
