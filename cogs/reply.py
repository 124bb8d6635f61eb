"""Replies: words to a picture edit it, and a picture that was painted over is gone on with.

Without the privileged intent Discord shows what a message holds in direct messages, in messages
that mention the bot, and in replies to it that ping it. All others arrive empty.
"""

import re
from datetime import UTC, datetime

import discord
from discord.ext import commands

from bot.client import PaintingBot
from bot.errors import UserError
from bot.submission.edits import EditOptions, Queued
from bot.submission.requester import Requester
from bot.ui.responses import errors_replied, reply_briefly
from bot.ui.uploads import choose_picture, is_own, pictures_in, recipe_beside

_NUMBER = re.compile(r"#(\d{1,2})(?!\d)\s*")
_HIDDEN = (
    "Discord hides this reply from me. Reply with the ping (the @ above the text) switched on, or "
    "use the menu *Edit this image* of the picture, or `/edit`."
)


class Reply(commands.Cog):
    """Take replies as wishes."""

    def __init__(self, bot: PaintingBot) -> None:
        self._bot = bot
        self._services = bot.services

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Edit, or go on with, what a person has replied to."""
        if message.type is not discord.MessageType.reply or not _is_person(message):
            return
        if message.stickers and not (message.content or message.attachments):
            return  # a sticker is no wish
        if message.guild is None and not self._services.settings.discord.direct_messages:
            return
        async with errors_replied(message, "reply"):
            if _is_hidden(message):
                await self._explain(message)
            elif self._should_handle(message):
                queued = await self._take(message)
                if queued.notice:
                    await reply_briefly(message, queued.notice)

    def _should_handle(self, message: discord.Message) -> bool:
        """Whether a reply is meant for the bot: to it, with a mention of it, or between the two."""
        target, me = _resolved(message), self._bot.user
        return (
            (target is not None and is_own(target))
            or message.guild is None
            or me in message.mentions
        )

    async def _take(self, message: discord.Message) -> Queued:
        """Queue what a reply asks for."""
        asker = Requester.of_message(message)
        words = self._words(message)
        number, words = _number_and_words(words)
        attached = pictures_in(message)
        if attached and words:
            picture = await self._services.uploads.read(choose_picture(attached, number), message)
            return await self._services.edits.queue(asker, EditOptions(words), picture)
        if not (attached or words):
            raise UserError("Say in words what the picture should become.")
        target = await _target(message)
        if _is_hidden(target):
            raise UserError(
                "I cannot see what that message holds. Use the menu *Edit this image* on it, or "
                "`/edit`."
            )
        original = choose_picture(pictures_in(target), number)
        await self._services.edits.check_may_edit(target, message.author.id)
        if words:
            picture = await self._services.uploads.read(original, target)
            return await self._services.edits.queue(asker, EditOptions(words), picture)
        return await self._go_on(asker, target, original, message)

    async def _go_on(
        self,
        asker: Requester,
        target: discord.Message,
        original: discord.Attachment,
        message: discord.Message,
    ) -> Queued:
        """Queue the recipe of a picture again, from the one that was painted over."""
        if not is_own(target):
            raise UserError("Say in words what the picture should become.")
        painted_over = pictures_in(message)
        if len(painted_over) > 1:
            raise UserError(f"I go on from one picture, and you sent {len(painted_over)}.")
        origin = await self._services.uploads.read(recipe_beside(target, original), target)
        picture = await self._services.uploads.read(painted_over[0], message)
        return await self._services.edits.queue_restart(asker, origin, picture)

    async def _explain(self, message: discord.Message) -> None:
        """Say once a day to each person which way works, if it was a picture they replied to."""
        target, store = _resolved(message), self._services.store
        if target is None or not is_own(target) or not pictures_in(target):
            return
        name, today = f"told of replies: {message.author.id}", datetime.now(UTC).date().isoformat()
        if await store.key_values.get(name) != today:
            await store.key_values.set(name, today)
            await reply_briefly(message, _HIDDEN)

    def _words(self, message: discord.Message) -> str:
        """What a reply says, without the bot's mention."""
        me = self._bot.user
        return re.sub(rf"<@!?{me.id if me else 0}>", "", message.content).strip()


def _is_person(message: discord.Message) -> bool:
    return not message.author.bot and message.webhook_id is None


def _is_hidden(message: discord.Message) -> bool:
    """Whether a message arrived empty, as those do that the bot may not see."""
    return not (message.content or message.attachments or message.embeds)


def _resolved(message: discord.Message) -> discord.Message | None:
    """What a message replies to, if Discord sent it along."""
    reference = message.reference
    found = None if reference is None else reference.resolved
    return found if isinstance(found, discord.Message) else None


async def _target(message: discord.Message) -> discord.Message:
    """What a message replies to; raises `UserError` if it is gone."""
    found = _resolved(message)
    if found is not None:
        return found
    reference = message.reference
    try:
        return await message.channel.fetch_message((reference and reference.message_id) or 0)
    except discord.HTTPException as error:
        raise UserError("The message that you replied to was deleted.") from error


def _number_and_words(words: str) -> tuple[int | None, str]:
    """Which picture is meant, if it is said, and the rest."""
    found = _NUMBER.match(words)
    return (None, words) if found is None else (int(found[1]), words[found.end() :])


async def setup(bot: PaintingBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Reply(bot))
