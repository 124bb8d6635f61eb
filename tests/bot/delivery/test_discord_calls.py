"""Calls that Discord refuses or slows down: those of a command, and those of a report.

simcord refuses with a status and a code, but carries no `retry_after`: what discord.py does by
itself when it is told to wait, which is to wait inside the call, is a call that takes long.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import discord
import pytest
from simcord.http.client import FakeWebhookAdapter

from bot.log.libraries import choose_levels
from bot.worker import picture_progress
from tests.harness.bot_harness import (
    BotHarness,
    another_job_is_painted,
    channel_of,
    ephemeral_text,
    is_accepted,
    job_in_progress,
    painted,
    result_of,
    until,
)
from tests.harness.logging_kept import logging_kept

ACKNOWLEDGEMENT, ANSWER = "/interactions/*/*/callback", "/webhooks/*/*/messages/@original"
REFUSALS = [(403, 50001), (404, 10062), (500, 0)]
LOSSES = [aiohttp.ServerDisconnectedError(), ConnectionResetError()]
"""What a call raises whose connection broke."""


def the_only_complaint(caplog: pytest.LogCaptureFixture) -> str:
    """Return the cause of the one warning, which has no traceback."""
    (record,) = (each for each in caplog.records if each.levelno >= logging.WARNING)
    assert record.levelno == logging.WARNING
    assert record.exc_info is None
    return record.__dict__["cause"]


def raising(error: Exception) -> Callable[..., Awaitable[None]]:
    async def lost(*_: object, **__: object) -> None:
        raise error

    return lost


@pytest.fixture
def quiet_libraries() -> Iterator[None]:
    """Let libraries log what the program lets them."""
    loggers = [logging.getLogger(name) for name in (None, "bot", "cogs", "engine")]
    levels = [each.level for each in loggers]
    choose_levels("INFO")
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@contextmanager
def losing_answers(monkeypatch: pytest.MonkeyPatch, count: int, *, reaches: bool) -> Iterator[None]:
    """Lose the connection in the next calls about a command, after or before they reach Discord."""
    request, left = FakeWebhookAdapter.request, [count]

    async def losing(self: FakeWebhookAdapter, *args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            return await request(self, *args, **options)
        if reaches:
            await request(self, *args, **options)
        raise aiohttp.ServerDisconnectedError

    with monkeypatch.context() as patched:
        patched.setattr(FakeWebhookAdapter, "request", losing)
        yield


async def test_a_command_that_is_not_acknowledged_queues_nothing(
    bot: BotHarness, caplog: pytest.LogCaptureFixture
):
    for status, code in REFUSALS:
        caplog.clear()
        bot.env.inject_error("POST", ACKNOWLEDGEMENT, status=status, code=code)
        answered = await bot.imagine()
        assert not answered.acknowledged
        assert not bot.channel.history()
        assert not await bot.services.store.jobs.list_open()
        assert f"{status} " in the_only_complaint(caplog)
    await another_job_is_painted(bot)


@pytest.mark.parametrize(
    ("status", "code", "levels"), [(404, 10062, []), (503, 0, [logging.WARNING])]
)
@pytest.mark.usefixtures("quiet_libraries")
async def test_choices_that_come_too_late_are_no_error(
    bot: BotHarness,
    caplog: pytest.LogCaptureFixture,
    status: int,
    code: int,
    levels: list[int],
):
    bot.env.inject_error("POST", ACKNOWLEDGEMENT, status=status, code=code)
    with logging_kept():
        choose_levels("INFO")
        assert await bot.alice.autocomplete(bot.channel, "imagine", "style", "c", prompt="a") == []
    assert [each.levelno for each in caplog.records if each.levelno > logging.INFO] == levels
    assert not any(each.exc_info for each in caplog.records)
    assert await bot.alice.autocomplete(bot.channel, "imagine", "style", "c", prompt="a")


async def test_a_command_whose_acknowledgement_gets_no_answer_queues_nothing(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    for error in LOSSES:
        caplog.clear()
        with monkeypatch.context() as patched:
            patched.setattr(discord.InteractionResponse, "defer", raising(error))
            await bot.imagine()
        assert not bot.channel.history()
        assert not await bot.services.store.jobs.list_open()
        assert type(error).__name__ in the_only_complaint(caplog)
    await another_job_is_painted(bot)


@pytest.mark.parametrize("reaches", [True, False])
async def test_a_lost_acknowledgement_is_sent_again(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch, reaches: bool
):
    with losing_answers(monkeypatch, 1, reaches=reaches):
        answered = await bot.imagine()
    assert is_accepted(ephemeral_text(answered))
    with losing_answers(monkeypatch, 2, reaches=reaches):
        answered = await bot.alice.slash(bot.channel, "help")
    assert ephemeral_text(answered)


async def test_an_acknowledgement_that_is_delayed_too_long_is_sent_again(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    request, left = FakeWebhookAdapter.request, [2]

    async def delayed(self: FakeWebhookAdapter, *args: Any, **options: Any) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            await asyncio.sleep(4)  # Discord waits for three seconds
        return await request(self, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(FakeWebhookAdapter, "request", delayed)
        answered = await bot.imagine()
    assert is_accepted(ephemeral_text(answered))


async def test_a_form_that_did_not_reach_discord_is_sent_again(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    await bot.imagine()
    result = await result_of(bot)
    with losing_answers(monkeypatch, 1, reaches=False):
        form = await bot.alice.click(result, label="Edit prompt")
    assert form.modal is not None
    answered = await bot.alice.submit_modal(form, {"prompt": "a blue square"})
    assert is_accepted(ephemeral_text(answered))


@pytest.mark.parametrize("command", ["help", "status"])
async def test_an_answer_that_is_refused_is_logged_and_the_next_one_given(
    bot: BotHarness, caplog: pytest.LogCaptureFixture, command: str
):
    bot.env.inject_error("POST", ACKNOWLEDGEMENT, status=404, code=10062)
    await bot.alice.slash(bot.channel, command)
    assert "10062" in the_only_complaint(caplog)
    answered = await bot.alice.slash(bot.channel, command)
    assert answered.acknowledged


@pytest.mark.parametrize(("status", "code"), REFUSALS)
async def test_a_job_is_painted_although_its_answer_is_refused(
    bot: BotHarness, caplog: pytest.LogCaptureFixture, status: int, code: int
):
    bot.env.inject_error("PATCH", ANSWER, status=status, code=code)
    await bot.imagine()
    await bot.wait_until_notified()
    assert len(painted(bot.thread())) == 1
    assert f"{status} " in the_only_complaint(caplog)


@pytest.mark.parametrize("error", LOSSES)
async def test_a_job_is_painted_although_its_answer_is_lost(
    bot: BotHarness,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
):
    monkeypatch.setattr(discord.Interaction, "edit_original_response", raising(error))
    await bot.imagine()
    await bot.wait_until_notified()
    assert len(painted(bot.thread())) == 1
    assert type(error).__name__ in the_only_complaint(caplog)


async def test_a_refusal_that_does_not_arrive_is_logged(
    bot: BotHarness, caplog: pytest.LogCaptureFixture
):
    bot.env.inject_error("PATCH", ANSWER, status=404, code=10062)
    await bot.imagine(" ")
    assert "10062" in the_only_complaint(caplog)
    await another_job_is_painted(bot)


@pytest.mark.slow
async def test_progress_that_has_to_wait_delays_a_result_and_loses_none(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    edit, waited = discord.PartialMessage.edit, []

    async def slowed_down(self: discord.PartialMessage, **options: Any) -> discord.Message:
        if not waited:  # until long after the job's end
            waited.append(True)
            await until(lambda: not bot.services.queue.jobs())
            await asyncio.sleep(0.5)
        return await edit(self, **options)

    monkeypatch.setattr(picture_progress, "PROGRESS_SECONDS", 0.0)
    async with job_in_progress(bot, steps=3) as held:
        monkeypatch.setattr(discord.PartialMessage, "edit", slowed_down)
        held.go_on(until_step=2)
        await until(lambda: waited)
    await bot.wait_until_notified()
    assert waited
    assert len(painted(bot.thread())) == 1


@pytest.mark.slow
async def test_a_person_gets_a_result_once_although_each_call_has_to_wait(bot: BotHarness):
    async with job_in_progress(bot):
        direct = bot.alice.user.dm_channel
        for path in ("/users/@me/channels", f"/channels/{direct.id}/messages"):
            bot.env.inject_error("POST", path, status=429, times=2)
        await channel_of(bot, bot.channel.id).delete()
    await bot.wait_until_notified()
    assert len(painted(direct)) == 1
