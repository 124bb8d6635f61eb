"""The program is gone at any moment and comes back: nothing is lost, nothing is said twice."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.config import BotSettings
from bot.delivery.poster import JobPoster
from bot.jobs.job import JobState
from bot.storage.connection import DATABASE
from bot.storage.jobs import JobRepository
from bot.storage.lifecycle import LifecycleRepository
from bot.submission.permissions import Actor
from bot.submission.submit import JobSubmission
from engine.vqgan_clip.generation import Generation
from tests.harness.bot_harness import (
    PATIENCE,
    PROMPT,
    Studio,
    another_job_is_painted,
    begun,
    channel_of,
    painted,
    pictures_of,
    recipe_of,
    result_of,
    told,
    until,
)
from tests.harness.restartable_bot import Theatre, open_theatre

STEPS = 40
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def theatre(settings: BotSettings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Theatre]:
    async with open_theatre(settings, monkeypatch) as opened:
        yield opened


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that the engine takes, by their numbers."""
    taken: list[int] = []
    step = Generation.step

    def counting(self: Generation) -> None:
        step(self)
        taken.append(self.steps_done)

    monkeypatch.setattr(Generation, "step", counting)
    return taken


async def files_of(message: discord.Message) -> list[bytes]:
    return [await each.read() for each in pictures_of(message)]


async def kept_steps(studio: Studio, job_id: int, at_least: int) -> None:
    """Wait until a checkpoint with so many steps is stored."""
    async with asyncio.timeout(PATIENCE):
        while (await studio.services.store.jobs.steps_stored()).get(job_id, 0) < at_least:
            await asyncio.sleep(0.02)


async def state_is(studio: Studio, job_id: int, *states: JobState) -> None:
    async with asyncio.timeout(PATIENCE):
        while await studio.services.store.jobs.state(job_id) not in states:
            await asyncio.sleep(0.02)


def database(settings: BotSettings) -> sqlite3.Connection:
    return sqlite3.connect(settings.storage.folder / DATABASE)


async def test_a_job_goes_on_in_its_message_to_the_same_picture(theatre: Theatre, steps: list[int]):
    async with theatre.open() as studio:
        await studio.imagine(steps=STEPS, seed=7)
        await begun(studio)
        await kept_steps(studio, 1, 10)
        (shown,) = studio.thread().history()
        await theatre.crash(studio.services)
    before, steps[:] = max(steps), []
    async with theatre.open() as studio:
        interrupted = await result_of(studio)
        assert 1 < steps[0] <= before + 1  # it did not begin anew
        assert steps[-1] == STEPS
        progress, result = studio.thread().history()
        assert (progress.id, result.id) == (shown.id, interrupted.id)
        assert progress.content == "Done."
        await studio.imagine(steps=STEPS, seed=7)
        assert await files_of(await result_of(studio)) == await files_of(interrupted)
        (clip,) = (a for a in interrupted.attachments if a.filename.endswith(".webp"))
        assert clip.size > 1000  # what came before is in it


async def test_each_picture_of_a_job_goes_on_where_it_was(theatre: Theatre, steps: list[int]):
    async with theatre.open() as studio:
        await studio.imagine(steps=10, seed=7, count=3)
        await kept_steps(studio, 1, 15)
        await theatre.crash(studio.services)
    taken, steps[:] = len(steps), []
    async with theatre.open() as studio:
        result = await result_of(studio)
        assert len(steps) <= 3 * 10 - 15 < taken + len(steps)
        *pictures, _ = await files_of(result)
        assert [recipe_of(each).seed for each in pictures] == [7, 8, 9]
        await studio.imagine(steps=10, seed=7, count=3)
        assert await files_of(await result_of(studio)) == await files_of(result)


async def test_people_who_take_turns_get_the_pictures_that_they_would_get_alone(
    theatre: Theatre, steps: list[int]
):
    async with theatre.open() as studio:
        alone: list[list[bytes]] = []
        for seed in (7, 8):
            await studio.imagine(steps=15, seed=seed)
            alone.append(await files_of(await result_of(studio)))
        steps.clear()
        await studio.imagine(steps=15, seed=7)
        await studio.bob.slash(studio.channel, "imagine", prompt=PROMPT, steps=15, seed=8)
        await studio.all_told()
        assert any(later < earlier for earlier, later in pairwise(steps))
        together = [
            await files_of(painted(each)[0])
            for each in sorted(studio.channel.threads, key=lambda thread: thread.id)[2:]
        ]
        assert together == alone


async def test_runs_that_sleep_between_their_turns_lose_nothing(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.worker.engine_worker.MAX_RESIDENT_RUNS", 1)
    async with theatre.open() as studio:
        await studio.imagine(steps=12, seed=7)
        alone = await files_of(await result_of(studio))
        await studio.imagine(steps=12, seed=7)
        await studio.bob.slash(studio.channel, "imagine", prompt=PROMPT, steps=12, seed=8)
        await studio.all_told()
        first = sorted(studio.channel.threads, key=lambda thread: thread.id)[1]
        assert await files_of(painted(first)[0]) == alone


@pytest.mark.parametrize("moment", ["before it is posted", "before it is noted"])
async def test_an_end_that_was_stored_is_told_once(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch, moment: str
):
    """Noted means: as told, or as posted, for which Discord takes the same nonce but once."""

    async def never(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    owner, name = (
        (JobPoster, "post_result") if "posted" in moment else (LifecycleRepository, "mark_notified")
    )
    async with theatre.open() as studio:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, never)
            await studio.imagine(steps=2)
            await state_is(studio, 1, JobState.DONE)
            if owner is LifecycleRepository:
                await until(lambda: painted(studio.thread()))
                await until(lambda: studio.thread().history()[0].content == "Done.")
            await theatre.crash(studio.services)
    async with theatre.open() as studio:
        await studio.all_told()
        assert len(painted(studio.thread())) == 1
    async with theatre.open() as studio:
        await another_job_is_painted(studio)
        first = min(studio.channel.threads, key=lambda thread: thread.id)
        assert len(painted(first)) == 1


async def test_a_result_that_arrived_unnoticed_is_posted_under_the_same_nonce(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
):
    """Discord then returns the message that is there; simcord makes another one."""
    nonces: list[object] = []
    send = discord.PartialMessageable.send

    async def noting(self: discord.PartialMessageable, *args: Any, **options: Any) -> Any:
        nonces.append(options.get("nonce"))
        return await send(self, *args, **options)

    async def never(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(discord.PartialMessageable, "send", noting)
    async with theatre.open() as studio:
        with monkeypatch.context() as patched:
            patched.setattr(JobRepository, "add_post", never)
            await studio.imagine(steps=2)
            await until(lambda: painted(studio.thread()))
            await theatre.crash(studio.services)
    (nonce,) = (each for each in nonces if each and not str(each).endswith("-0"))
    async with theatre.open() as studio:
        await studio.all_told()
    assert nonces.count(nonce) == 2


async def test_jobs_that_wait_still_wait_in_their_order(theatre: Theatre):
    async with theatre.open() as studio:
        for seed in range(3):
            await studio.imagine(steps=STEPS, seed=seed)
        await begun_any(studio)
        await theatre.crash(studio.services)
    async with theatre.open() as studio:
        assert [job.id for job in studio.services.queue.jobs()] == [1, 2, 3]
        await studio.all_told()
        threads = sorted(studio.channel.threads, key=lambda thread: thread.id)
        results = [painted(each)[0] for each in threads]
        assert [result.id for result in results] == sorted(result.id for result in results)


async def begun_any(studio: Studio) -> None:
    await until(
        lambda: any(t.last_message and t.last_message.attachments for t in studio.channel.threads)
    )


async def test_a_job_that_was_stored_and_not_announced_is_announced(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
):
    async with theatre.open() as studio:
        monkeypatch.setattr(JobSubmission, "_announce_and_queue", lambda *_: asyncio.sleep(0))
        await studio.imagine(steps=2)
        monkeypatch.undo()
        assert not studio.channel.history()
        await theatre.crash(studio.services)
    async with theatre.open() as studio:
        await studio.all_told()
        assert studio.alice.mention in studio.job_message().content
        assert len(painted(studio.channel)) == 1


async def test_a_wish_to_stop_outlives_the_program(theatre: Theatre, steps: list[int]):
    async with theatre.open() as studio:
        await studio.imagine(steps=STEPS)
        await kept_steps(studio, 1, 10)
        await theatre.crash(studio.services)
        await studio.services.control.stop(1, Actor(studio.alice.id))
    steps.clear()
    async with theatre.open() as studio:
        result = await result_of(studio)
        assert not steps
        assert f"of {STEPS}" in result.content
        assert "stopped at step" in result.content
        assert await studio.services.store.jobs.state(1) is JobState.STOPPED


@pytest.mark.parametrize("damaged", [1, 2])
async def test_damaged_checkpoints_are_told_and_change_no_pixel(
    theatre: Theatre, steps: list[int], damaged: int
):
    async with theatre.open() as studio:
        await studio.imagine(steps=STEPS, seed=7)
        await kept_steps(studio, 1, 10)
        await theatre.crash(studio.services)
    rows = "SELECT rowid, steps_done FROM checkpoints ORDER BY steps_done DESC"
    with closing(database(theatre.settings)) as opened, opened:
        kept = opened.execute(rows).fetchall()
        assert len(kept) == 2
        for rowid, _ in kept[:damaged]:
            change = "UPDATE checkpoints SET state = zeroblob(length(state)) WHERE rowid = ?"
            opened.execute(change, (rowid,))
    steps.clear()
    async with theatre.open() as studio:
        result = await result_of(studio)
        begins = kept[1][1] if damaged == 1 else 0
        assert steps[0] == begins + 1
        where = f"from step {begins}" if begins else "from the beginning"
        assert "is damaged" in result.content
        assert where in result.content
        await studio.imagine(steps=STEPS, seed=7)
        assert await files_of(await result_of(studio)) == await files_of(result)


async def test_a_job_that_cannot_be_read_any_more_keeps_no_other_away(theatre: Theatre):
    async with theatre.open() as studio:
        for _ in range(2):
            await studio.imagine(steps=STEPS)
        await theatre.crash(studio.services)
    with closing(database(theatre.settings)) as opened, opened:
        opened.execute("UPDATE jobs SET recipes = '[\"{}\"]' WHERE id = 1")
    async with theatre.open() as studio:
        await studio.all_told()
        assert await studio.services.store.jobs.state(1) is JobState.FAILED
        assert await studio.services.store.jobs.state(2) is JobState.DONE


async def test_a_job_whose_channel_went_away_meanwhile_comes_to_the_person(theatre: Theatre):
    async with theatre.open() as studio:
        await studio.imagine(steps=STEPS)
        await begun(studio)
        await theatre.crash(studio.services)
        await channel_of(studio, studio.channel.id).delete()
    async with theatre.open() as studio:
        await studio.all_told()
        assert len(painted(studio.alice.user.dm_channel)) == 1


PAINTER = """
import asyncio, sys
from pathlib import Path
from bot.app import open_services
from bot.timings import Timings
from tests.harness.bot_harness import make_settings

async def main():
    settings, timings = make_settings(Path(sys.argv[1])), Timings(checkpoint_seconds=0.0)
    async with open_services(settings, timings=timings) as services:
        for record in await services.store.jobs.list_open():
            services.queue.put(record.job)
        while (await services.store.jobs.steps_stored()).get(1, 0) < 30:
            await asyncio.sleep(0.01)
        print("painting", flush=True)
        await asyncio.sleep(1000)

asyncio.run(main())
"""


async def test_a_process_that_is_killed_leaves_all_that_is_needed(
    theatre: Theatre, steps: list[int]
):
    async with theatre.open() as studio:
        await studio.imagine(steps=1000, seed=7)
        await kept_steps(studio, 1, 5)
        await theatre.crash(studio.services)
    folder = str(theatre.settings.storage.folder)
    command = (sys.executable, "-c", PAINTER, folder)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    program = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert program.stdout is not None
        line = await asyncio.wait_for(asyncio.to_thread(program.stdout.readline), PATIENCE)
        assert line == "painting\n"
        program.send_signal(signal.SIGKILL)
    finally:
        program.kill()
        program.communicate()
    steps.clear()
    async with theatre.open() as studio:
        await until(lambda: steps)
        assert steps[0] > 30
        await studio.services.control.stop(1, Actor(studio.alice.id))
        assert "stopped at step" in (await result_of(studio)).content


async def test_a_form_that_was_open_when_the_program_ended_is_answered(theatre: Theatre):
    async with theatre.open() as studio:
        await studio.imagine(steps=2)
        form = await studio.alice.click(await result_of(studio), label="Edit prompt")
        assert form.modal is not None
    async with theatre.open() as studio:
        answered = await studio.alice.submit_modal(form, {"prompt": "a green ring"})
        await until(lambda: answered.response is not None)
        assert answered.response is not None and answered.response.ephemeral
        assert "restarted" in told(answered)
