"""Results that people delete on Discord, which the gallery must not show any more."""

from collections.abc import Collection

import discord
from discord.ext import commands

from bot.client import BotCog


class DeletedMessages(BotCog):
    """Listens to messages and threads being deleted."""

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Forget a message, if a result was in it."""
        await self._forget([event.message_id])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """Forget messages that were deleted together."""
        await self._forget(event.message_ids)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, event: discord.RawThreadDeleteEvent) -> None:
        """Forget the results in a thread."""
        await self._services.store.jobs.forget_thread(event.thread_id)

    async def _forget(self, message_ids: Collection[int]) -> None:
        await self._services.store.jobs.forget_posts(message_ids)
