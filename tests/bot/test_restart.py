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
from pydantic import SecretStr

from bot.config import BotSettings
from bot.delivery.poster import JobPoster
from bot.jobs.job import JobState
from bot.scheduling.queue import GpuQueue
from bot.storage.connection import DATABASE
from bot.storage.jobs import JobRepository
from bot.storage.lifecycle import LifecycleRepository
from bot.submission.permissions import Actor
from bot.submission.submit import JobSubmission
from engine.models import devices
from engine.vqgan_clip.generation import Generation
from tests.harness.bot_harness import (
    PATIENCE,
    PROMPT,
    BotHarness,
    another_job_is_painted,
    channel_of,
    ephemeral_text,
    job_in_progress,
    painted,
    posted,
    prefer,
    recipe_of,
    result_of,
    singles_of,
    steps_held,
    until,
)
from tests.harness.restartable_bot import RestartableBot, open_restartable_bot
from tests.harness.stores import Place

pytestmark = pytest.mark.slow

STEPS = 16
ROOT = Path(__file__).parents[2]


@pytest.fixture
async def restartable(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RestartableBot]:
    async with open_restartable_bot(settings, monkeypatch) as opened:
        yield opened


@pytest.fixture
async def on_any_database(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch, place: Place
) -> AsyncIterator[RestartableBot]:
    storage = settings.storage.model_copy(update={"url": SecretStr(place.url)})
    settings = settings.model_copy(update={"storage": storage})
    async with open_restartable_bot(settings, monkeypatch) as opened:
        yield opened


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the numbers of the steps that the engine takes."""
    taken: list[int] = []
    step = Generation.step

    def counting(self: Generation) -> None:
        step(self)
        taken.append(self.steps_done)

    monkeypatch.setattr(Generation, "step", counting)
    return taken


async def files_of(message: discord.Message) -> list[bytes]:
    return [await each.read() for each in await singles_of(message)]


async def kept_steps(bot: BotHarness, job_id: int, at_least: int) -> None:
    """Wait until a checkpoint with so many steps is stored."""
    async with asyncio.timeout(PATIENCE):
        while (await bot.services.store.jobs.steps_stored()).get(job_id, 0) < at_least:
            await asyncio.sleep(0.02)


async def state_is(bot: BotHarness, job_id: int, *states: JobState) -> None:
    async with asyncio.timeout(PATIENCE):
        while await bot.services.store.jobs.state(job_id) not in states:
            await asyncio.sleep(0.02)


def database(settings: BotSettings) -> sqlite3.Connection:
    return sqlite3.connect(settings.storage.folder / DATABASE)


async def test_killed_job_resumes_in_its_message_to_same_picture(
    on_any_database: RestartableBot, steps: list[int]
):
    restartable = on_any_database
    async with restartable.start() as bot, job_in_progress(bot, after=10, steps=STEPS, seed=7):
        await kept_steps(bot, 1, 10)
        (shown,) = bot.thread().history()
        await restartable.kill(bot.services)
    before, steps[:] = max(steps), []
    async with restartable.start() as bot:
        interrupted = await result_of(bot)
        assert 1 < steps[0] <= before + 1  # it did not begin anew
        assert steps[-1] == STEPS
        assert [each.id for each in bot.thread().history()] == [interrupted.id]
        assert shown.id != interrupted.id
        (in_channel,) = posted(bot.channel)
        assert await files_of(in_channel) == await files_of(interrupted)
        await bot.imagine(steps=STEPS, seed=7)
        assert await files_of(await result_of(bot)) == await files_of(interrupted)
        (clip,) = (a for a in interrupted.attachments if a.filename.endswith(".webp"))
        assert clip.size > 1000  # what came before is in it


async def test_each_picture_of_job_resumes_where_it_was(
    restartable: RestartableBot, steps: list[int]
):
    async with restartable.start() as bot:
        await bot.imagine(steps=6, seed=7, count=3)
        await kept_steps(bot, 1, 9)
        await restartable.kill(bot.services)
    taken, steps[:] = len(steps), []
    async with restartable.start() as bot:
        result = await result_of(bot)
        assert len(steps) <= 3 * 6 - 9 < taken + len(steps)
        pictures = await files_of(result)
        assert [recipe_of(each).seed for each in pictures] == [7, 8, 9]
        await bot.imagine(steps=6, seed=7, count=3)
        assert await files_of(await result_of(bot)) == await files_of(result)


async def test_people_who_take_turns_get_the_pictures_that_they_would_get_alone(
    restartable: RestartableBot, steps: list[int]
):
    async with restartable.start() as bot:
        alone: list[list[bytes]] = []
        for seed in (7, 8):
            await bot.imagine(steps=8, seed=seed)
            alone.append(await files_of(await result_of(bot)))
        steps.clear()
        await bot.imagine(steps=8, seed=7)
        await bot.bob.slash(bot.channel, "imagine", prompt=PROMPT, steps=8, seed=8)
        await bot.wait_until_notified()
        assert any(later < earlier for earlier, later in pairwise(steps))
        together = [
            await files_of(painted(each)[0])
            for each in sorted(bot.channel.threads, key=lambda thread: thread.id)[2:]
        ]
        assert together == alone


async def test_runs_that_sleep_between_their_turns_lose_nothing(
    restartable: RestartableBot, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.worker.job_runs.MAX_RESIDENT_RUNS", 1)
    async with restartable.start() as bot:
        await bot.imagine(steps=7, seed=7)
        alone = await files_of(await result_of(bot))
        await bot.imagine(steps=7, seed=7)
        await bot.bob.slash(bot.channel, "imagine", prompt=PROMPT, steps=7, seed=8)
        await bot.wait_until_notified()
        first = sorted(bot.channel.threads, key=lambda thread: thread.id)[1]
        assert await files_of(painted(first)[0]) == alone


@pytest.mark.parametrize("moment", ["before it is posted", "before it is noted"])
async def test_stored_end_is_announced_once(
    restartable: RestartableBot, monkeypatch: pytest.MonkeyPatch, moment: str
):
    """Noted means: as told, or as posted, for which Discord takes the same nonce but once."""

    async def never(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    owner, name = (
        (JobPoster, "post") if "posted" in moment else (LifecycleRepository, "mark_notified")
    )
    async with restartable.start() as bot:
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, never)
            await bot.imagine(steps=2)
            await state_is(bot, 1, JobState.DONE)
            if owner is LifecycleRepository:
                await until(lambda: painted(bot.thread()) and painted(bot.channel))
                await until(lambda: len(bot.thread().history()) == 1)
            await restartable.kill(bot.services)
    async with restartable.start() as bot:
        await bot.wait_until_notified()
        assert len(painted(bot.thread())) == len(bot.thread().history()) == 1
        assert len(painted(bot.channel)) == len(posted(bot.channel)) == 1
    async with restartable.start() as bot:
        await another_job_is_painted(bot)
        first = min(bot.channel.threads, key=lambda thread: thread.id)
        assert len(painted(first)) == 1


async def test_a_result_that_arrived_unnoticed_is_posted_under_the_same_nonce(
    restartable: RestartableBot, monkeypatch: pytest.MonkeyPatch
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
    async with restartable.start() as bot:
        with monkeypatch.context() as patched:
            patched.setattr(JobRepository, "add_post", never)
            await bot.imagine(steps=2)
            await until(lambda: painted(bot.thread()))
            await restartable.kill(bot.services)
    (nonce,) = (each for each in nonces if each and not str(each).endswith("-0"))
    async with restartable.start() as bot:
        await bot.wait_until_notified()
    assert nonces.count(nonce) == 2


@pytest.mark.parametrize("notify", ["ping", "none"])
async def test_progress_that_was_posted_and_not_noted_is_found_again(
    restartable: RestartableBot, monkeypatch: pytest.MonkeyPatch, notify: str
):
    """After some minutes, Discord no longer knows the nonce; simcord never does."""

    async def never(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    async with restartable.start() as bot:
        await prefer(bot, notify)
        with steps_held(after=3), monkeypatch.context() as patched:
            patched.setattr(JobRepository, "set_progress_message", never)
            await bot.imagine(steps=STEPS)
            await until(lambda: bot.thread().history())
            await restartable.kill(bot.services)
    (shown,) = bot.thread().history()
    with steps_held(after=6) as held:
        async with restartable.start() as bot:
            await kept_steps(bot, 1, 5)
            assert [each.id for each in bot.thread().history()] == [shown.id]
            held.go_on()
            result = await result_of(bot)
    assert [each.id for each in bot.thread().history()] == [result.id]
    assert (result.id == shown.id) == (notify == "none")


async def test_waiting_jobs_keep_their_order_after_restart(restartable: RestartableBot):
    async with restartable.start() as bot:
        with steps_held():
            for seed in range(3):
                await bot.imagine(steps=2, seed=seed)
            await begun_any(bot)
            await restartable.kill(bot.services)
    async with restartable.start() as bot:
        assert [job.id for job in bot.services.queue.jobs()] == [1, 2, 3]
        await bot.wait_until_notified()
        threads = sorted(bot.channel.threads, key=lambda thread: thread.id)
        results = [painted(each)[0] for each in threads]
        assert [result.id for result in results] == sorted(result.id for result in results)


async def begun_any(bot: BotHarness) -> None:
    await until(
        lambda: any(t.last_message and t.last_message.attachments for t in bot.channel.threads)
    )


async def test_a_job_that_was_stored_and_not_announced_is_announced(
    restartable: RestartableBot, monkeypatch: pytest.MonkeyPatch
):
    async with restartable.start() as bot:
        monkeypatch.setattr(JobSubmission, "_announce_and_queue", lambda *_: asyncio.sleep(0))
        await bot.imagine(steps=2)
        monkeypatch.undo()
        assert not posted(bot.channel)
        await restartable.kill(bot.services)
    async with restartable.start() as bot:
        await bot.wait_until_notified()
        assert bot.alice.mention in bot.job_message().content
        assert len(painted(bot.channel)) == 1


async def test_stop_request_survives_restart(restartable: RestartableBot, steps: list[int]):
    async with restartable.start() as bot:
        async with job_in_progress(bot, after=5, steps=STEPS):
            await kept_steps(bot, 1, 5)
            await restartable.kill(bot.services)
        await bot.services.control.stop(1, Actor(bot.alice.id))
    steps.clear()
    async with restartable.start() as bot:
        result = await result_of(bot)
        assert not steps
        assert f"of {STEPS}" in result.content
        assert "stopped at step" in result.content
        assert await bot.services.store.jobs.state(1) is JobState.STOPPED


@pytest.mark.parametrize("damaged", [1, 2])
async def test_damaged_checkpoints_give_notice_and_change_no_pixel(
    restartable: RestartableBot, steps: list[int], damaged: int
):
    async with restartable.start() as bot, job_in_progress(bot, after=10, steps=STEPS, seed=7):
        await kept_steps(bot, 1, 10)
        await restartable.kill(bot.services)
    rows = "SELECT rowid, steps_done FROM checkpoints ORDER BY steps_done DESC"
    with closing(database(restartable.settings)) as opened, opened:
        kept = opened.execute(rows).fetchall()
        assert len(kept) == 2
        for rowid, _ in kept[:damaged]:
            change = "UPDATE checkpoints SET state = zeroblob(length(state)) WHERE rowid = ?"
            opened.execute(change, (rowid,))
    steps.clear()
    async with restartable.start() as bot:
        result = await result_of(bot)
        begins = kept[1][1] if damaged == 1 else 0
        assert steps[0] == begins + 1
        where = f"from step {begins}" if begins else "from the beginning"
        assert "is damaged" in result.content
        assert where in result.content
        await bot.imagine(steps=STEPS, seed=7)
        assert await files_of(await result_of(bot)) == await files_of(result)


async def test_a_job_that_cannot_be_read_any_more_keeps_no_other_away(restartable: RestartableBot):
    async with restartable.start() as bot:
        with steps_held():
            for _ in range(2):
                await bot.imagine(steps=2)
            await restartable.kill(bot.services)
    with closing(database(restartable.settings)) as opened, opened:
        opened.execute("UPDATE jobs SET recipes = '[\"{}\"]' WHERE id = 1")
    async with restartable.start() as bot:
        await bot.wait_until_notified()
        assert await bot.services.store.jobs.state(1) is JobState.FAILED
        assert await bot.services.store.jobs.state(2) is JobState.DONE


async def test_job_of_deleted_channel_is_sent_as_direct_message(
    restartable: RestartableBot,
):
    async with restartable.start() as bot:
        async with job_in_progress(bot, steps=3):
            await restartable.kill(bot.services)
        await channel_of(bot, bot.channel.id).delete()
    async with restartable.start() as bot:
        await bot.wait_until_notified()
        assert len(painted(bot.alice.user.dm_channel)) == 1


PAINTER = """
import asyncio, sys
from pathlib import Path
from bot.assembly import open_services
from bot.timings import Timings
from tests.harness.bot_harness import make_settings

async def main():
    settings, timings = make_settings(Path(sys.argv[1])), Timings(checkpoint_seconds=0.0)
    async with open_services(settings, timings=timings) as services:
        for record in await services.store.jobs.list_open():
            services.queue.put(record.job)
        while (await services.store.jobs.steps_stored()).get(1, 0) < 12:
            await asyncio.sleep(0.01)
        print("painting", flush=True)
        await asyncio.sleep(1000)

asyncio.run(main())
"""


async def test_a_process_that_is_killed_leaves_all_that_is_needed(
    restartable: RestartableBot, steps: list[int]
):
    async with restartable.start() as bot:
        await bot.imagine(steps=1000, seed=7)
        await kept_steps(bot, 1, 5)
        await restartable.kill(bot.services)
    folder = str(restartable.settings.storage.folder)
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
    async with restartable.start() as bot:
        await until(lambda: steps)
        assert steps[0] > 12
        await bot.services.control.stop(1, Actor(bot.alice.id))
        assert "stopped at step" in (await result_of(bot)).content


async def test_a_form_that_was_open_when_the_program_ended_is_answered(restartable: RestartableBot):
    async with restartable.start() as bot:
        await bot.imagine(steps=2)
        form = await bot.alice.click(await result_of(bot), label="Edit prompt")
        assert form.modal is not None
    async with restartable.start() as bot:
        answered = await bot.alice.submit_modal(form, {"prompt": "a green ring"})
        await until(lambda: answered.response is not None)
        assert answered.response is not None and answered.response.ephemeral
        assert "restarted" in ephemeral_text(answered)


@pytest.mark.parametrize(
    ("kind", "said", "first_step"),
    [
        ("cuda/Old", "another type of device", 1),
        ("cpu/Old", "another device than before", 11),
        ("", None, 11),
    ],
)
async def test_a_picture_that_goes_on_elsewhere_says_so(
    restartable: RestartableBot,
    steps: list[int],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    said: str | None,
    first_step: int,
):
    monkeypatch.setattr(devices, "make_of", lambda _: "New")
    async with restartable.start() as bot, job_in_progress(bot, after=10, steps=STEPS):
        await kept_steps(bot, 1, 10)
        await restartable.kill(bot.services)
    with closing(database(restartable.settings)) as opened, opened:
        assert opened.execute("SELECT DISTINCT runs FROM checkpoints").fetchall() == [("cpu/New",)]
        opened.execute("DELETE FROM checkpoints WHERE steps_done > 10")
        opened.execute("UPDATE checkpoints SET runs = ?", (kind,))
    steps.clear()
    async with restartable.start() as bot:
        result = await result_of(bot)
        assert steps[0] == first_step
        record = await bot.services.store.jobs.get(1)
        assert record is not None
        assert (said or "None") in str(record.notice)
        assert said is None or said in result.content


async def test_a_picture_waits_for_a_device_like_before_while_painters_come_and_go(
    restartable: RestartableBot, monkeypatch: pytest.MonkeyPatch
):
    expect = GpuQueue.expect
    monkeypatch.setattr(GpuQueue, "expect", lambda queue, _: expect(queue, 1))
    monkeypatch.setattr(devices, "make_of", lambda _: "New")
    async with restartable.start() as bot, job_in_progress(bot, after=3, steps=STEPS):
        await kept_steps(bot, 1, 3)
        await restartable.kill(bot.services)
    with closing(database(restartable.settings)) as opened, opened:
        opened.execute("UPDATE checkpoints SET runs = 'cpu/Old'")
    async with restartable.start() as bot:
        waits = "waits for a device like the one that began it"
        await until(lambda: any(waits in each.content for each in bot.thread().history()))
        listed = ephemeral_text(await bot.alice.slash(bot.channel, "queue"))
        assert waits in listed
        thread = bot.thread()
        await bot.bob.slash(bot.channel, "imagine", prompt="a blue square", steps=1)
        await state_is(bot, 2, JobState.DONE)
        expect(bot.services.queue, -2)
        assert "another device than before" in (await result_of(bot, thread)).content
