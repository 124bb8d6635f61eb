"""Model calls are made soon while a job is painted, and do not change its picture."""

import asyncio
from pathlib import Path

import pytest

from bot.app import open_services
from bot.errors import UserError
from bot.scheduling.model_calls import ModelCall
from bot.scheduling.queue import GpuQueue
from engine.models.loading import Models
from tests.harness.bot_harness import PATIENCE, Studio, begun, make_settings, painted


async def name_of_models(studio: Studio) -> str:
    call = studio.services.worker.call_with_models(lambda models: models.name)
    return await asyncio.wait_for(asyncio.wrap_future(call), PATIENCE)


async def test_call_is_made_while_nothing_is_painted(studio: Studio):
    assert await name_of_models(studio) == "demo"


async def test_call_is_made_between_two_steps_of_a_job(studio: Studio):
    await studio.imagine(steps=300)
    await begun(studio)
    assert await name_of_models(studio) == "demo"
    assert [job.id for job in studio.services.queue.jobs()] == [1]
    await studio.all_told()
    assert len(painted(studio.thread())) == 1


async def test_error_of_a_call_reaches_only_its_caller(studio: Studio):
    def failing(_: Models) -> None:
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        await asyncio.wrap_future(studio.services.worker.call_with_models(failing))
    assert await name_of_models(studio) == "demo"


async def test_cancelled_call_is_not_made(studio: Studio):
    done: list[str] = []
    await studio.imagine(steps=40)
    await begun(studio)
    call = studio.services.worker.call_with_models(lambda models: done.append(models.name))
    if call.cancel():
        assert await name_of_models(studio) == "demo"
        assert not done
    await studio.all_told()


def test_closing_the_queue_cancels_waiting_calls():
    queue = GpuQueue()
    call = ModelCall(lambda models: models.name)
    queue.put_call(call)
    queue.close()
    with pytest.raises(UserError, match="restart"):
        call.result.result(timeout=0)
    assert queue.dequeue() is None


async def test_call_after_closing_the_queue_is_cancelled(tmp_path: Path):
    async with open_services(make_settings(tmp_path)) as services:
        services.queue.close()
        call = services.worker.call_with_models(lambda models: models.name)
    with pytest.raises(UserError, match="restart"):
        await asyncio.wrap_future(call)
