"""The line under the bot's name: which models paint or are downloaded, and how many jobs wait.

Discord allows five changes in 20 seconds on each connection, and forgets the line when the bot
connects anew: https://docs.discord.com/developers/events/gateway-events#update-presence
"""

import asyncio
import logging

import discord

from bot.scheduling.loading import ModelLoading
from bot.scheduling.queue import GpuQueue
from bot.timings import Timings
from bot.ui.discord_errors import NETWORK_ERRORS, describe
from bot.ui.formatting import one_line

log = logging.getLogger(__name__)

_LONGEST_NAME = 80
"""Maximum length of the models' name; Discord shows 128 characters."""


class Presence:
    """Keeps the line up to date. It is English, because it is the same on all servers."""

    def __init__(
        self, models: str, queue: GpuQueue, loading: ModelLoading, timings: Timings
    ) -> None:
        self._models = one_line(models, _LONGEST_NAME)
        self._queue = queue
        self._loading = loading
        self._timings = timings
        self._client: discord.AutoShardedClient | None = None
        self._shown: str | None = None

    def attach(self, client: discord.AutoShardedClient) -> None:
        """Set the client whose line it is."""
        self._client = client

    def forget(self) -> None:
        """Show the line again, because Discord has forgotten it."""
        self._shown = None

    async def run(self) -> None:
        """Change the line when it is no longer true, until cancelled."""
        while True:
            await asyncio.sleep(self._timings.presence_seconds)
            text = self._text()
            if self._client is None or not self._client.is_ready() or text == self._shown:
                continue
            self._shown = text
            try:
                await self._client.change_presence(activity=discord.CustomActivity(text))
            except (discord.DiscordException, *NETWORK_ERRORS) as error:
                self._shown = None
                log.info("the presence was not changed", extra={"cause": describe(error)})

    def _text(self) -> str:
        if (downloads := self._loading.downloads) is not None:
            share = downloads.share
            return "Downloading models" if share is None else f"Downloading models: {share:.0%}"
        if not self._queue.jobs():
            return f"{self._models} models · ready"
        waiting = self._queue.waiting()
        if not waiting:
            return f"{self._models} models · painting"
        return f"{self._models} models · {waiting} {'job' if waiting == 1 else 'jobs'} waiting"
