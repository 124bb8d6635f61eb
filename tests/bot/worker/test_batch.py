"""Several people's pictures in the same steps: they come and go, and no job suffers by another."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.config import BotSettings, QueueSettings
from bot.jobs.job import JobState
from bot.submission.permissions import Actor
from bot.worker.engine_worker import EngineWorker
from engine.errors import DivergedError
from engine.models.catalogue import find_models
from engine.models.memory import Budget
from engine.settings import EngineSettings
from engine.vqgan_clip import loop
from engine.vqgan_clip.generation import Generation
from engine.vqgan_clip.memory_estimate import estimate_peak
from tests.harness.bot_harness import (
    PATIENCE,
    PROMPT,
    BotHarness,
    make_settings,
    open_bot,
    painted,
    pictures_of,
    recipe_of,
    singles_of,
    until,
)
from tests.harness.interactions import NEVER_FINISHES
from tests.harness.restartable_bot import RestartableBot, open_restartable_bot

pytestmark = pytest.mark.slow

STEPS = 14
ALICE, BOB, CAROL = 7, 8, 9
"""Seeds of their pictures."""
Outcomes = list[DivergedError | None]


class Steps:
    """The common steps that the engine takes: the seeds of the pictures, and how far they are."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.taken: list[dict[int, int]] = []
        self.faults: list[Exception] = []
        """What common steps fail with, one after the other."""
        self.diverging: set[int] = set()
        """Whose next common step is the last one."""
        self._step = loop.step
        patch.setattr(loop, "step", self._counted)

    def of(self, *seeds: int) -> int:
        """How many were of these pictures and no others."""
        return sum(set(step) == set(seeds) for step in list(self.taken))

    def _counted(self, runs: Sequence[Generation]) -> Outcomes:
        if len(runs) == 1:
            return self._step(runs)
        if self.faults:
            raise self.faults.pop(0)
        outcomes = self._step(runs)
        self.taken.append({run.recipe.seed: run.steps_done for run in runs})
        for number, run in enumerate(runs):
            if run.recipe.seed in self.diverging:
                outcomes[number] = DivergedError("the optimisation diverged at step 3")
        return outcomes


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    return Steps(monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    engine = EngineSettings(threads=1, deterministic=False)
    queue = QueueSettings(slice_steps=5)
    return make_settings(tmp_path / "data").model_copy(update={"engine": engine, "queue": queue})


@pytest.fixture
async def restartable(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RestartableBot]:
    async with open_restartable_bot(settings, monkeypatch) as opened:
        yield opened


@contextmanager
def engine_waits(bot: BotHarness) -> Iterator[None]:
    """Whoever asks in the meantime does so at the same time."""
    goes_on = threading.Event()
    bot.services.worker.call_with_models(lambda _: goes_on.wait(PATIENCE))
    try:
        yield
    finally:
        goes_on.set()


async def both_ask(bot: BotHarness, steps: int = STEPS, **options: object) -> None:
    """Alice and Bob ask for a picture at the same time; what is said is Bob's."""
    with engine_waits(bot):
        await bot.imagine(steps=steps, seed=ALICE)
        asked = {"prompt": PROMPT, "steps": steps, "seed": BOB} | options
        await bot.bob.slash(bot.channel, "imagine", **asked)


async def carol_asks(bot: BotHarness, steps: int) -> None:
    carol = bot.guild.add_member(bot.env.create_user("carol"))
    await carol.slash(bot.channel, "imagine", prompt=PROMPT, steps=steps, seed=CAROL)


async def states(bot: BotHarness, *jobs: int) -> list[JobState | None]:
    return [await bot.services.store.jobs.state(job) for job in jobs]


async def seeds_posted(bot: BotHarness) -> list[int]:
    """Of the pictures that were posted, one for each job."""
    results = [message for thread in bot.channel.threads for message in painted(thread)]
    return sorted([recipe_of(await pictures_of(m)[0].read()).seed for m in results])


async def test_two_people_s_pictures_advance_together(bot: BotHarness, steps: Steps):
    await both_ask(bot)
    await bot.wait_until_notified()
    assert steps.of(ALICE, BOB) > STEPS / 2
    assert await states(bot, 1, 2) == [JobState.DONE] * 2
    assert await seeds_posted(bot) == [ALICE, BOB]


async def test_jobs_join_and_leave_at_any_step(bot: BotHarness, steps: Steps):
    await both_ask(bot, NEVER_FINISHES)
    await until(lambda: steps.of(ALICE, BOB))
    await carol_asks(bot, steps=4)
    await until(lambda: steps.of(ALICE, BOB, CAROL))
    taken = steps.of(ALICE, BOB)
    await until(lambda: steps.of(ALICE, BOB) > taken)  # Carol's is done
    errand = bot.services.worker.call_with_models(lambda models: models.name)
    assert await asyncio.wrap_future(errand) == "demo"
    await bot.services.control.stop(1, Actor(bot.alice.user.id))
    await bot.services.control.wait_for_end(1)
    await bot.imagine(steps=STEPS, seed=CAROL)
    await until(lambda: steps.of(BOB, CAROL))
    await bot.services.control.cancel(2, Actor(bot.bob.user.id))
    await bot.wait_until_notified()
    assert await states(bot, 1, 2, 3, 4) == [
        JobState.STOPPED,
        JobState.CANCELLED,
        JobState.DONE,
        JobState.DONE,
    ]
    assert await seeds_posted(bot) == [ALICE, CAROL, CAROL]


async def test_a_job_of_several_pictures_stays_with_the_others(bot: BotHarness, steps: Steps):
    await both_ask(bot, 5, count=3)
    await bot.wait_until_notified()
    assert steps.of(ALICE, BOB) > 0
    assert await states(bot, 1, 2) == [JobState.DONE] * 2
    (bobs,) = (each for each in bot.channel.threads if len(painted(each)) > 1)
    files = await singles_of(painted(bobs)[0])
    assert [recipe_of(await f.read()).seed for f in files] == [BOB, BOB + 1, BOB + 2]


async def test_a_picture_of_another_size_is_painted_by_itself(bot: BotHarness, steps: Steps):
    with engine_waits(bot):
        await both_ask(bot, 6, size="wide")
        await carol_asks(bot, 6)
    await bot.wait_until_notified()
    assert steps.of(ALICE, CAROL) > 0
    assert steps.of(ALICE, CAROL) == len(steps.taken)
    assert await seeds_posted(bot) == [ALICE, BOB, CAROL]


async def test_memory_that_suffices_for_one_is_given_to_one(
    bot: BotHarness, steps: Steps, monkeypatch: pytest.MonkeyPatch
):
    await bot.imagine(steps=1, seed=CAROL)
    await bot.wait_until_notified()
    (result,) = painted(bot.thread())
    recipe = recipe_of(await pictures_of(result)[0].read())
    enough = round(1.1 * estimate_peak(recipe, find_models("demo")))
    (painter,) = bot.services.worker.all
    assert isinstance(painter, EngineWorker)
    monkeypatch.setattr(painter._models, "budget", lambda _: Budget(enough))
    await both_ask(bot, 6)
    await bot.wait_until_notified()
    assert not steps.taken
    assert await seeds_posted(bot) == [ALICE, BOB, CAROL]


async def test_whoever_diverges_ends_alone(bot: BotHarness, steps: Steps):
    steps.diverging.add(BOB)
    await both_ask(bot)
    await bot.wait_until_notified()
    assert await states(bot, 1, 2) == [JobState.DONE, JobState.FAILED]
    texts = [m.content for thread in bot.channel.threads for m in thread.history()]
    assert sum("diverged at step 3" in text for text in texts) == 1
    assert await seeds_posted(bot) == [ALICE]


async def test_whoever_is_found_to_have_diverged_while_others_are_painted_harms_none(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    state_of, found = Generation.state_dict, [BOB]

    def state_dict(self: Generation) -> dict[str, Any]:
        if self.recipe.seed in found:
            found.remove(self.recipe.seed)
            raise DivergedError("the optimisation diverged at step 3")
        return state_of(self)

    monkeypatch.setattr(Generation, "state_dict", state_dict)
    monkeypatch.setattr("bot.worker.job_runs.MAX_RESIDENT_RUNS", 1)
    await both_ask(bot, size="wide")
    await bot.wait_until_notified()
    assert not found
    assert await states(bot, 1, 2) == [JobState.DONE] * 2
    assert await seeds_posted(bot) == [ALICE, BOB]


@pytest.mark.parametrize(
    ("error", "told", "level"),
    [
        (RuntimeError("CUDA out of memory"), "memory ran out", logging.WARNING),
        (MemoryError(), "memory ran out", logging.WARNING),
        (RuntimeError("a fault"), "failed", logging.ERROR),
    ],
)
async def test_failed_batch_step_is_repeated_per_job(
    bot: BotHarness,
    steps: Steps,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    told: str,
    level: int,
):
    steps.faults.append(error)
    await both_ask(bot)
    await bot.wait_until_notified()
    (record,) = [r for r in caplog.records if "shared step" in r.message]
    assert told in record.message
    assert record.levelno == level
    assert await states(bot, 1, 2) == [JobState.DONE] * 2
    assert steps.taken  # in a later turn
    assert await seeds_posted(bot) == [ALICE, BOB]


async def test_deterministic_every_picture_is_computed_by_itself(tmp_path: Path, steps: Steps):
    async with open_bot(make_settings(tmp_path / "data")) as bot:
        await both_ask(bot)
        await bot.wait_until_notified()
        assert not steps.taken
        assert await seeds_posted(bot) == [ALICE, BOB]


@pytest.mark.parametrize("is_killed", [True, False])
async def test_after_a_restart_in_a_common_step_both_go_on(
    restartable: RestartableBot, steps: Steps, *, is_killed: bool
):
    async with restartable.start() as bot:
        await both_ask(bot, 24)
        await until(lambda: any(min(step.values()) >= 3 for step in list(steps.taken)))
        kept = bot.services.store.jobs.steps_stored
        while set(await kept()) != {1, 2}:
            await bot.env.settle()
        if is_killed:
            await restartable.kill(bot.services)
    steps.taken.clear()
    async with restartable.start() as bot:
        await bot.wait_until_notified()
        assert min(steps.taken[0].values()) > 1
        assert await states(bot, 1, 2) == [JobState.DONE] * 2
        assert await seeds_posted(bot) == [ALICE, BOB]
