"""Thirty people animate at once: everyone gets a film, and a picture waits for its turn only."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from bot.config import BotSettings, QueueSettings
from bot.jobs.job import JobState
from bot.jobs.records import StoredFrame
from bot.submission import films
from bot.ui import attachment_packer
from engine.vqgan_clip.generation import Generation
from tests.harness.bot_harness import (
    PROMPT,
    ephemeral_text,
    is_accepted,
    open_bot,
    steps_held,
)

pytestmark = pytest.mark.slow

PEOPLE, SLICE = 30, 4
FRAMES, PICTURE_STEPS = 2, 7
FILM_STEPS = 1 + FRAMES * 4


@pytest.fixture(autouse=True)
def few_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let half a second of a film have two frames, and encode them small."""
    monkeypatch.setattr(films, "_RATE", 4)
    monkeypatch.setattr(films, "_BETWEEN", 0)
    monkeypatch.setattr("engine.films.LONGEST_SIDE", 128)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note the seeds of the runs that take the steps; each person has their own."""
    taken: list[int] = []
    step = Generation.step

    def noting(self: Generation) -> None:
        step(self)
        taken.append(self.recipe.seed)

    monkeypatch.setattr(Generation, "step", noting)
    return taken


@pytest.fixture
def encoders(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many films are encoded at the same time, whenever one begins."""
    counts, under_way = list[int](), list[int]()
    lock, make = threading.Lock(), attachment_packer.film_files

    def counting(frames: Sequence[StoredFrame], *rest: Any) -> Any:
        with lock:
            under_way.append(len(frames))
            counts.append(len(under_way))
        try:
            time.sleep(0.1)  # they end at about the same time
            return make(frames, *rest)
        finally:
            with lock:
                under_way.pop()

    monkeypatch.setattr(attachment_packer, "film_files", counting)
    return counts


async def test_thirty_films_at_once_hold_nobody_up(
    settings: BotSettings,
    steps: list[int],
    encoders: list[int],
):
    queue = QueueSettings(slice_steps=SLICE)
    async with open_bot(settings.model_copy(update={"queue": queue})) as bot:
        people = [bot.guild.add_member(bot.env.create_user(f"p{n}")) for n in range(PEOPLE)]
        with steps_held(after=0):
            for seed, person in enumerate(people):
                options = {"prompt": PROMPT, "seconds": 0.5, "steps": 1, "seed": seed}
                answer = await person.slash(bot.channel, "animate", **options)
                assert is_accepted(ephemeral_text(answer))
            picture = {"prompt": PROMPT, "steps": PICTURE_STEPS, "seed": PEOPLE}
            await bot.bob.slash(bot.channel, "imagine", **picture)
        await bot.wait_until_notified()
        states = [await bot.services.store.jobs.state(n) for n in range(1, PEOPLE + 2)]
        assert states == [JobState.DONE] * (PEOPLE + 1)
        films_posted = [
            file.filename
            for thread in bot.channel.threads
            for message in thread.history()
            for file in message.attachments
            if file.filename.endswith(".mp4")
        ]
        assert sorted(films_posted) == sorted(f"picture-{n}-film.mp4" for n in range(1, PEOPLE + 1))
        stored = [await bot.services.store.lifecycle.frames(n) for n in range(1, PEOPLE + 1)]
        assert {len(each) for each in stored} == {FRAMES}
    assert len(steps) == PEOPLE * FILM_STEPS + PICTURE_STEPS
    ended = len(steps) - steps[::-1].index(PEOPLE)
    slices = -(-PICTURE_STEPS // SLICE)
    assert ended <= slices * (PEOPLE + 1) * SLICE  # nobody had more turns than the picture
    assert max(encoders) == 1
