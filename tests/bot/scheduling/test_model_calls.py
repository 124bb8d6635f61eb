"""Errands: they have the models soon, whatever else is painted, and no job notices."""

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
    errand = studio.services.worker.call_with_models(lambda models: models.name)
    return await asyncio.wait_for(asyncio.wrap_future(errand), PATIENCE)


async def test_an_errand_is_done_while_nothing_is_painted(studio: Studio):
    assert await name_of_models(studio) == "demo"


async def test_an_errand_is_done_between_two_steps_of_a_job(studio: Studio):
    await studio.imagine(steps=300)
    await begun(studio)
    assert await name_of_models(studio) == "demo"
    assert [job.id for job in studio.services.queue.jobs()] == [1]
    await studio.all_told()
    assert len(painted(studio.thread())) == 1


async def test_what_fails_in_an_errand_reaches_whoever_asked_and_nobody_else(studio: Studio):
    def failing(_: Models) -> None:
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        await asyncio.wrap_future(studio.services.worker.call_with_models(failing))
    assert await name_of_models(studio) == "demo"


async def test_an_errand_that_nobody_waits_for_is_left_undone(studio: Studio):
    done: list[str] = []
    await studio.imagine(steps=40)
    await begun(studio)
    errand = studio.services.worker.call_with_models(lambda models: done.append(models.name))
    if errand.cancel():
        assert await name_of_models(studio) == "demo"
        assert not done
    await studio.all_told()


def test_errands_that_wait_are_given_up_when_the_queue_is_closed():
    queue = GpuQueue()
    errand = ModelCall(lambda models: models.name)
    queue.put_call(errand)
    queue.close()
    with pytest.raises(UserError, match="restart"):
        errand.result.result(timeout=0)
    assert queue.dequeue() is None


async def test_errands_are_given_up_when_the_program_ends(tmp_path: Path):
    async with open_services(make_settings(tmp_path)) as services:
        services.queue.close()
        errand = services.worker.call_with_models(lambda models: models.name)
    with pytest.raises(UserError, match="restart"):
        await asyncio.wrap_future(errand)
