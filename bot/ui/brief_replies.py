"""Public replies that are meant for one person, where nothing can be said to them alone.

They ping no one and are deleted soon. Nobody can have the bot write many of them.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import discord

from bot.recent_keys import RecentKeys
from bot.timings import Timings
from bot.ui.discord_errors import CALL_ERRORS, describe
from bot.ui.responses import explain

log = logging.getLogger(__name__)

AnyMessage = discord.Message | discord.PartialMessage


class BriefReplies:
    """Replies to messages and reactions, and deletes the replies after a while."""

    def __init__(self, timings: Timings) -> None:
        self._seconds = timings.brief_seconds
        self._refused = RecentKeys(timings.refusal_seconds)
        """Persons, with the channel, who were told lately why something failed."""

    @asynccontextmanager
    async def errors(
        self, message: AnyMessage, command: str, user_id: int, *, mention: bool = False
    ) -> AsyncGenerator[None, None]:
        """Tell a person of the error that a listener raised, at most once in a while per channel.

        `mention` names them, if they are not the author of the message.
        """
        try:
            yield
        except Exception as error:
            text = explain(error, command)
            if self._refused.add((user_id, message.channel.id)):
                await self.reply(message, f"<@{user_id}> {text}" if mention else text)

    async def reply(self, message: AnyMessage, text: str) -> None:
        """Reply to a message; log a failure."""
        try:
            await message.reply(text, delete_after=self._seconds)
        except CALL_ERRORS as error:
            log.warning("a reply was not sent", extra={"cause": describe(error), "answer": text})
