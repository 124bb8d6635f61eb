"""Replies: words edit a picture or restyle a video, and a painted-over copy is continued from.

Without the privileged intent, the bot can read messages only in direct messages, when they mention
it, and when they reply to it with a ping. All others arrive empty. A reply can also be talk: words
alone count where the server wants that.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import discord
from discord.ext import commands

from bot.client import BotCog
from bot.config import Replies
from bot.errors import UserError
from bot.languages.message import Message, joined
from bot.storage.key_values import name_about
from bot.submission.edits import EditOptions, Queued
from bot.submission.job_messages import message_with_pictures
from bot.submission.requester import Requester
from bot.submission.restyles import RestyleOptions
from bot.submission.small_talk import has_words, is_small_talk
from bot.ui.discord_errors import bounded
from bot.ui.media import check_not_linked
from bot.ui.uploads import (
    Upload,
    choose_picture,
    choose_video,
    is_own,
    is_spoiler,
    pictures_in,
    videos_in,
)

_NUMBER = re.compile(r"#(\d{1,2})(?!\d)\s*")
_HIDDEN = Message("Discord hides this reply from me.")
_PING = Message("Reply with the ping (the @ above the text) turned on.")
_MENTION = Message("Mention me in its text; a reply that brings a picture needs only the ping.")
_OTHERWISE = Message("Or use the picture's menu *Edit this image*, or `/edit`.")
_HOW_TO_ASK: Mapping[Replies, Message] = {
    "threads": Message(
        "Here a reply in words edits a picture only in the picture's own thread, or if its text "
        "mentions me."
    ),
    "mention": Message("Here a reply in words edits a picture only if its text mentions me."),
}
_NO_WORDS = Message("Tell me in words how to change the picture.")
_NEVER = Message(
    "In this server, replies in words edit nothing. Use the picture's menu *Edit this image*, or "
    "`/edit`."
)


class Reply(BotCog):
    """Edit pictures by replies."""

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Edit or continue the picture that a person replied to."""
        if message.type is not discord.MessageType.reply or not _is_person(message):
            return
        if message.stickers and not (message.content or message.attachments):
            return  # a sticker asks for nothing
        if message.guild is None and not self._services.settings.discord.direct_messages:
            return
        replies = self._services.brief_replies
        async with replies.errors(message, "reply", message.author.id):
            if _is_hidden(message):
                await self._explain_hidden(message)
            elif self._should_handle(message) and self._services.events.add(message.id):
                await self._handle(message)

    def _should_handle(self, message: discord.Message) -> bool:
        """Return True if a reply is to the bot, mentions it, or is a direct message."""
        target, me = _resolved(message), self._bot.user
        return (
            (target is not None and is_own(target))
            or message.guild is None
            or me in message.mentions
        )

    async def _handle(self, message: discord.Message) -> None:
        """Queue what a reply asks for, unless it is talk."""
        if await self._is_request(message):
            queued = await self._take(message)
            if queued.notice:
                await self._services.brief_replies.reply(message, queued.notice)

    async def _is_request(self, message: discord.Message) -> bool:
        """Return True if a reply asks for an edit; explain how to ask if it only seems to."""
        if pictures_in(message) or (videos_in(message) and self._words(message)):
            return True
        me = self._bot.user
        is_mention = me is not None and f"<@{me.id}>" in message.content.replace("<@!", "<@")
        _, words = _number_and_words(self._words(message))
        if not words:
            return is_mention or message.guild is None
        if not has_words(words) or (is_small_talk(words) and not is_mention):
            return False
        rule = await self._services.policy.replies(message.guild and message.guild.id)
        if rule == "never" and is_mention:
            raise UserError(_NEVER)
        if is_mention or self._is_enough(rule, message):
            return True
        if rule in _HOW_TO_ASK:
            await self._explain(message, joined(" ", (_HOW_TO_ASK[rule], _OTHERWISE)))
        return False

    def _is_enough(self, rule: Replies, message: discord.Message) -> bool:
        """Return True if words alone count there without a mention."""
        return rule == "always" or (rule == "threads" and self._is_in_job_thread(message))

    def _is_in_job_thread(self, message: discord.Message) -> bool:
        """Return True if a message is in a thread that the bot opened."""
        me, channel = self._bot.user, message.channel
        return isinstance(channel, discord.Thread) and me is not None and channel.owner_id == me.id

    async def _take(self, message: discord.Message) -> Queued:
        """Queue what a reply asks for."""
        requester = Requester.of_message(message, "edit")
        words = self._words(message)
        number, words = _number_and_words(words)
        attached, videos = pictures_in(message), videos_in(message)
        if videos and words and not attached:
            return await self._restyle(message, words, choose_video(videos), message)
        if attached and words:
            return await self._edit(requester, words, choose_picture(attached, number), message)
        if not (attached or words):
            raise UserError(_NO_WORDS)
        target = await _target(message)
        if _is_hidden(target):
            raise UserError(
                Message(
                    "I can't see what's in that message. Use its menu *Edit this image*, or "
                    "`/edit`."
                )
            )
        target = await message_with_pictures(self._bot, self._services.store, target)
        pictures, videos = pictures_in(target), videos_in(target)
        await self._services.edits.check_may_edit(target, message.author.id)
        if videos and words and (number is None or not pictures):
            return await self._restyle(message, words, choose_video(videos), target)
        check_not_linked(target, pictures)
        original = choose_picture(pictures, number)
        if words:
            return await self._edit(requester, words, original, target)
        return await self._continue(requester, target, original, message)

    async def _edit(
        self,
        requester: Requester,
        words: str,
        picture: discord.Attachment,
        message: discord.Message,
    ) -> Queued:
        """Queue an edit of a message's picture."""
        options = EditOptions(words, spoiler=is_spoiler(picture))
        return await self._services.edits.queue(requester, options, Upload(picture, message))

    async def _restyle(
        self,
        reply: discord.Message,
        words: str,
        video: discord.Attachment,
        message: discord.Message,
    ) -> Queued:
        """Queue a message's video in another style, as a reply asks for."""
        requester = Requester.of_message(reply, "restyle")
        options = RestyleOptions(words, spoiler=is_spoiler(video))
        return await self._services.restyles.queue(requester, options, Upload(video, message))

    async def _continue(
        self,
        requester: Requester,
        target: discord.Message,
        original: discord.Attachment,
        message: discord.Message,
    ) -> Queued:
        """Queue the recipe of a picture again, starting from the painted-over copy."""
        if not is_own(target):
            raise UserError(_NO_WORDS)
        painted_over = pictures_in(message)
        if len(painted_over) > 1:
            raise UserError(
                Message(
                    "I can continue from one picture, and you sent {count}.",
                    count=len(painted_over),
                )
            )
        origin = await self._services.recipe_reruns.of_posted(requester, target, original)
        picture = Upload(painted_over[0], message)
        spoiler = is_spoiler(original, painted_over[0])
        return await self._services.edits.queue_restart(
            requester, origin, picture, posted=target, spoiler=spoiler
        )

    async def _explain_hidden(self, message: discord.Message) -> None:
        """Tell a person that Discord hides their reply, unless replies are not wanted."""
        rule = await self._services.policy.replies(message.guild and message.guild.id)
        if rule != "never":
            how = _PING if self._is_enough(rule, message) else _MENTION
            text = joined(" ", (_HIDDEN, how, _OTHERWISE))
            await self._explain(message, text, is_hidden=True)

    async def _explain(
        self, message: discord.Message, how: Message, *, is_hidden: bool = False
    ) -> None:
        """Tell a person who replied to a picture, once a day, how to reply so that it works."""
        store = self._services.store
        if not await self._is_about_picture(_resolved(message), is_hidden=is_hidden):
            return
        name = name_about(message.author.id, "told of replies")
        today = datetime.now(UTC).date().isoformat()
        if await store.key_values.get(name) != today:
            await store.key_values.set(name, today)
            await self._services.brief_replies.reply(message, how)

    async def _is_about_picture(self, target: discord.Message | None, *, is_hidden: bool) -> bool:
        """Return True if a message is the bot's and holds pictures, or, if visible, is of a job."""
        if target is None or not is_own(target):
            return False
        if pictures_in(target):
            return True
        return not is_hidden and await self._services.store.jobs.by_message(target.id) is not None

    def _words(self, message: discord.Message) -> str:
        """Return the words of a reply, without the bot's mention."""
        me = self._bot.user
        return re.sub(rf"<@!?{me.id if me else 0}>", "", message.content).strip()


def _is_person(message: discord.Message) -> bool:
    return not message.author.bot and message.webhook_id is None


def _is_hidden(message: discord.Message) -> bool:
    """Return True if a message arrived empty, as those do that the bot can't read."""
    shown = (message.attachments, message.embeds, message.components, message.message_snapshots)
    return not (message.content or any(shown))


def _resolved(message: discord.Message) -> discord.Message | None:
    """Return the message that was replied to, if Discord sent it along."""
    reference = message.reference
    found = None if reference is None else reference.resolved
    return found if isinstance(found, discord.Message) else None


async def _target(message: discord.Message) -> discord.Message:
    """Return the message that was replied to; raise `UserError` if it was deleted."""
    found = _resolved(message)
    if found is not None:
        return found
    reference = message.reference
    try:
        return await bounded(
            message.channel.fetch_message((reference and reference.message_id) or 0)
        )
    except discord.HTTPException as error:
        raise UserError(Message("The message that you replied to was deleted.")) from error


def _number_and_words(words: str) -> tuple[int | None, str]:
    """Split a reply into the number of the picture, if there is one, and the words."""
    found = _NUMBER.match(words)
    return (None, words) if found is None else (int(found[1]), words[found.end() :])
