"""One dispatcher paints for all processes of a bot; each tells people of its own servers."""

import asyncio
import pickle
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from pydantic import SecretStr
from sqlalchemy.exc import DBAPIError

from bot.config import BotSettings
from bot.dispatch.dispatcher import Dispatcher, open_dispatcher
from bot.dispatch.front import ASK_SECONDS
from bot.dispatch.messages import Answer, Question, Remove
from bot.errors import UserError
from bot.jobs.job import JobState
from engine.errors import SettingsError
from tests.harness.bot_harness import PATIENCE, demo_models, ephemeral_text, steps_held, until
from tests.harness.postgres import PostgresServer
from tests.harness.sharded_bot import TIMINGS, ShardedBot


class NearLink:
    """A line to a dispatcher in this process; what goes over it is pickled."""

    def __init__(self) -> None:
        self.dispatcher: Dispatcher | None = None
        self.loses_results = False
        """Whether the next answer with results is lost on its way."""

    async def ask(self, question: Question, seconds: float) -> Answer:
        if self.dispatcher is None:
            raise ConnectionError("there is no dispatcher")
        answer = await self.dispatcher.ask(pickle.loads(pickle.dumps(question)), seconds)
        if answer.results and self.loses_results:
            self.loses_results = False
            raise ConnectionError("the answer is lost")
        return pickle.loads(pickle.dumps(answer))

    async def close(self) -> None:
        pass


class DispatchedBot(ShardedBot):
    """Processes that share a dispatcher, which can be started again."""

    @property
    def near(self) -> NearLink:
        """The line to the dispatcher."""
        assert isinstance(self.link, NearLink)
        return self.link

    async def start_dispatcher(self) -> AsyncExitStack:
        """Start a dispatcher; return what ends it."""
        opening = open_dispatcher(self.settings_of("0/2"), TIMINGS, demo_models())
        ending = await self.stack.enter_async_context(AsyncExitStack())
        self.near.dispatcher = await ending.enter_async_context(opening)
        return ending


@pytest.fixture
async def bot(settings: BotSettings, postgres: PostgresServer) -> AsyncIterator[DispatchedBot]:
    url = SecretStr(await postgres.new_database())
    storage = settings.storage.model_copy(update={"url": url})
    changed = settings.model_copy(update={"storage": storage})
    async with AsyncExitStack() as stack:
        yield DispatchedBot(changed, stack, link=NearLink())


async def test_a_picture_is_painted_for_a_process_and_told_by_it(bot: DispatchedBot):
    await bot.start_dispatcher()
    async with bot.process("0-1/2") as services:
        await bot.imagine(0)
        await bot.imagine(1)
        await until(lambda: bot.pictures(0) and bot.pictures(1))
        assert not services.queue.jobs()
        await until(lambda: services.throughput.seconds(1.0))  # forecasts are known here too


async def test_a_process_that_ends_finds_its_picture_at_its_next_start(bot: DispatchedBot):
    await bot.start_dispatcher()
    with steps_held() as held:
        async with bot.process("0-1/2"):
            await bot.imagine(0)
            await bot.imagine(1)
        async with bot.process("1/2") as services:
            await until(lambda: len(services.queue.jobs()) == 2)  # both servers' jobs are seen
            held.go_on()
            await until(lambda: bot.pictures(1))
            await until(lambda: not services.queue.jobs())
            assert await services.store.jobs.state(1) is JobState.DONE
            assert bot.pictures(0) == 0
    async with bot.process("0/2"):
        await until(lambda: bot.pictures(0))
    assert [bot.pictures(shard) for shard in (0, 1)] == [1, 1]


async def test_jobs_go_on_with_another_dispatcher_and_the_older_one_writes_nothing(
    bot: DispatchedBot,
):
    first = await bot.start_dispatcher()
    async with bot.process("0-1/2") as services:
        with steps_held(2):
            await bot.imagine(1, steps=6)
            async with asyncio.timeout(PATIENCE):
                while not await services.store.jobs.steps_stored():
                    await asyncio.sleep(0.05)
            older, bot.near.dispatcher = bot.near.dispatcher, None
            assert older is not None
            await bot.start_dispatcher()
            with pytest.raises(DBAPIError):
                await older._store.lifecycle.add_frames(1, [])
            with pytest.raises(SettingsError, match="another program paints"):
                await older._store.until_lost()
        await until(lambda: bot.pictures(1))
        assert bot.pictures(1) == 1
        await first.aclose()


async def test_stop_and_cancel_reach_the_dispatcher(bot: DispatchedBot):
    await bot.start_dispatcher()
    async with bot.process("0-1/2") as services:
        with steps_held() as held:
            await bot.imagine(0, steps=50)
            await bot.imagine(1, steps=50)
            async with asyncio.timeout(PATIENCE):
                while await services.store.jobs.state(1) is not JobState.RUNNING:
                    await asyncio.sleep(0.05)
            answer = await bot.members[1].slash(bot.channels[1], "cancel", job="#2")
            assert "ancel" in ephemeral_text(answer)
            await until(lambda: [job.id for job in services.queue.jobs()] == [1])
            await services.store.lifecycle.request_stop(1)
            services.queue.stop(1)
            await asyncio.sleep(1.0)
            held.go_on()
            await until(lambda: bot.pictures(0))
        states = [await services.store.jobs.state(number) for number in (1, 2)]
        assert states == [JobState.STOPPED, JobState.CANCELLED]


async def test_an_end_that_another_process_stored_is_told(bot: DispatchedBot):
    await bot.start_dispatcher()
    async with bot.process("0-1/2") as services:
        with steps_held():
            await bot.imagine(1)
            await until(services.queue.jobs)
            await services.store.lifecycle.cancel(1)
            assert bot.near.dispatcher is not None
            await bot.near.dispatcher.ask(Question("another", [], [Remove(1)]), 0.0)
            async with asyncio.timeout(PATIENCE):
                while await services.store.jobs.count_open():
                    await asyncio.sleep(0.05)


async def test_a_call_with_models_is_made_by_the_dispatcher(bot: DispatchedBot):
    await bot.start_dispatcher()
    async with bot.process("0-1/2") as services:
        called = services.worker.call_with_models(name_of_perceptors)
        assert await asyncio.wait_for(asyncio.wrap_future(called), PATIENCE) == "Models"
        failed = services.worker.call_with_models(fail)
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(asyncio.wrap_future(failed), PATIENCE)
        unsent = services.worker.call_with_models(result_that_cannot_be_sent)
        with pytest.raises(RuntimeError, match="cannot be sent"):
            await asyncio.wait_for(asyncio.wrap_future(unsent), PATIENCE)


async def test_the_result_of_a_call_is_told_again_if_an_answer_was_lost(bot: DispatchedBot):
    await bot.start_dispatcher()
    async with bot.process("0-1/2") as services:
        await until(lambda: services.worker.all)
        bot.near.loses_results = True
        called = services.worker.call_with_models(slow_name)
        assert await asyncio.wait_for(asyncio.wrap_future(called), PATIENCE) == "Models"
        assert not bot.near.loses_results


async def test_a_process_that_ends_leaves_no_call_waiting_and_no_result_to_the_next(
    bot: DispatchedBot,
):
    await bot.start_dispatcher()
    with steps_held() as held:
        async with bot.process("0-1/2") as services:
            await bot.imagine(0)
            await until(lambda: services.throughput.seconds(1.0))  # the second step is held
            left = services.worker.call_with_models(fail)
            await asyncio.sleep(1.0)
        with pytest.raises(UserError):
            left.result(0)
        held.go_on()
    async with bot.process("0-1/2") as services:
        called = services.worker.call_with_models(name_of_perceptors)
        assert await asyncio.wait_for(asyncio.wrap_future(called), PATIENCE) == "Models"
        after = services.worker
    with pytest.raises(UserError):
        after.call_with_models(fail).result(0)


async def test_a_job_that_is_cancelled_while_the_dispatcher_reads_it_is_not_painted(
    bot: DispatchedBot, monkeypatch: pytest.MonkeyPatch
):
    await bot.start_dispatcher()
    dispatcher = bot.near.dispatcher
    assert dispatcher is not None
    jobs = dispatcher._store.jobs
    steps_stored, is_read = jobs.steps_stored, asyncio.Event()

    async def cancelled_meanwhile() -> dict[int, int]:
        if not is_read.is_set():
            is_read.set()
            await dispatcher._store.lifecycle.cancel(1)
            await dispatcher.ask(Question("another", [], [Remove(1)]), 0.0)
        return await steps_stored()

    monkeypatch.setattr(jobs, "steps_stored", cancelled_meanwhile)
    async with bot.process("0-1/2") as services:
        await bot.imagine(1)
        await is_read.wait()
        await until(lambda: not services.queue.jobs())
        assert not dispatcher._painting.queue.jobs()
        assert bot.pictures(1) == 0


def name_of_perceptors(models: object) -> str:
    return type(models).__name__


def slow_name(models: object) -> str:
    time.sleep(2 * ASK_SECONDS)  # so that it is not answered with the question that brings it
    return name_of_perceptors(models)


def result_that_cannot_be_sent(models: object) -> object:
    return lambda: models


def fail(models: object) -> float:
    del models
    return 1 / 0
