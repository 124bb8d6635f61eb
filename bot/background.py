"""What works beside the commands: the engine threads, and the tasks that store and tell its events.

The tasks start before the bot is connected and end before its connection does, so that the last
messages can still be posted.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.config import BotSettings
from bot.delivery.moderation_log import ModerationLog
from bot.delivery.reporter import Reporter
from bot.dispatch.front import Front
from bot.dispatch.link import Link
from bot.dispatch.painting import EventSource, build_painting
from bot.filtering.pictures import PictureFilter
from bot.gallery.indexer import GalleryIndexer
from bot.healthcheck import beat
from bot.monitoring import Metrics
from bot.monitoring.event_loop import measure_delay
from bot.picture_check import PictureCheck
from bot.presence import Presence
from bot.privacy.erasure import ErasureService
from bot.privacy.retention import RetentionService
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.loading import ModelLoading
from bot.scheduling.queue import GpuQueue
from bot.storage import Store
from bot.submission.server_languages import ServerLanguages
from bot.tasks import cancel
from bot.timings import Timings
from bot.worker.painters import Painters

if TYPE_CHECKING:
    from engine.models.loading import Models

_DRAIN_SECONDS = 10.0
"""Seconds that storing the last events may take during shutdown."""
_LOG_SECONDS = 5.0
"""Seconds that the last lines of moderation logs may take during shutdown."""


@dataclass(frozen=True)
class Background:
    """What works beside the commands, from the start of the program to its end."""

    settings: BotSettings
    metrics: Metrics
    store: Store
    queue: GpuQueue
    throughput: ThroughputEstimator
    loading: ModelLoading
    picture_check: PictureCheck
    moderation_log: ModerationLog
    reporter: Reporter
    outbox: EventSource
    worker: Painters
    presence: Presence
    erasure: ErasureService
    retention: RetentionService
    gallery_indexer: GalleryIndexer

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Start the tasks, and shut them and the engine threads down at the end of the block.

        The engine threads are not started yet.
        """
        tasks = [asyncio.create_task(each) for each in self._coroutines()]
        try:
            yield
        finally:
            await self._shut_down()
            for task in tasks:
                await cancel(task)

    def _coroutines(self) -> tuple[Coroutine[Any, Any, None], ...]:
        coroutines = (
            self.reporter.run(),
            self.presence.run(),
            self.outbox.run(),
            self.erasure.run(),
            self.moderation_log.run(),
            self.gallery_indexer.run(),
            measure_delay(self.metrics.loop_delayed),
            beat(self.settings.storage.folder, self.worker.is_alive),
        )
        tidies = self.settings.discord.own_shards.have_first
        return (*coroutines, self.retention.run()) if tidies else coroutines

    async def _shut_down(self) -> None:
        """End the engine threads after their current step, and tell people that jobs are saved."""
        self.queue.close()
        self.outbox.close()
        await asyncio.to_thread(self.worker.join)
        with suppress(TimeoutError):  # events that are not stored are painted again
            await asyncio.wait_for(self.outbox.drain(), _DRAIN_SECONDS)
        await self.reporter.announce_shutdown()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.moderation_log.flush(), _LOG_SECONDS)


def build_background(
    settings: BotSettings,
    store: Store,
    timings: Timings,
    models: "Models | None",
    picture_filter: PictureFilter | None,
    link: Link | None = None,
) -> Background:
    """Build what works beside the commands; `models` are loaded already, if they are given.

    Jobs are painted in this process, or, with a `link`, by a dispatcher.
    """
    metrics = Metrics()
    store.observe(metrics.store_used)
    if link is None:
        painting = build_painting(settings, store, timings, metrics, models)
    else:
        painting = Front(settings, store, link).painting
    queue, throughput, loading = painting.queue, painting.throughput, painting.loading
    check = PictureCheck(settings.safety, store, picture_filter)
    log = ModerationLog(store, timings, check, ServerLanguages(store).of)
    discord = settings.discord
    reporter = Reporter(store, queue, throughput, discord, timings, check, log, loading, metrics)
    painting.outbox.attach(reporter)
    return Background(
        settings=settings,
        metrics=metrics,
        store=store,
        queue=queue,
        throughput=throughput,
        loading=loading,
        picture_check=check,
        moderation_log=log,
        reporter=reporter,
        outbox=painting.outbox,
        worker=painting.worker,
        presence=Presence(settings.engine.models, queue, loading, timings),
        erasure=ErasureService(store, queue, reporter, log, timings, discord.own_shards),
        retention=RetentionService(store, settings.storage, timings.tidy_seconds),
        gallery_indexer=GalleryIndexer(settings, store, queue, painting.worker, check, timings),
    )
