"""The bot while its models are downloaded: it paints nothing, and tells people what it waits for.

It answers commands, buttons and forms privately and lets the answers follow the download. Its
status in the list of members shows the download too.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import discord

from bot.languages.message import Message, percentage
from bot.timings import Timings
from bot.ui.discord_errors import CALL_ERRORS, bounded, describe
from bot.ui.formatting import duration
from bot.ui.reader_language import private_language
from engine.weights.downloads import DownloadProgress

log = logging.getLogger(__name__)

Downloads = Callable[[], DownloadProgress | None]
"""Returns how far the download of the models is; None if nothing is downloaded."""
_MOST_FOLLOWED = 100
"""Maximum number of answers that follow the download; others tell how far it is once."""
_LONGEST_FOLLOWED = 840.0
"""Seconds for which an answer follows the download; Discord allows edits for 15 minutes."""
_READY = Message("My models are here. I'm starting: please try again in a minute.")


class WaitingBot(discord.AutoShardedClient):
    """Tells people how far the download is."""

    def __init__(self, downloads: Downloads, timings: Timings) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
        )
        self._downloads = downloads
        self._seconds = timings.download_seconds
        self._following: set[asyncio.Task[None]] = set()
        self._status: asyncio.Task[None] | None = None

    async def on_ready(self) -> None:
        """Begin to show the download in the list of members."""
        log.info("connected to tell that models are downloaded", extra={"as": str(self.user)})
        if self._status is None:
            self._status = asyncio.create_task(self._show_status())

    async def on_interaction(self, interaction: discord.Interaction[Any], /) -> None:
        """Answer whatever a person does with what the bot waits for."""
        if interaction.type is discord.InteractionType.autocomplete:
            return
        text = self._text().in_language(private_language(interaction))
        try:
            await bounded(interaction.response.send_message(text, ephemeral=True))
        except CALL_ERRORS as error:
            log.warning("a response was not sent", extra={"cause": describe(error)})
            return
        if len(self._following) < _MOST_FOLLOWED:
            task = asyncio.create_task(self._follow(interaction))
            self._following.add(task)
            task.add_done_callback(self._following.discard)

    async def close(self) -> None:
        """Tell those who were answered that the bot starts, and close the connection."""
        if self._status is not None:
            self._status.cancel()
        following = tuple(self._following)
        for task in following:
            task.cancel()
        if following:
            await asyncio.wait(following)
        await super().close()

    async def _follow(self, interaction: discord.Interaction[Any]) -> None:
        """Update an answer until the download ends, which cancels this."""
        try:
            async with asyncio.timeout(_LONGEST_FOLLOWED):
                while True:
                    await asyncio.sleep(self._seconds)
                    await _edit(interaction, self._text())
        except TimeoutError:
            return
        except asyncio.CancelledError:
            if self._downloads() is None:
                await _edit(interaction, _READY)

    async def _show_status(self) -> None:
        while True:
            with suppress(*CALL_ERRORS):
                activity = discord.CustomActivity(status_text(self._downloads()))
                await self.change_presence(activity=activity, status=discord.Status.idle)
            await asyncio.sleep(self._seconds)

    def _text(self) -> Message:
        progress = self._downloads()
        return _READY if progress is None else waiting_text(progress)


def waiting_text(progress: DownloadProgress) -> Message:
    """Return what the bot waits for, and for about how long."""
    share, left = progress.share, progress.seconds_left
    if share is None:
        return Message(
            "I'm downloading the models that I paint with, and can't do anything before. I don't "
            "know how long that takes."
        )
    if share >= 1:
        return Message(
            "I have downloaded the models that I paint with, and prepare them: a minute more."
        )
    if left is None:
        return Message(
            "I'm downloading the models that I paint with, and can't do anything before: {share} "
            "are here. I can't tell yet how long the rest takes.",
            share=percentage(share),
        )
    return Message(
        "I'm downloading the models that I paint with, and can't do anything before: {share} are "
        "here, about {duration} left.",
        share=percentage(share),
        duration=duration(left),
    )


def status_text(progress: DownloadProgress | None) -> str:
    """Return a line for the list of members, which is the same on all servers."""
    share = None if progress is None else progress.share
    return "Downloading models" if share is None else f"Downloading models: {percentage(share)!s}"


async def _edit(interaction: discord.Interaction[Any], text: Message) -> None:
    content = text.in_language(private_language(interaction))
    try:
        await bounded(interaction.edit_original_response(content=content))
    except CALL_ERRORS as error:
        log.warning("a response was not updated", extra={"cause": describe(error)})
