"""Public replies that are meant for one person, where nothing can be said to them alone.

They ping no one and are deleted soon. Nobody can have the bot write many of them.
"""

import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import discord
from discord import ui

from bot.errors import UnknownWordsError
from bot.languages.catalogue import Language
from bot.languages.message import Message, in_language, joined
from bot.recent_keys import RecentKeys
from bot.timings import Timings
from bot.ui.discord_errors import CALL_ERRORS, describe
from bot.ui.reader_language import PublicLanguage
from bot.ui.responses import explain, repeated
from bot.ui.unknown_words import question_view

log = logging.getLogger(__name__)

AnyMessage = discord.Message | discord.PartialMessage
Buttons = Callable[[Language], ui.View]
"""Returns buttons with labels in a language."""


class BriefReplies:
    """Replies to messages and reactions, and deletes the replies after a while."""

    def __init__(self, timings: Timings, language: PublicLanguage) -> None:
        self._language = language
        self._seconds = timings.brief_seconds
        self._question_seconds = timings.question_seconds
        self._refused = RecentKeys(timings.refusal_seconds)
        """Persons, with the channel, who were told lately why something failed."""
        self._asked = RecentKeys(timings.brief_seconds)
        """Persons, with the message, who were asked something lately."""

    @asynccontextmanager
    async def errors(
        self, message: AnyMessage, command: str, user_id: int, *, mention: bool = False
    ) -> AsyncGenerator[None, None]:
        """Tell a person of the error that a listener raised, at most once in a while per channel.

        A question is always asked, because nothing happens without its answer.

        `mention` names them, if they are not the author of the message.
        """
        try:
            yield
        except Exception as error:
            server = message.guild.id if message.guild is not None else None
            text = explain(error, command, user_id, server)
            if isinstance(error, UnknownWordsError):
                await self._ask(message, text, error)
            elif self._refused.add((user_id, message.channel.id)):
                await self.reply(message, joined(" ", (f"<@{user_id}>", text)) if mention else text)

    async def ask(
        self, message: AnyMessage, user_id: int, text: Message | str, buttons: Buttons
    ) -> None:
        """Ask a person something about a message, once in a while; the buttons are the answers."""
        if self._asked.add((user_id, message.id)):
            named = joined(" ", (f"<@{user_id}>", text))
            await self._reply(message, named, self._seconds, buttons)

    async def reply(self, message: AnyMessage, text: Message | str) -> None:
        """Reply to a message; log a failure."""
        await self._reply(message, text, self._seconds)

    async def _ask(self, message: AnyMessage, text: Message, question: UnknownWordsError) -> None:
        """Reply to a message with a question and its buttons; log a failure."""
        buttons = partial(question_view, question)
        await self._reply(message, text, self._question_seconds, buttons)

    async def _reply(
        self,
        message: AnyMessage,
        text: Message | str,
        seconds: float,
        buttons: Buttons | None = None,
    ) -> None:
        """Reply to a message for some seconds, again where the answer is lost; log a failure."""
        language = await self._language(message.guild)
        content = in_language(text, language)
        # With the same nonce, Discord does not post a message again whose response was lost.
        nonce = str(random.getrandbits(63))

        def reply() -> Awaitable[object]:
            view = discord.utils.MISSING if buttons is None else buttons(language)
            return message.reply(content, delete_after=seconds, view=view, nonce=nonce)

        try:
            await repeated(reply)
        except CALL_ERRORS as error:
            log.warning("a reply was not sent", extra={"cause": describe(error)})
