"""The program: makes the services, connects the bot to Discord or to a local page, ends cleanly.

Store, queue, engine thread, ledger and reporter are made before the bot and end before its
connection does, so that the last messages can still be posted.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bot.client import PaintingBot
from bot.config import BotSettings
from bot.delivery.outbox import EventOutbox
from bot.delivery.reporter import Reporter
from bot.healthcheck import beat
from bot.privacy.erasure import ErasureService
from bot.privacy.retention import RetentionService
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.queue import GpuQueue
from bot.services import Services
from bot.storage import open_store
from bot.submission.control import JobControl
from bot.submission.edits import Edits
from bot.submission.followups import FollowupJobs
from bot.submission.policy import SubmissionPolicy
from bot.submission.recipes import RecipeReruns
from bot.submission.reposts import Reposts
from bot.submission.submit import JobSubmission
from bot.ui.uploads import DISCORD_HOSTS, UploadReader
from bot.worker.engine_worker import EngineWorker

log = logging.getLogger(__name__)

DRAIN_SECONDS = 10.0
"""What storing the last events may take when the program ends."""
_LOCAL_PROGRESS_SECONDS = 3.0


async def run(settings: BotSettings) -> None:
    """Run the bot until SIGINT or SIGTERM, on Discord if there is a token, else on a local page.

    Raises `SettingsError`, `ModelError` or `discord.LoginFailure` for what keeps it from starting.
    """
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # on Windows Ctrl-C arrives as KeyboardInterrupt
            asyncio.get_running_loop().add_signal_handler(each, stop.set)
    async with AsyncExitStack() as stack:
        stopping = asyncio.create_task(stop.wait())
        stack.push_async_callback(_cancel, stopping)
        hosts, connect = DISCORD_HOSTS, _connect
        if settings.token is None:
            from bot import local_preview

            hosts, connect = local_preview.UPLOAD_HOSTS, local_preview.serve
            settings = _local_page_settings(
                settings, Path(stack.enter_context(TemporaryDirectory()))
            )
        opening = asyncio.create_task(stack.enter_async_context(open_services(settings, hosts)))
        stack.push_async_callback(_cancel, opening)
        await asyncio.wait((opening, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():  # to fetch the models can take an hour
            return
        bot = PaintingBot(opening.result())
        connection = asyncio.create_task(connect(bot))
        stack.push_async_callback(_cancel, connection)
        await asyncio.wait((connection, stopping), return_when=asyncio.FIRST_COMPLETED)
        if connection.done():
            connection.result()
        log.info("ending")


@asynccontextmanager
async def open_services(
    settings: BotSettings, upload_hosts: frozenset[str] = DISCORD_HOSTS
) -> AsyncIterator[Services]:
    """Everything that a bot works with, for as long as the block runs. The models are loaded.

    At the end the jobs that are left are kept as they stand, and whoever waits is told.
    """
    async with open_store(settings.storage.folder) as store:
        fair = settings.queue.order == "fair"
        queue, pace = (
            GpuQueue(fair=fair, slice_steps=settings.queue.slice_steps),
            ThroughputEstimator(),
        )
        reporter = Reporter(store, queue, pace, settings.discord.progress_seconds)
        ledger = EventOutbox(store, reporter)
        engine = EngineWorker(
            settings.engine, settings.weights, queue, pace, ledger.publish, ledger.load_checkpoints
        )
        privacy = ErasureService(store, queue, reporter)
        folder = settings.storage.folder
        tasks = [
            asyncio.create_task(reporter.run()),
            asyncio.create_task(ledger.run()),
            asyncio.create_task(privacy.run()),
            asyncio.create_task(RetentionService(store, settings.storage).run()),
            asyncio.create_task(beat(folder, engine.is_alive)),
        ]
        try:
            models = await asyncio.wrap_future(engine.start())
            log.info("models loaded", extra={"models": models.name, "device": str(models.device)})
            policy = SubmissionPolicy(settings, store, engine.memory)
            submission = JobSubmission(settings, policy, store, queue, reporter)
            control = JobControl(store, queue, reporter, submission)
            yield Services(
                settings=settings,
                policy=policy,
                store=store,
                queue=queue,
                throughput=pace,
                reporter=reporter,
                outbox=ledger,
                submission=submission,
                erasure=privacy,
                control=control,
                followups=FollowupJobs(settings, submission, control),
                edits=Edits(settings, submission, policy, store),
                recipe_reruns=RecipeReruns(settings, submission, upload_hosts),
                reposts=Reposts(store, policy),
                worker=engine,
                uploads=UploadReader(settings.limits.image_mib, upload_hosts),
                device=str(models.device),
                started=datetime.now(UTC),
            )
        finally:
            queue.close()
            ledger.close()
            await asyncio.to_thread(engine.join)
            with suppress(TimeoutError):  # what is not stored now is painted again
                await asyncio.wait_for(ledger.drain(), DRAIN_SECONDS)
            await reporter.announce_shutdown()
            for task in tasks:
                await _cancel(task)


async def _connect(bot: PaintingBot) -> None:
    """Run the bot on Discord until cancelled."""
    token = bot.services.settings.token
    assert token is not None
    async with bot:
        await bot.start(token.get_secret_value())


def _local_page_settings(settings: BotSettings, folder: Path) -> BotSettings:
    """Without threads, which the page cannot open, and with a store that ends with its Discord.

    The page takes a second or two to load a picture, and begins anew when the next one comes.
    """
    seconds = max(settings.discord.progress_seconds, _LOCAL_PROGRESS_SECONDS)
    discord = settings.discord.model_copy(update={"threads": False, "progress_seconds": seconds})
    storage = settings.storage.model_copy(update={"folder": folder})
    return settings.model_copy(update={"discord": discord, "storage": storage})


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
