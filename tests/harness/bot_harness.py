"""A bot on a Discord in memory, with the real engine and the demo models."""

import asyncio
import atexit
import io
import math
import re
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import discord
import pytest
import simcord
from discord import app_commands
from PIL import Image

from bot.assembly import open_services
from bot.client import PaintingBot
from bot.config import BotSettings, DiscordSettings, StorageSettings
from bot.dispatch.link import Link
from bot.errors import UserError
from bot.filtering.pictures import PictureFilter
from bot.local_preview import UPLOAD_HOSTS
from bot.reading.file_process import FileProcess
from bot.services import Services
from bot.storage import open_store
from bot.storage.connection import DATABASE
from bot.timings import Timings
from bot.ui.responses import UnacknowledgedError
from engine.errors import EngineError
from engine.models.loading import Models, load_models
from engine.models.plain_run import PlainRun
from engine.provenance import RECIPE_KEY
from engine.recipes.kinds import vqgan_clip_recipe
from engine.recipes.recipe import Recipe
from engine.settings import EngineSettings
from engine.vqgan_clip.generation import Generation

PATIENCE = 600.0
"""Seconds after which something that should happen counts as not happening."""
FAST = Timings(
    stale_seconds=0.2,
    post_pause=0.05,
    tidy_seconds=2 * PATIENCE,
    deletion_seconds=0.001,
    store_seconds=0.2,
    erasure_seconds=0.1,
    export_pause=0.01,
    presence_seconds=0.05,
    debounce_seconds=PATIENCE,
    end_seconds=PATIENCE,
    moderation_seconds=0.01,
    brief_seconds=2 * PATIENCE,
    filter_pause=0.05,
    question_seconds=2 * PATIENCE,
    gallery_seconds=0.05,
)
"""Timings with which the bot soon repeats what failed, and people may be slow."""
_MIGRATED: list[bytes] = []
"""The migrated database, once it is made."""
TAKEN_BACK = "Your picture will appear here: (deleted when it did)"
"""What stands for an answer that the bot deleted."""
PROMPT = "a red circle on a blue background"


@dataclass
class BotHarness:
    """A server with a channel, Alice and Bob, and the bot."""

    env: simcord.Env
    client: PaintingBot
    services: Services
    guild: simcord.GuildHandle
    channel: simcord.ChannelHandle
    alice: simcord.MemberActor
    bob: simcord.MemberActor

    async def imagine(
        self, prompt: str = PROMPT, *, steps: int = 2, **options: object
    ) -> simcord.InteractionResult:
        """Let Alice ask for a picture, in the bot's channel unless another one is given."""
        channel = options.pop("channel", self.channel)
        assert isinstance(channel, simcord.ChannelHandle)
        return await self.alice.slash(channel, "imagine", prompt=prompt, steps=steps, **options)

    async def wait_until_notified(self) -> None:
        """Wait until the users of all jobs are notified of their end."""
        async with asyncio.timeout(PATIENCE):
            while await self.services.store.jobs.count_open():
                await self._wait_for_queue()

    async def _wait_for_queue(self) -> None:
        """Wait until no job is painted, at most a second: asking the queue is cheap."""
        for _ in range(20):
            await asyncio.sleep(0.05)
            if not self.services.queue.jobs():
                break

    def job_message(self) -> discord.Message:
        """Return the first message in the channel."""
        return self.channel.history()[0]

    def thread(self) -> simcord.ChannelHandle:
        """Return the only thread."""
        (thread,) = self.channel.threads
        return thread


async def prefer(bot: BotHarness, notify: str) -> None:
    """Let Alice choose how she is told that a picture is ready."""
    change = bot.services.store.preferences.change
    await change(bot.alice.id, lambda before: before.changed(notify=notify))


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.05)


async def until_true(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait until what a condition awaits is true."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.05)


def make_settings(folder: Path, **discord_settings: object) -> BotSettings:
    """Return settings for a test, with its store in `folder`."""
    values = {"progress_seconds": 1.0} | discord_settings
    return BotSettings(
        engine=EngineSettings(threads=1),
        discord=DiscordSettings.model_validate(values),
        storage=StorageSettings(folder=folder),
    )


@cache
def demo_models(name: str = "demo") -> Models:
    """Return shipped models on the CPU; they are frozen, so all bots of a process share them."""
    return load_models(name, "cpu")


@cache
def file_process() -> FileProcess:
    """Return the process that reads the files of all tests of this process."""
    process = FileProcess(PATIENCE)
    atexit.register(process.close)
    return process


async def add_database(folder: Path) -> None:
    """Put a migrated, empty database into a folder that has none."""
    if not _MIGRATED:
        with TemporaryDirectory() as made:
            async with open_store(Path(made)):
                pass
            _MIGRATED.append((Path(made) / DATABASE).read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / DATABASE).exists():
        (folder / DATABASE).write_bytes(_MIGRATED[0])


async def change_database(folder: Path, statement: str, *values: object) -> None:
    """Change the bot's database behind its back; in a thread, because it may be writing."""

    def change() -> None:
        with closing(sqlite3.connect(folder / DATABASE, PATIENCE)) as database, database:
            database.execute(statement, values)

    await asyncio.to_thread(change)


@asynccontextmanager
async def open_test_services(
    settings: BotSettings,
    hosts: frozenset[str] = UPLOAD_HOSTS,
    timings: Timings = FAST,
    picture_filter: PictureFilter | None = None,
    *,
    is_loaded: bool = True,
    link: Link | None = None,
) -> AsyncIterator[Services]:
    """Open services with shared models and a copied database, to save time.

    Wait until the engine can paint, unless a test holds it back: then `is_loaded` is False.
    """
    if not settings.storage.url.get_secret_value():
        await add_database(settings.storage.folder)
    name = "scenes" if settings.engine.models == "scenes" else "demo"
    models = None if settings.engine.compile else demo_models(name)  # compiling changes them
    async with open_services(
        settings,
        hosts,
        timings,
        models,
        file_process=file_process(),
        picture_filter=picture_filter,
        link=link,
    ) as services:
        if is_loaded:
            await asyncio.wrap_future(services.worker.loaded)
        yield services


@asynccontextmanager
async def open_bot(
    settings: BotSettings,
    hosts: frozenset[str] = UPLOAD_HOSTS,
    timings: Timings = FAST,
    picture_filter: PictureFilter | None = None,
    *,
    is_loaded: bool = True,
) -> AsyncIterator[BotHarness]:
    """Open a bot that is connected, in a server."""
    opened = open_test_services(settings, hosts, timings, picture_filter, is_loaded=is_loaded)
    async with opened as services:
        client = PaintingBot(services)
        env = simcord.Env(client, shard_count=1, settle_timeout=PATIENCE)
        await env.start()
        try:
            guild = env.create_guild()
            channel = guild.create_text_channel("art")
            alice, bob = (guild.add_member(env.create_user(name)) for name in ("alice", "bob"))
            yield BotHarness(env, client, services, guild, channel, alice, bob)
        finally:
            await env.shutdown()
        raise_unexplained(env)


def connected(client: discord.Client) -> AbstractAsyncContextManager[simcord.Env]:
    """Connect a client to a Discord in memory that waits for it as long as it takes."""
    return simcord.run(client, shard_count=1, settle_timeout=PATIENCE)


def raise_unexplained(env: simcord.Env) -> None:
    """Raise what the bot's commands and forms raised, except for errors that it explains."""
    explained = (UserError, EngineError, UnacknowledgedError)
    errors = [each for each in env.errors if not isinstance(_cause(each), explained)]
    if errors:
        raise BaseExceptionGroup("the bot failed", errors)


def _cause(error: BaseException) -> BaseException:
    return error.original if isinstance(error, app_commands.CommandInvokeError) else error


def pictures_of(message: discord.Message) -> list[discord.Attachment]:
    """Return the PNG files of a message."""
    return [each for each in message.attachments if each.filename.endswith(".png")]


def channel_of(bot: BotHarness, channel_id: int) -> Any:
    """Return a channel as the bot knows it."""
    found = bot.client.get_channel(channel_id)
    assert found is not None
    return found


async def wait_for_first_progress(bot: BotHarness) -> None:
    """Wait until the only thread shows the first picture of the progress."""
    thread = bot.thread()
    await until(lambda: thread.last_message and thread.last_message.attachments)


class HeldSteps:
    """Runs that wait after so many steps."""

    def __init__(self, after: float) -> None:
        self._after = after
        self._changed = threading.Condition()

    def go_on(self, until_step: float = math.inf) -> None:
        """Let the runs take more steps, by default all."""
        with self._changed:
            self._after = until_step
            self._changed.notify_all()

    def wait(self, steps_done: int) -> None:
        """Wait until a run may take its next step."""
        with self._changed:
            self._changed.wait_for(lambda: steps_done < self._after, PATIENCE)


@contextmanager
def steps_held(after: int = 1, seed: int | None = None) -> Iterator[HeldSteps]:
    """Hold every run, or those with a seed, after so many steps, until the end of the block."""
    held = HeldSteps(after)
    kinds: tuple[type[Any], ...] = (Generation, PlainRun)
    with pytest.MonkeyPatch.context() as patch:
        for kind in kinds:
            patch.setattr(kind, "step", _waiting(kind.step, held, seed))
        try:
            yield held
        finally:
            held.go_on()


def _waiting(
    step: Callable[[Any], None], held: HeldSteps, seed: int | None
) -> Callable[[Any], None]:
    """Return a step that waits until it may be taken."""

    def waiting(run: Any) -> None:
        if seed in (None, run.recipe.seed):
            held.wait(run.steps_done)
        step(run)

    return waiting


@asynccontextmanager
async def job_in_progress(
    bot: BotHarness, after: int = 1, **options: Any
) -> AsyncIterator[HeldSteps]:
    """Let Alice ask for a picture; hold the job after some steps, with progress shown."""
    with steps_held(after) as held:
        await bot.imagine(**options)
        await wait_for_first_progress(bot)
        yield held


def painted(channel: simcord.ChannelHandle) -> list[discord.Message]:
    """Return the messages of a channel that hold pictures."""
    return [message for message in channel.history() if pictures_of(message)]


def posted(channel: simcord.ChannelHandle) -> list[discord.Message]:
    """Return the messages of a channel without Discord's own, such as notices of threads."""
    kinds = (discord.MessageType.default, discord.MessageType.reply)
    return [message for message in channel.history() if message.type in kinds]


async def another_job_is_painted(bot: BotHarness) -> None:
    """Check that the bot still works: Bob asks for a picture and gets it."""
    before = len(bot.channel.threads)
    await bot.bob.slash(bot.channel, "imagine", prompt="a blue square", steps=1)
    await bot.wait_until_notified()
    assert len(bot.channel.threads) == before + 1
    assert any(painted(t) for t in bot.channel.threads if t.name == "a blue square")


async def result_of(bot: BotHarness, place: simcord.ChannelHandle | None = None) -> discord.Message:
    """Return the newest result, in the newest thread or `place`, after the end of all jobs.

    It has the picture, or several on one sheet, with the buttons.
    """
    await bot.wait_until_notified()
    place = place or max(bot.channel.threads, key=lambda thread: thread.id)
    return [message for message in painted(place) if message.components][-1]


async def singles_of(result: discord.Message) -> list[discord.Attachment]:
    """Return the single pictures of a result, which follow in another message if it has several."""
    if not any("grid" in each.filename for each in result.attachments):
        return pictures_of(result)
    return pictures_of(await message_after(result))


async def message_after(message: discord.Message) -> discord.Message:
    """Return the next message of the channel."""
    # simcord's newest one comes first, whatever the limit is.
    later = [each async for each in message.channel.history(after=message, oldest_first=True)]
    return later[0]


def recipe_of(content: bytes) -> Recipe:
    """Return the recipe in a picture, which lacks the recipe's pictures if the bot posted it."""
    picture = opened(content)
    picture.load()
    return Recipe.from_json(picture.info[RECIPE_KEY])


async def stored_recipe(bot: BotHarness, message: discord.Message, number: int = 1) -> Recipe:
    """Return the complete recipe of a picture in a message, which only the bot's store has."""
    record = await bot.services.store.jobs.by_post(message.id)
    assert record is not None
    return vqgan_clip_recipe(record.job.recipes[number - 1])


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Return a picture as a file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def ephemeral_text(answered: simcord.InteractionResult) -> str:
    """Return an answer that only the person sees who gave the command."""
    assert answered.acknowledged
    if answered.response is None:
        return TAKEN_BACK
    assert answered.response.ephemeral
    return answered.response.content


def is_accepted(answer: str) -> bool:
    """Return True if an answer says when a picture will be ready, or said it until it was."""
    return re.search(r"Your( \d+)? pictures? will|This is done", answer) is not None
