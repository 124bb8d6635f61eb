"""Calls that Discord refuses or slows down: those of a command, and those of a report.

simcord refuses with a status and a code, but carries no `retry_after`: what discord.py does by
itself when it is told to wait, which is to wait inside the call, is a call that takes long.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import discord
import pytest

from tests.harness.bot_harness import (
    Studio,
    another_job_is_painted,
    begun,
    channel_of,
    painted,
    until,
)

ACKNOWLEDGEMENT, ANSWER = "/interactions/*/*/callback", "/webhooks/*/*/messages/@original"
REFUSALS = [(403, 50001), (404, 10062), (500, 0)]
LOSSES = [aiohttp.ServerDisconnectedError(), ConnectionResetError()]
"""What a call raises whose connection broke."""


def the_only_complaint(caplog: pytest.LogCaptureFixture) -> str:
    """The cause of the one warning, which comes without a trace."""
    (record,) = (each for each in caplog.records if each.levelno >= logging.WARNING)
    assert record.levelno == logging.WARNING
    assert record.exc_info is None
    return record.__dict__["cause"]


def raising(error: Exception) -> Callable[..., Awaitable[None]]:
    async def lost(*_: object, **__: object) -> None:
        raise error

    return lost


@pytest.mark.parametrize(("status", "code"), REFUSALS)
async def test_a_command_that_is_not_acknowledged_queues_nothing(
    studio: Studio, caplog: pytest.LogCaptureFixture, status: int, code: int
):
    studio.env.inject_error("POST", ACKNOWLEDGEMENT, status=status, code=code)
    answered = await studio.imagine()
    assert not answered.acknowledged
    assert not studio.channel.history()
    assert await studio.services.store.jobs.count_unfinished() == 0
    assert f"{status} " in the_only_complaint(caplog)
    await another_job_is_painted(studio)


@pytest.mark.parametrize("error", LOSSES)
async def test_a_command_whose_acknowledgement_gets_no_answer_queues_nothing(
    studio: Studio,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
):
    with monkeypatch.context() as patched:
        patched.setattr(discord.InteractionResponse, "defer", raising(error))
        await studio.imagine()
    assert not studio.channel.history()
    assert await studio.services.store.jobs.count_unfinished() == 0
    assert type(error).__name__ in the_only_complaint(caplog)
    await another_job_is_painted(studio)


@pytest.mark.parametrize("command", ["help", "status"])
async def test_an_answer_that_is_refused_is_logged_and_the_next_one_given(
    studio: Studio, caplog: pytest.LogCaptureFixture, command: str
):
    studio.env.inject_error("POST", ACKNOWLEDGEMENT, status=404, code=10062)
    await studio.alice.slash(studio.channel, command)
    assert "10062" in the_only_complaint(caplog)
    answered = await studio.alice.slash(studio.channel, command)
    assert answered.acknowledged


@pytest.mark.parametrize(("status", "code"), REFUSALS)
async def test_a_job_is_painted_although_its_answer_is_refused(
    studio: Studio, caplog: pytest.LogCaptureFixture, status: int, code: int
):
    studio.env.inject_error("PATCH", ANSWER, status=status, code=code)
    await studio.imagine()
    await studio.all_told()
    assert len(painted(studio.thread())) == 1
    assert f"{status} " in the_only_complaint(caplog)


@pytest.mark.parametrize("error", LOSSES)
async def test_a_job_is_painted_although_its_answer_is_lost(
    studio: Studio,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
):
    monkeypatch.setattr(discord.Interaction, "edit_original_response", raising(error))
    await studio.imagine()
    await studio.all_told()
    assert len(painted(studio.thread())) == 1
    assert type(error).__name__ in the_only_complaint(caplog)


async def test_a_refusal_that_does_not_arrive_is_logged(
    studio: Studio, caplog: pytest.LogCaptureFixture
):
    studio.env.inject_error("PATCH", ANSWER, status=404, code=10062)
    await studio.imagine(" ")
    assert "10062" in the_only_complaint(caplog)
    await another_job_is_painted(studio)


async def test_progress_that_has_to_wait_delays_a_result_and_loses_none(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    edit, waited = discord.PartialMessage.edit, []

    async def slowed_down(self: discord.PartialMessage, **options: Any) -> discord.Message:
        if not waited:  # until long after the job's end
            waited.append(True)
            await until(lambda: not studio.services.queue.jobs())
            await asyncio.sleep(0.5)
        return await edit(self, **options)

    await studio.imagine(steps=30)
    await begun(studio)
    monkeypatch.setattr(discord.PartialMessage, "edit", slowed_down)
    await studio.all_told()
    assert waited
    assert len(painted(studio.thread())) == 1


async def test_a_person_gets_a_result_once_although_each_call_has_to_wait(studio: Studio):
    await studio.imagine(steps=40)
    await begun(studio)
    direct = studio.alice.user.dm_channel
    for path in ("/users/@me/channels", f"/channels/{direct.id}/messages"):
        studio.env.inject_error("POST", path, status=429, times=2)
    await channel_of(studio, studio.channel.id).delete()
    await studio.all_told()
    assert len(painted(direct)) == 1
