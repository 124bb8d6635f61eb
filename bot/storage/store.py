"""The store: one repository for each kind of thing that survives a restart."""

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.storage.drafts import DraftRepository
from bot.storage.guild_settings import GuildSettingsRepository
from bot.storage.history import HistoryRepository
from bot.storage.jobs import JobRepository
from bot.storage.key_values import KeyValueRepository
from bot.storage.lifecycle import LifecycleRepository
from bot.storage.personal_data import PersonalDataRepository
from bot.storage.quotas import QuotaRepository
from bot.storage.retention import RetentionRepository


class Store:
    """All repositories on one database. Opened by `open_store`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.drafts = DraftRepository(engine)
        self.guild_settings = GuildSettingsRepository(engine)
        self.history = HistoryRepository(engine)
        self.jobs = JobRepository(engine)
        self.key_values = KeyValueRepository(engine)
        self.lifecycle = LifecycleRepository(engine)
        self.personal_data = PersonalDataRepository(engine)
        self.quotas = QuotaRepository(engine)
        self.retention = RetentionRepository(engine)
