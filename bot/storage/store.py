"""The store: one repository for each kind of thing that survives a restart."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from bot.storage.base import ADMISSION, Database
from bot.storage.drafts import DraftRepository
from bot.storage.exports import ExportRepository
from bot.storage.gallery import GalleryRepository
from bot.storage.gallery_index import GalleryIndexRepository
from bot.storage.guild_settings import GuildSettingsRepository
from bot.storage.history import HistoryRepository
from bot.storage.jobs import JobRepository
from bot.storage.key_values import KeyValueRepository
from bot.storage.lifecycle import LifecycleRepository
from bot.storage.log_messages import LogMessageRepository
from bot.storage.overview import OverviewRepository
from bot.storage.personal_data import PersonalDataRepository
from bot.storage.preferences import ChannelDefaultsRepository, PreferenceRepository
from bot.storage.quotas import QuotaRepository
from bot.storage.retention import RetentionRepository
from bot.storage.styles import StyleRepository


class Store:
    """All repositories of one database; `open_store` makes it."""

    def __init__(self, database: Database, watching: "asyncio.Future[None] | None" = None) -> None:
        self._database = database
        self._watching = watching or asyncio.get_running_loop().create_future()
        self.channel_defaults = ChannelDefaultsRepository(database)
        self.drafts = DraftRepository(database)
        self.exports = ExportRepository(database)
        self.gallery = GalleryRepository(database)
        self.gallery_index = GalleryIndexRepository(database)
        self.guild_settings = GuildSettingsRepository(database)
        self.history = HistoryRepository(database)
        self.jobs = JobRepository(database)
        self.key_values = KeyValueRepository(database)
        self.lifecycle = LifecycleRepository(database)
        self.log_messages = LogMessageRepository(database)
        self.overview = OverviewRepository(database)
        self.personal_data = PersonalDataRepository(database)
        self.preferences = PreferenceRepository(database)
        self.quotas = QuotaRepository(database)
        self.retention = RetentionRepository(database)
        self.styles = StyleRepository(database)

    def observe(self, observe: Callable[[str, float], None]) -> None:
        """Have `observe` called after each transaction, with "read" or "write" and its seconds."""
        self._database.observe = observe

    @property
    def is_lost(self) -> bool:
        """Whether the database belongs to another program."""
        return self._watching.done()

    async def until_lost(self) -> None:
        """Wait until the database belongs to another program, and raise that as `SettingsError`."""
        await asyncio.shield(self._watching)

    def admission(self) -> AbstractAsyncContextManager[object]:
        """Open a transaction in which jobs are counted and one is added, and others wait.

        What this task asks of the store in the block is part of the transaction.
        """
        return self._database.write(ADMISSION)
