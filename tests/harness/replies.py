"""Replies of people to messages, with the ping that lets the bot read them."""

import discord
import simcord
from simcord.backend.models.message import AllowedMentions

from tests.harness.bot_harness import BotHarness


async def replied(
    bot: BotHarness,
    words: str,
    to: discord.Message,
    *files: tuple[str, bytes],
    who: simcord.MemberActor | None = None,
) -> str:
    """Let somebody, by default Alice, reply; return the bot's newest reply there, or ""."""
    backend = bot.env.backend
    backend.create_message(
        to.channel.id,
        (who or bot.alice).id,
        words,
        reference={"channel_id": str(to.channel.id), "message_id": str(to.id)},
        attachments=backend.store_attachments(to.channel.id, files),
        allowed_mentions=AllowedMentions(replied_user=True),
    )
    await bot.env.settle()
    channel = next(c for c in (*bot.channel.threads, bot.channel) if c.id == to.channel.id)
    last = channel.last_message
    return last.content if last and last.type is discord.MessageType.reply else ""
