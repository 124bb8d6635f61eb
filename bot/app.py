"""Build the services, connect the bot to Discord or to a local page, and shut down cleanly.

The token is tried once the store is open and before the models are loaded. Queue, engine thread,
outbox and reporter start before the bot and end before its connection does, so that the last
messages can still be posted; the store ends last.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bot.client import PaintingBot
from bot.config import BotSettings
from bot.connection import check_token, connect, tell_of_downloads
from bot.delivery.moderation_log import ModerationLog
from bot.delivery.outbox import EventOutbox
from bot.delivery.reporter import Reporter
from bot.filtering.pictures import PictureFilter, open_picture_filter
from bot.healthcheck import beat
from bot.picture_check import PictureCheck
from bot.presence import Presence
from bot.privacy.erasure import ErasureService
from bot.privacy.retention import RetentionService
from bot.reading.file_process import FileProcess
from bot.recent_keys import RecentKeys
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.queue import GpuQueue
from bot.services import Services
from bot.storage import Store, open_store
from bot.submission.accounts import Accounts
from bot.submission.answers import Answers
from bot.submission.command_access import CommandAccess
from bot.submission.command_lines import CommandLines
from bot.submission.control import JobControl
from bot.submission.default_changes import DefaultChanges
from bot.submission.default_options import DefaultOptions
from bot.submission.edits import Edits
from bot.submission.files import FileReader
from bot.submission.followups import FollowupJobs
from bot.submission.masks import MaskDrafts
from bot.submission.policy import SubmissionPolicy
from bot.submission.questions import Questions
from bot.submission.recipes import RecipeReruns
from bot.submission.reposts import Reposts
from bot.submission.server_languages import ServerLanguages
from bot.submission.server_settings import ServerSettings
from bot.submission.styles import SavedStyles
from bot.submission.submit import JobSubmission
from bot.submission.takes import Takes
from bot.timings import Timings
from bot.ui.brief_replies import BriefReplies
from bot.ui.uploads import DISCORD_HOSTS, UploadReader, upload_session
from bot.waiting_bot import Downloads
from bot.worker.engine_worker import EngineWorker

if TYPE_CHECKING:
    from engine.models.loading import Models

log = logging.getLogger(__name__)

_DRAIN_SECONDS = 10.0
"""Seconds that storing the last events may take during shutdown."""
_LOG_SECONDS = 5.0
"""Seconds that the last lines of moderation logs may take during shutdown."""
_LOCAL_PROGRESS_SECONDS = 3.0


async def run(settings: BotSettings) -> None:
    """Run the bot until SIGINT or SIGTERM, on Discord if there is a token, else on a local page.

    Raises `SettingsError`, `ModelError` or `DiscordRefusalError` if the bot cannot run.
    """
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # on Windows Ctrl-C arrives as KeyboardInterrupt
            asyncio.get_running_loop().add_signal_handler(each, stop.set)
    async with AsyncExitStack() as stack:
        stopping = asyncio.create_task(stop.wait())
        stack.push_async_callback(_cancel, stopping)
        program = _on_discord if settings.token else _on_local_page
        services, connect = program(settings, stack)
        opening = asyncio.create_task(stack.enter_async_context(services))
        stack.push_async_callback(_cancel, opening)
        await asyncio.wait((opening, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not opening.done():  # fetching the models can take an hour
            return
        stack.enter_context(frozen_objects())
        connection = asyncio.create_task(connect(opening.result()))
        opening.result().connection.push_async_callback(_cancel, connection)
        await asyncio.wait((connection, stopping), return_when=asyncio.FIRST_COMPLETED)
        if connection.done():
            connection.result()
        log.info("ending")


@contextmanager
def frozen_objects() -> Generator[None]:
    """Keep Python from looking for garbage among all that is loaded now.

    The libraries leave half a million objects, and each full collection that goes through them
    holds up the event loop for a quarter of a second.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


_Program = tuple[
    AbstractAsyncContextManager[Services], Callable[[Services], Coroutine[Any, Any, None]]
]
"""The services to open, and what to do with them."""


def _on_discord(settings: BotSettings, _: AsyncExitStack) -> _Program:
    assert settings.token is not None
    token = settings.token.get_secret_value()

    def check(timings: Timings) -> Coroutine[Any, Any, None]:
        return check_token(token, timings)

    def tell(downloads: Downloads, timings: Timings) -> Coroutine[Any, Any, None]:
        return tell_of_downloads(token, downloads, timings)

    services = open_services(settings, before_models=check, while_loading=tell)
    return services, lambda each: connect(each, token)


def _on_local_page(settings: BotSettings, stack: AsyncExitStack) -> _Program:
    from bot import local_preview

    folder = Path(stack.enter_context(TemporaryDirectory()))
    services = open_services(_local_page_settings(settings, folder), local_preview.UPLOAD_HOSTS)
    return services, lambda each: local_preview.serve(PaintingBot(each))


@asynccontextmanager
async def open_services(
    settings: BotSettings,
    upload_hosts: frozenset[str] = DISCORD_HOSTS,
    timings: Timings = Timings(),  # noqa: B008 (it is immutable)
    models: "Models | None" = None,
    before_models: Callable[[Timings], Awaitable[None]] | None = None,
    while_loading: Callable[[Downloads, Timings], Coroutine[Any, Any, None]] | None = None,
    file_process: FileProcess | None = None,
    picture_filter: PictureFilter | None = None,
) -> AsyncGenerator[Services]:
    """Open everything that a bot works with, with the models of the settings loaded.

    Models that are loaded already, a process that reads files, and a picture filter other than that
    of the settings can be given instead.
    `before_models` is called once the store is open and before models are loaded, which can take
    minutes; `while_loading` runs meanwhile, and learns how far their download is.

    At the end of the block, unfinished jobs are kept for the next start, and their messages say so.
    """
    if picture_filter is None:
        chosen = settings.safety.picture_filter
        picture_filter = await asyncio.to_thread(open_picture_filter, chosen)
    async with (
        open_store(settings.storage.folder, timings.locked_seconds) as store,
        AsyncExitStack() as connection,
        _background(settings, store, timings, models, picture_filter) as background,
        _open_files(settings, upload_hosts, timings, file_process) as files,
    ):
        if before_models is not None:
            await before_models(timings)
        worker = background.worker
        async with _beside(while_loading and while_loading(lambda: worker.downloads, timings)):
            device = await asyncio.wrap_future(worker.start())
        log.info("models loaded", extra={"models": settings.engine.models, "device": device})
        services = _build_services(settings, files, timings, background, connection, device)
        announcing = asyncio.create_task(services.submission.run())
        try:
            yield services
        finally:
            await _cancel(announcing)


@asynccontextmanager
async def _open_files(
    settings: BotSettings, hosts: frozenset[str], timings: Timings, process: FileProcess | None
) -> AsyncGenerator[FileReader]:
    """Open what fetches and reads files; end it with its process, unless that was given."""
    own = FileProcess(timings.file_seconds)
    async with upload_session() as session:
        uploads = UploadReader(settings.limits.image_mib, hosts, session)
        try:
            yield FileReader(uploads, process or own)
        finally:
            await asyncio.to_thread(own.close)


@dataclass(frozen=True)
class _Background:
    """What works beside the commands, from the start of the program to its end."""

    store: Store
    queue: GpuQueue
    throughput: ThroughputEstimator
    picture_check: PictureCheck
    reporter: Reporter
    presence: Presence
    outbox: EventOutbox
    worker: EngineWorker
    erasure: ErasureService
    moderation_log: ModerationLog


@asynccontextmanager
async def _background(
    settings: BotSettings,
    store: Store,
    timings: Timings,
    models: "Models | None",
    picture_filter: PictureFilter | None,
) -> AsyncGenerator[_Background]:
    """Start the background tasks; shut them down at the end. The worker is not started yet."""
    queue = GpuQueue(fair=settings.queue.order == "fair", slice_steps=settings.queue.slice_steps)
    throughput = ThroughputEstimator()
    check = PictureCheck(settings.safety, store, picture_filter)
    moderation_log = ModerationLog(store, timings, check, ServerLanguages(store).of)
    reporter = Reporter(store, queue, throughput, settings.discord, timings, check, moderation_log)
    outbox = EventOutbox(store, reporter)
    on_event, load = outbox.publish, outbox.load_checkpoints
    worker = EngineWorker(
        settings.engine, settings.weights, queue, throughput, on_event, load, timings, models
    )
    erasure = ErasureService(store, queue, reporter, moderation_log, timings)
    presence = Presence(settings.engine.models, queue, timings)
    coroutines = (
        reporter.run(),
        presence.run(),
        outbox.run(),
        erasure.run(),
        moderation_log.run(),
        RetentionService(store, settings.storage).run(),
        beat(settings.storage.folder, worker.is_alive),
    )
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        yield _Background(
            store,
            queue,
            throughput,
            check,
            reporter,
            presence,
            outbox,
            worker,
            erasure,
            moderation_log,
        )
    finally:
        queue.close()
        outbox.close()
        await asyncio.to_thread(worker.join)
        with suppress(TimeoutError):  # events that are not stored are painted again
            await asyncio.wait_for(outbox.drain(), _DRAIN_SECONDS)
        await reporter.announce_shutdown()
        with suppress(TimeoutError):
            await asyncio.wait_for(moderation_log.flush(), _LOG_SECONDS)
        for task in tasks:
            await _cancel(task)


def _build_services(
    settings: BotSettings,
    files: FileReader,
    timings: Timings,
    background: _Background,
    connection: AsyncExitStack,
    device: str,
) -> Services:
    """Build what the cogs use, once the models are loaded."""
    store, queue, reporter = background.store, background.queue, background.reporter
    check = background.picture_check
    access = CommandAccess()
    moderation_log = background.moderation_log
    policy = SubmissionPolicy(settings, store, background.worker.memory, moderation_log, access)
    questions = Questions()
    submission = JobSubmission(
        settings, policy, store, queue, reporter, check, moderation_log, timings, questions
    )
    control = JobControl(store, queue, reporter, submission, timings)
    styles = SavedStyles(store, policy)
    default_options = DefaultOptions(settings, store, policy, styles)
    edits = Edits(settings, submission, policy, store, files)
    return Services(
        settings=settings,
        timings=timings,
        command_access=access,
        policy=policy,
        picture_check=check,
        server_settings=ServerSettings(settings, store, access, check, moderation_log),
        moderation_log=moderation_log,
        store=store,
        queue=queue,
        throughput=background.throughput,
        reporter=reporter,
        presence=background.presence,
        outbox=background.outbox,
        submission=submission,
        questions=questions,
        answers=Answers(questions, submission),
        erasure=background.erasure,
        control=control,
        followups=FollowupJobs(settings, policy, submission, control, timings),
        edits=edits,
        masks=MaskDrafts(settings, policy, edits, store, background.worker, files, check),
        recipe_reruns=RecipeReruns(settings, submission, policy, store, files),
        reposts=Reposts(
            store,
            policy,
            check,
            settings.discord.posted_recipes,
            RecentKeys(timings.refusal_seconds),
            RecentKeys(timings.event_seconds),
        ),
        takes=Takes(store, policy, check, settings.discord.posted_recipes),
        accounts=Accounts(settings, store),
        styles=styles,
        command_lines=CommandLines(settings.engine.installed, styles, store, default_options),
        default_options=default_options,
        default_changes=DefaultChanges(settings, store, policy, styles),
        worker=background.worker,
        brief_replies=BriefReplies(timings, ServerLanguages(store).of),
        events=RecentKeys(timings.event_seconds),
        files=files,
        connection=connection,
        device=device,
        started=datetime.now(UTC),
    )


def _local_page_settings(settings: BotSettings, folder: Path) -> BotSettings:
    """Return the settings for the local page.

    There are no threads, which the page cannot open, so replies need none, and the store ends with
    the program. The page needs a second or two to load a picture, and starts again when the next
    one comes.
    """
    seconds = max(settings.discord.progress_seconds, _LOCAL_PROGRESS_SECONDS)
    changes = {"threads": False, "replies": "always", "progress_seconds": seconds}
    discord = settings.discord.model_copy(update=changes)
    storage = settings.storage.model_copy(update={"folder": folder})
    return settings.model_copy(update={"discord": discord, "storage": storage})


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None] | None) -> AsyncGenerator[None]:
    """Do something, if there is anything to do, until the end of the block."""
    task = None if work is None else asyncio.create_task(work)
    try:
        yield
    finally:
        if task is not None:
            await _cancel(task)


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
