"""Decide where a user may have the messages about a job deleted."""

from collections.abc import Collection

import discord

from bot.jobs.records import JobRecord
from bot.submission.permissions import Actor
from bot.ui.discord_errors import CALL_ERRORS


async def deletable_channels(
    interaction: discord.Interaction, record: JobRecord, channel_ids: Collection[int]
) -> set[int]:
    """Return the channels, out of those with messages about a job, in which a user may delete them.

    Those are all for the person who asked for the job, and the ones that they moderate for others.
    """
    if interaction.user.id == record.job.author_id:
        return set(channel_ids)
    return {each for each in channel_ids if await _is_moderator(interaction, record, each)}


async def _is_moderator(
    interaction: discord.Interaction, record: JobRecord, channel_id: int
) -> bool:
    """Return True if a user moderates a channel, or if there is no such channel any more."""
    if channel_id == interaction.channel_id:
        return Actor.of_interaction(interaction).is_moderator
    guild, user = interaction.guild, interaction.user
    if guild is None or not isinstance(user, discord.Member):
        return False
    place = record.location
    if place is not None and channel_id == place.post_id:
        channel_id = place.channel_id  # a job's thread is public, and may be archived
    channel = guild.get_channel_or_thread(channel_id)
    try:
        channel = channel or await guild.fetch_channel(channel_id)
        may = channel.permissions_for(user)
    except discord.NotFound:
        return True
    except (discord.DiscordException, *CALL_ERRORS):  # of another server, or hidden from the bot
        return False
    is_private = isinstance(channel, discord.Thread) and channel.is_private()
    return may.view_channel and may.manage_messages and (may.manage_threads or not is_private)
