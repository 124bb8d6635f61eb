"""What the reports on all jobs have in common."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bot.config import PostedRecipes
from bot.delivery.moderation_log import ModerationLog
from bot.jobs.job import JobState
from bot.monitoring import Metrics
from bot.picture_check import PictureCheck
from bot.scheduling.eta import Eta
from bot.scheduling.loading import ModelLoading
from bot.storage import Store
from bot.timings import Timings

Told = Callable[[JobState, str | None], Awaitable[None]]
"""What to do when the end of a job is told: in which state, and the URL where it is told."""


@dataclass
class StorageState:
    """Whether what is painted can be stored."""

    is_behind: bool = False
    """Whether something waits, because the disk is full or the database locked."""


@dataclass(frozen=True)
class Reporting:
    """What the reports on all jobs have in common."""

    store: Store
    timings: Timings
    posted_recipes: PostedRecipes
    """How much of its recipe the file of a posted picture contains."""
    progress_seconds: float
    """Minimum seconds between two edits of a message."""
    picture_check: PictureCheck
    moderation_log: ModerationLog
    eta: Callable[[int], Eta | None]
    """Estimates when a job starts and ends, by its id; None if it is not in the queue."""
    loading: ModelLoading
    metrics: Metrics
    film_turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the file of a film is made."""
    storage: StorageState = field(default_factory=StorageState)
