"""Replies of people to messages, with the ping that lets the bot read them."""

from collections.abc import Sequence

import discord
import simcord
from simcord.backend.models.message import AllowedMentions, MessageSticker

from tests.harness.bot_harness import BotHarness


async def replied(
    bot: BotHarness,
    words: str,
    to: discord.Message,
    *files: tuple[str, bytes],
    who: simcord.MemberActor | None = None,
    ping: bool = True,
    stickers: Sequence[MessageSticker] = (),
) -> str:
    """Let somebody, by default Alice, reply; return the bot's newest reply there, or "".

    Without the ping Discord hides from the bot what they say.
    """
    backend = bot.env.backend
    backend.create_message(
        to.channel.id,
        (who or bot.alice).id,
        words,
        reference={"channel_id": str(to.channel.id), "message_id": str(to.id)},
        attachments=backend.store_attachments(to.channel.id, files),
        stickers=list(stickers),
        allowed_mentions=AllowedMentions(replied_user=ping),
    )
    await bot.env.settle()
    places = (*bot.channel.threads, bot.channel, bot.alice.user.dm_channel)
    last = next(each for each in places if each.id == to.channel.id).last_message
    return last.content if last and last.type is discord.MessageType.reply else ""
