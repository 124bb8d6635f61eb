"""The disk is full while a film is painted: nobody's film is lost, and people are told."""

import asyncio
import errno
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import discord
import pytest
from sqlalchemy.exc import OperationalError

from bot.config import BotSettings
from bot.delivery import outbox
from bot.jobs.job import JobState
from bot.submission import films
from bot.submission.permissions import Actor
from bot.ui import film_files
from bot.worker import picture_progress
from engine.vqgan_clip.generation import Generation
from tests.harness.bot_harness import (
    PROMPT,
    BotHarness,
    HeldSteps,
    ephemeral_text,
    steps_held,
    until,
)
from tests.harness.restartable_bot import open_restartable_bot
from tests.harness.store_faults import complaints, full

pytestmark = pytest.mark.slow

STEPS, FRAMES = 2, 6
FILM_STEPS = STEPS + 4 * FRAMES
NOT_STORED = "I can't store anything at the moment"


@pytest.fixture(autouse=True)
def few_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let half a second of a film have six frames, and show its progress after every step."""
    monkeypatch.setattr(films, "_RATE", 2 * FRAMES)
    monkeypatch.setattr(films, "_BETWEEN", 0)
    monkeypatch.setattr(picture_progress, "PROGRESS_SECONDS", 0.0)


@pytest.fixture
async def bot(settings: BotSettings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BotHarness]:
    async with (
        open_restartable_bot(settings, monkeypatch) as restartable,
        restartable.start() as bot,
    ):
        yield bot


async def animate(bot: BotHarness) -> None:
    options = {"prompt": PROMPT, "seconds": 0.5, "steps": STEPS, "seed": 3}
    await bot.alice.slash(bot.channel, "animate", **options)


async def film_of(bot: BotHarness) -> bytes:
    """Return the newest film, when all jobs have ended."""
    await bot.wait_until_notified()
    thread = max(bot.channel.threads, key=lambda each: each.id)
    files: list[discord.Attachment] = [f for m in thread.history() for f in m.attachments]
    (film,) = [each for each in files if each.filename.endswith(".mp4")]
    return await film.read()


@asynccontextmanager
async def film_in_progress(bot: BotHarness) -> AsyncIterator[HeldSteps]:
    """Animate, and hold the film after its first frame until told to go on."""
    with steps_held(after=STEPS + 6) as held:
        await animate(bot)
        await until(lambda: "frame" in told(bot))
        yield held


@contextmanager
def no_frame_stored(bot: BotHarness) -> Iterator[None]:
    """Let the store take no frame, however small."""

    async def refuse(*_: object) -> None:
        cause = sqlite3.OperationalError("database or disk is full")
        raise OperationalError("INSERT", {}, cause)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("add_checkpoint", "add_frames"):
            patch.setattr(type(bot.services.store.lifecycle), name, refuse)
        yield


def told(bot: BotHarness) -> str:
    """Return the newest message in the newest thread."""
    last = max(bot.channel.threads, key=lambda each: each.id).last_message
    return last.content if last is not None else ""


async def test_a_film_whose_frames_cannot_be_stored_ends_whole(
    bot: BotHarness, caplog: pytest.LogCaptureFixture
):
    await animate(bot)
    expected = await film_of(bot)
    async with film_in_progress(bot) as held:
        async with full(bot):
            held.go_on(until_step=FILM_STEPS - 2)
            await until(lambda: NOT_STORED in told(bot))
            assert bot.services.outbox.waiting_bytes > 0
            assert "full" in complaints(caplog)
        await until(lambda: bot.services.outbox.waiting_bytes == 0)
        await until(lambda: NOT_STORED not in told(bot))
        held.go_on()
    assert await film_of(bot) == expected


async def test_a_film_that_is_painted_while_the_disk_is_full_ends_whole_later(
    bot: BotHarness, caplog: pytest.LogCaptureFixture
):
    await animate(bot)
    expected = await film_of(bot)
    async with film_in_progress(bot) as held, full(bot):
        held.go_on()
        await until(lambda: not bot.services.queue.jobs())
        await until(lambda: NOT_STORED in told(bot))
        assert await bot.services.store.jobs.state(2) == JobState.RUNNING
    assert await film_of(bot) == expected
    assert "full" in complaints(caplog)


async def test_painting_waits_when_too_much_cannot_be_stored(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    await animate(bot)
    expected = await film_of(bot)
    steps, step = list[int](), Generation.step

    def noting(self: Generation) -> None:
        step(self)
        steps.append(self.steps_done)

    monkeypatch.setattr(Generation, "step", noting)
    monkeypatch.setattr(outbox, "MOST_WAITING", 1)
    async with film_in_progress(bot) as held:
        with no_frame_stored(bot):
            held.go_on(until_step=FILM_STEPS // 2)
            await until(lambda: NOT_STORED in told(bot))
            held.go_on()
            before = 0
            while len(steps) > before:  # it stands still when the current slice has ended
                before = len(steps)
                await asyncio.sleep(0.5)
            assert before < FILM_STEPS
    assert await film_of(bot) == expected
    assert len(steps) == FILM_STEPS


async def test_stops_and_cancels_are_answered_while_painting_waits(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outbox, "MOST_WAITING", 1)
    async with film_in_progress(bot) as held:
        film = bot.thread()
        await bot.imagine(steps=1)
        (waiting,) = [each for each in bot.channel.threads if each.id != film.id]
        await until(waiting.history)
        with no_frame_stored(bot):
            held.go_on(until_step=FILM_STEPS // 2)
            await until(lambda: NOT_STORED in film.history()[0].content)
            held.go_on()  # to the end of the current slice
            await until(lambda: not bot.services.worker.all[0].jobs())
            answered = await bot.alice.click(film.history()[0], label="Stop here")
            assert "As soon as there is space again" in ephemeral_text(answered)
            answered = await bot.alice.click(waiting.history()[0], label="Cancel")
            assert ephemeral_text(answered) == "Cancelled."
            await until(lambda: waiting.history()[0].content == "Cancelled.")
    await bot.wait_until_notified()
    states = [await bot.services.store.jobs.state(each) for each in (1, 2)]
    assert states == [JobState.STOPPED, JobState.CANCELLED]


async def test_frames_of_a_film_that_is_cancelled_are_not_kept(bot: BotHarness):
    async with film_in_progress(bot) as held:
        async with full(bot):
            held.go_on(until_step=FILM_STEPS - 2)
            await until(lambda: bot.services.outbox.waiting_bytes > 0)
            await bot.services.control.cancel(1, Actor(bot.alice.id))
            await until(lambda: bot.services.outbox.waiting_bytes == 0)
        held.go_on()
        await bot.wait_until_notified()
    assert await bot.services.store.jobs.state(1) == JobState.CANCELLED
    assert not await bot.services.store.lifecycle.frames(1)


@pytest.mark.parametrize("what", ["the film", "the picture"])
async def test_a_full_temporary_folder_delays_a_film(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch, what: str
):
    await animate(bot)
    expected, failures = await film_of(bot), [3]
    module = "bot.ui.film_files" if what == "the film" else "bot.delivery.encoding"
    file_bytes = film_files.file_bytes

    def without_space(suffix: str, write: Callable[[Path], None]) -> bytes:
        if failures[0] and suffix in (".mp4", ".png"):
            failures[0] -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        return file_bytes(suffix, write)

    monkeypatch.setattr(f"{module}.file_bytes", without_space)
    await animate(bot)
    if what == "the film":
        await until(lambda: "the disk is full, so I can't make the files" in told(bot))
    assert await film_of(bot) == expected
    assert failures == [0]
