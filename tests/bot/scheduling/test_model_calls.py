"""Model calls are made soon while a job is painted, and do not change its picture."""

import asyncio
from pathlib import Path

import pytest

from bot.assembly import open_services
from bot.errors import UserError
from bot.scheduling.model_calls import ModelCall
from bot.scheduling.queue import GpuQueue
from engine.models.loading import Models
from tests.harness.bot_harness import (
    PATIENCE,
    BotHarness,
    job_in_progress,
    make_settings,
    painted,
)

pytestmark = pytest.mark.slow


async def name_of_models(bot: BotHarness) -> str:
    call = bot.services.worker.call_with_models(lambda models: models.name)
    return await asyncio.wait_for(asyncio.wrap_future(call), PATIENCE)


async def test_call_is_made_while_nothing_is_painted(bot: BotHarness):
    assert await name_of_models(bot) == "demo"


async def test_call_is_made_between_two_steps_of_a_job(bot: BotHarness):
    async with job_in_progress(bot, steps=4) as held:
        asked = asyncio.create_task(name_of_models(bot))
        held.go_on(until_step=2)
        assert await asked == "demo"
        assert [job.id for job in bot.services.queue.jobs()] == [1]
    await bot.wait_until_notified()
    assert len(painted(bot.thread())) == 1


async def test_error_of_a_call_reaches_only_its_caller(bot: BotHarness):
    def failing(_: Models) -> None:
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        await asyncio.wrap_future(bot.services.worker.call_with_models(failing))
    assert await name_of_models(bot) == "demo"


async def test_cancelled_call_is_not_made(bot: BotHarness):
    done: list[str] = []
    async with job_in_progress(bot):
        call = bot.services.worker.call_with_models(lambda models: done.append(models.name))
        assert call.cancel()
    assert await name_of_models(bot) == "demo"
    assert not done
    await bot.wait_until_notified()


def test_closing_the_queue_cancels_waiting_calls():
    queue = GpuQueue()
    call = ModelCall(lambda models: models.name, "demo")
    queue.put_call(call)
    queue.close()
    with pytest.raises(UserError, match="restart"):
        call.result.result(timeout=0)
    assert queue.seat().dequeue() is None


async def test_call_after_closing_the_queue_is_cancelled(tmp_path: Path):
    async with open_services(make_settings(tmp_path)) as services:
        services.queue.close()
        call = services.worker.call_with_models(lambda models: models.name)
    with pytest.raises(UserError, match="restart"):
        await asyncio.wrap_future(call)
