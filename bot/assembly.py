"""Build everything that a bot works with, and close it in reverse order.

The store opens first and ends last. The models are downloaded and loaded while the bot is already
connected: it takes jobs meanwhile, and paints them when the models are there.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bot.background import Background, build_background
from bot.config import BotSettings
from bot.dispatch.link import Link
from bot.dispatch.ray_link import RayLink
from bot.filtering.pictures import PictureFilter, open_picture_filter
from bot.gallery import Gallery
from bot.host_page import open_host_page
from bot.log import log_start, set_up_logging
from bot.reading.file_process import FileProcess
from bot.recent_keys import RecentKeys
from bot.services import Services
from bot.storage import open_store
from bot.submission.accounts import Accounts
from bot.submission.answers import Answers
from bot.submission.command_access import CommandAccess
from bot.submission.command_lines import CommandLines
from bot.submission.comparisons import Comparisons
from bot.submission.control import JobControl
from bot.submission.default_changes import DefaultChanges
from bot.submission.default_options import DefaultOptions
from bot.submission.descriptions import Descriptions
from bot.submission.edits import Edits
from bot.submission.enlargements import Enlargements
from bot.submission.files import FileReader
from bot.submission.followups import FollowupJobs
from bot.submission.masks import MaskDrafts
from bot.submission.paintings import Paintings
from bot.submission.policy import SubmissionPolicy
from bot.submission.questions import Questions
from bot.submission.recipes import RecipeReruns
from bot.submission.reposts import Reposts
from bot.submission.restyles import Restyles
from bot.submission.server_languages import ServerLanguages
from bot.submission.server_settings import ServerSettings
from bot.submission.styles import SavedStyles
from bot.submission.submit import JobSubmission
from bot.submission.takes import Takes
from bot.tasks import cancel
from bot.timings import Timings
from bot.ui.brief_replies import BriefReplies
from bot.ui.uploads import DISCORD_HOSTS, UploadReader, upload_session
from engine.errors import ModelError
from engine.models.catalogue import add_models, add_upscaler, find_models
from engine.painters import find_painter

if TYPE_CHECKING:
    from engine.models.loading import Models


@asynccontextmanager
async def open_services(
    settings: BotSettings,
    upload_hosts: frozenset[str] = DISCORD_HOSTS,
    timings: Timings = Timings(),  # noqa: B008 (it is immutable)
    models: "Models | None" = None,
    before_models: Callable[[Timings], Awaitable[None]] | None = None,
    file_process: FileProcess | None = None,
    picture_filter: PictureFilter | None = None,
    link: Link | None = None,
) -> AsyncGenerator[Services]:
    """Open everything that a bot works with, and begin to load the models of the settings.

    Models that are loaded already, a process that reads files, and a picture filter other than that
    of the settings can be given instead. With a `link`, a dispatcher paints, and not this process.
    `before_models` is called once the store is open and before models are loaded.

    At the end of the block, unfinished jobs are kept for the next start, and their messages say so.

    Raises `ModelError` if there are no such models. Whether they can be loaded is said by the
    worker's `loaded`.
    """
    add_models(settings.weights)
    _add_upscaler(settings.engine.upscaler)
    for name in settings.engine.installed:
        find_models(name)
    for name in settings.engine.installed_painters:
        find_painter(name)
    _check_edit_models(settings.engine.edit_models)
    if picture_filter is None:
        chosen = settings.safety.picture_filter
        picture_filter = await asyncio.to_thread(open_picture_filter, chosen)
    async with (
        open_store(
            settings.storage.folder,
            timings.locked_seconds,
            settings.storage.url,
            settings.discord.own_shards,
        ) as store,
        AsyncExitStack() as connection,
    ):
        log_start("bot", settings, await store.overview.revision())
        link = link or _link(settings, timings)
        background = build_background(settings, store, timings, models, picture_filter, link)
        async with (
            background.running(),
            open_host_page(background) as page,
            _open_files(settings, upload_hosts, timings, file_process) as files,
        ):
            if before_models is not None:
                await before_models(timings)
            background.worker.start()
            services = _build_services(background, files, timings, connection)
            if page is not None:
                page.attach(services)
            announcing = asyncio.create_task(services.submission.run())
            try:
                yield services
            finally:
                await cancel(announcing)


def _link(settings: BotSettings, timings: Timings) -> Link | None:
    """Return the line to the dispatcher that paints for several processes; None if each does."""
    if settings.discord.own_shards.are_all or not settings.cluster.address:
        return None
    return RayLink(settings, timings)


def _add_upscaler(file: str) -> None:
    """Add the network that enlarges pictures; raise `ModelError` if the bot could not use it."""
    add_upscaler(file)
    if file and not Path(file).is_file():
        raise ModelError("engine.upscaler is the file {name}, which is missing", name=repr(file))
    if file and find_spec("spandrel") is None:
        raise ModelError(
            "engine.upscaler needs the package spandrel: install it by "
            "python -m pip install -r requirements-upscaler.txt"
        )


def _check_edit_models(name: str) -> None:
    """Raise `ModelError` if the models for edits cannot edit; "" stands for none of their own."""
    if name and "image" not in find_models(name).starts:
        raise ModelError(
            "engine.edit_models must be models that encode pictures, not {name}", name=repr(name)
        )


@asynccontextmanager
async def _open_files(
    settings: BotSettings, hosts: frozenset[str], timings: Timings, process: FileProcess | None
) -> AsyncGenerator[FileReader]:
    """Open what fetches and reads files; end it with its process, unless that was given."""
    prepare = partial(set_up_logging, settings.log)
    own = FileProcess(timings.file_seconds, prepare=prepare)
    own_for_clips = FileProcess(timings.clip_seconds, stays=False, prepare=prepare)
    async with upload_session() as session:
        uploads = UploadReader(settings.limits.image_mib, hosts, session)
        try:
            yield FileReader(uploads, process or own, process or own_for_clips)
        finally:
            await asyncio.to_thread(own.close)
            await asyncio.to_thread(own_for_clips.close)


def _build_services(
    background: Background, files: FileReader, timings: Timings, connection: AsyncExitStack
) -> Services:
    """Build what the cogs use."""
    settings = background.settings
    store, queue, reporter = background.store, background.queue, background.reporter
    check = background.picture_check
    access = CommandAccess()
    moderation_log = background.moderation_log
    policy = SubmissionPolicy(settings, store, background.worker.memory, moderation_log, access)
    questions = Questions()
    submission = JobSubmission(
        settings, policy, store, queue, reporter, check, moderation_log, timings, questions
    )
    control = JobControl(store, queue, reporter, background.outbox, submission, timings)
    styles = SavedStyles(store, policy)
    default_options = DefaultOptions(settings, store, policy, styles)
    edits = Edits(settings, submission, policy, store, files)
    restyles = Restyles(settings, submission, policy, store, files, default_options)
    return Services(
        settings=settings,
        metrics=background.metrics,
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
        restyles=restyles,
        enlargements=Enlargements(settings, submission, policy, files),
        masks=MaskDrafts(settings, policy, edits, store, background.worker, files, check),
        descriptions=Descriptions(settings, policy, background.worker, files, check),
        paintings=Paintings(settings, policy, submission, default_options, files),
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
        gallery=Gallery(settings, store, check, moderation_log, timings),
        accounts=Accounts(settings, store),
        styles=styles,
        comparisons=Comparisons(settings, policy, submission),
        command_lines=CommandLines(settings.engine, styles, store, default_options),
        default_options=default_options,
        default_changes=DefaultChanges(settings, store, policy, styles),
        worker=background.worker,
        brief_replies=BriefReplies(timings, ServerLanguages(store).of),
        events=RecentKeys(timings.event_seconds),
        files=files,
        connection=connection,
        loading=background.loading,
        started=datetime.now(UTC),
    )
