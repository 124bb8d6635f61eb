"""Public replies that are meant for one person, where nothing can be said to them alone.

They ping no one and are deleted soon. Nobody can have the bot write many of them.
"""

import logging
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import discord
from discord import ui

from bot.errors import UnknownWordsError
from bot.recent_keys import RecentKeys
from bot.timings import Timings
from bot.ui.discord_errors import CALL_ERRORS, describe
from bot.ui.responses import explain, repeated
from bot.ui.unknown_words import question_view

log = logging.getLogger(__name__)

AnyMessage = discord.Message | discord.PartialMessage


class BriefReplies:
    """Replies to messages and reactions, and deletes the replies after a while."""

    def __init__(self, timings: Timings) -> None:
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
            text = explain(error, command)
            if isinstance(error, UnknownWordsError):
                await self._ask(message, text, error)
            elif self._refused.add((user_id, message.channel.id)):
                await self.reply(message, f"<@{user_id}> {text}" if mention else text)

    async def ask(self, message: AnyMessage, user_id: int, text: str, view: ui.View) -> None:
        """Ask a person something about a message, once in a while; the buttons are the answers."""
        if self._asked.add((user_id, message.id)):
            await self.reply(message, f"<@{user_id}> {text}", view)

    async def reply(
        self, message: AnyMessage, text: str, view: ui.View = discord.utils.MISSING
    ) -> None:
        """Reply to a message; log a failure."""
        await _reply(message, text, self._seconds, view)

    async def _ask(self, message: AnyMessage, text: str, question: UnknownWordsError) -> None:
        """Reply to a message with a question and its buttons; log a failure."""
        await _reply(message, text, self._question_seconds, question_view(question))


async def _reply(message: AnyMessage, text: str, seconds: float, view: ui.View) -> None:
    """Reply to a message for some seconds, again where the answer is lost; log a failure."""
    # With the same nonce, Discord does not post a message again whose response was lost.
    nonce = str(random.getrandbits(63))
    try:
        await repeated(lambda: message.reply(text, delete_after=seconds, view=view, nonce=nonce))
    except CALL_ERRORS as error:
        log.warning("a reply was not sent", extra={"cause": describe(error), "answer": text})
