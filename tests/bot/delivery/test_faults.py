"""What goes wrong around a job: somebody is told, and no other job suffers."""

import asyncio
import io
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from PIL import Image

from bot import errors
from bot.assembly import open_services
from bot.client import PaintingBot
from bot.config import BotSettings
from bot.submission.threads import JobThreads
from bot.worker import picture_progress
from engine.errors import SettingsError
from engine.provenance import read_recipe
from engine.vqgan_clip.generation import Generation
from tests.harness.bot_harness import (
    FAST,
    PATIENCE,
    PROMPT,
    BotHarness,
    another_job_is_painted,
    channel_of,
    connected,
    ephemeral_text,
    job_in_progress,
    make_settings,
    open_bot,
    painted,
    pictures_of,
    posted,
    prefer,
    raise_unexplained,
    steps_held,
    until,
)

pytestmark = pytest.mark.slow

POST, EDIT = "/channels/*/messages", "/channels/*/messages/*"
THREADS = "/channels/*/messages/*/threads"


EDIT_FAULTS = [
    (500, 0),
    (503, 0),
    (429, 0),
    (404, 10008),
    (400, 50083),
    (400, 30046),
    (429, 30046),
    (403, 50013),
]
"""Status and code with which Discord refuses an edit."""


@pytest.mark.parametrize(("status", "code"), EDIT_FAULTS)
async def test_progress_that_is_refused_harms_no_result(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch, status: int, code: int
):
    monkeypatch.setattr(picture_progress, "PROGRESS_SECONDS", 0.0)
    async with job_in_progress(bot, steps=3) as held:
        bot.env.inject_error("PATCH", EDIT, status=status, code=code)
        held.go_on(until_step=2)
        await until(lambda: not bot.env.backend.faults)
    await bot.wait_until_notified()
    assert len(painted(bot.thread())) == 1


@pytest.mark.parametrize(("status", "code"), EDIT_FAULTS)
async def test_a_result_whose_edit_is_refused_comes_in_a_new_message(
    bot: BotHarness, status: int, code: int
):
    await prefer(bot, "none")
    async with job_in_progress(bot):
        (progress,) = bot.thread().history()
        edits = f"/channels/{bot.thread().id}/messages/{progress.id}"
        bot.env.inject_error("PATCH", edits, status=status, code=code)
    await bot.wait_until_notified()
    place = bot.channel if code == 50013 else bot.thread()
    (result,) = painted(place)
    assert [each.id for each in posted(place)] == [result.id]
    if place != bot.channel:
        assert (result.id == progress.id) == (code == 0)
    assert len(painted(bot.channel)) == 1


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_result_is_tried_until_it_arrives(bot: BotHarness, status: int):
    async with job_in_progress(bot):
        bot.env.inject_error("POST", POST, status=status, times=3)
    await bot.wait_until_notified()
    assert len(painted(bot.thread())) == 1


async def test_a_call_that_hangs_is_made_again(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    send, calls = discord.PartialMessageable.send, []

    async def hanging(self: discord.PartialMessageable, *args: Any, **options: Any) -> Any:
        if options.get("nonce") and not calls:
            calls.append(options["nonce"])
            await asyncio.sleep(PATIENCE)
        return await send(self, *args, **options)

    monkeypatch.setattr(discord.PartialMessageable, "send", hanging)
    async with open_bot(settings, timings=replace(FAST, call_seconds=5.0)) as bot:
        await bot.imagine(steps=1)
        await bot.wait_until_notified()
        assert calls
        assert len(painted(bot.thread())) == 1


async def test_without_its_thread_a_result_comes_to_the_channel(bot: BotHarness):
    async with job_in_progress(bot):
        await channel_of(bot, bot.thread().id).delete()
    await bot.wait_until_notified()
    (result,) = painted(bot.channel)
    assert "can no longer post" in result.content
    await another_job_is_painted(bot)


async def test_a_locked_thread_gets_no_result_and_the_channel_does(bot: BotHarness):
    async with job_in_progress(bot):
        thread = bot.thread()
        bot.env.inject_error(
            "POST", f"/channels/{thread.id}/messages", status=403, code=160005, times=None
        )
    await bot.wait_until_notified()
    assert not painted(thread)
    assert len(painted(bot.channel)) == 1


async def test_without_its_channel_a_result_goes_to_the_person(bot: BotHarness):
    async with job_in_progress(bot):
        await channel_of(bot, bot.channel.id).delete()
    await bot.wait_until_notified()
    assert len(painted(bot.alice.user.dm_channel)) == 1


@pytest.mark.parametrize("refused", ["the channel", "the message"])
async def test_undeliverable_result_ends_only_its_job(
    bot: BotHarness, caplog: pytest.LogCaptureFixture, refused: str
):
    doomed = bot.guild.create_text_channel("doomed")
    with steps_held():
        await bot.imagine(channel=doomed)
        thread = doomed.threads[0]
        await until(lambda: thread.last_message and thread.last_message.attachments)
        direct = f"/channels/{bot.alice.user.dm_channel.id}/messages"
        path = "/users/@me/channels" if refused == "the channel" else direct
        bot.env.inject_error("POST", path, status=403, code=50007)
        await channel_of(bot, doomed.id).delete()
    told = "nobody could be notified"
    await until(lambda: any(getattr(each, "cause", "") == told for each in caplog.records))
    await another_job_is_painted(bot)


async def test_a_deleted_progress_message_is_not_made_again(bot: BotHarness):
    async with job_in_progress(bot):
        thread = bot.thread()
        assert thread.last_message is not None
        await channel_of(bot, thread.id).get_partial_message(thread.last_message.id).delete()
    await bot.wait_until_notified()
    (only,) = thread.history()
    assert pictures_of(only)


@pytest.mark.parametrize("threads", [True, False])
async def test_a_deleted_job_message_keeps_no_result_away(tmp_path: Path, threads: bool):
    async with open_bot(make_settings(tmp_path, threads=threads)) as bot:
        with steps_held():
            await bot.imagine()
            place = bot.thread() if threads else bot.channel
            await until(lambda: place.last_message and place.last_message.attachments)
            job_message = bot.job_message().id
            await channel_of(bot, bot.channel.id).get_partial_message(job_message).delete()
        await bot.wait_until_notified()
        (result,) = painted(place)
        assert "can no longer post" not in result.content


async def test_a_job_outlives_the_connection(bot: BotHarness, caplog: pytest.LogCaptureFixture):
    """Break and restore the connection through discord.py's own `ShardInfo`.

    simcord identifies again, as after the end of a session; it resumes none.
    """
    async with job_in_progress(bot):
        caplog.set_level(logging.INFO, "bot")
        shard = bot.client.get_shard(0)
        assert shard is not None
        await shard.disconnect()
        assert shard.is_closed()
        await shard.reconnect()
        await until(lambda: "connected" in [record.message for record in caplog.records])
        status = await bot.bob.slash(bot.channel, "status")
        assert status.response is not None
        assert "1 job," in status.response.content
    await bot.wait_until_notified()
    assert len(painted(bot.thread())) == 1
    await another_job_is_painted(bot)


async def test_a_result_that_is_too_large_comes_smaller_and_says_so(bot: BotHarness):
    async with job_in_progress(bot, steps=30):
        bot.env.inject_error("POST", POST, status=413, code=40005)
    await bot.wait_until_notified()
    results = [m for m in bot.thread().history() if "seed" in m.content]
    assert len(results) == 1
    assert "seed" in bot.job_message().content
    assert "too large" in results[0].content


async def test_file_limit_of_server_is_kept_before_discord_refuses(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    limit = 24 * 2**10
    monkeypatch.setattr(discord.Guild, "filesize_limit", limit)
    await bot.imagine(seed=7)
    await bot.wait_until_notified()
    thread = bot.thread()
    (result,) = (m for m in thread.history() if "seed 7" in m.content)
    files = {each.filename: each for each in result.attachments}
    assert {"picture-1.webp", "picture-1-recipe.json"} <= set(files)
    assert all(each.size <= limit for each in files.values())
    assert "it's a WebP" in result.content
    assert "is in picture-1-recipe.json" in result.content
    path = tmp_path / "recipe.json"
    path.write_bytes(await files["picture-1-recipe.json"].read())
    assert (read_recipe(path).seed, read_recipe(path).steps) == (7, 2)
    posts = [entry for entry in bot.env.http_requests if entry.method == "POST"]
    assert [entry.path for entry in posts].count(f"/channels/{thread.id}/messages") == 2


async def test_a_recipe_that_is_too_large_as_well_is_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(discord.Guild, "filesize_limit", 15 * 2**10)
    buffer = io.BytesIO()
    Image.merge("RGB", [Image.effect_noise((64, 64), 100) for _ in "RGB"]).save(buffer, "PNG")
    async with open_bot(make_settings(tmp_path, posted_recipes="complete")) as bot:
        await bot.imagine(seed=7, image=("noise.png", buffer.getvalue()))
        await bot.wait_until_notified()
        (result,) = (m for m in bot.thread().history() if "seed 7" in m.content)
    assert "picture-1.webp" in [each.filename for each in result.attachments]
    assert not any(each.filename.endswith(".json") for each in result.attachments)
    assert "The recipe of picture-1 is too large as well" in result.content


async def test_a_refused_first_message_queues_nothing(bot: BotHarness):
    bot.env.inject_error("POST", POST, status=403, code=50013, message="Missing Permissions")
    answered = await bot.imagine()
    assert answered.response is not None
    assert "Missing Permissions" in answered.response.content
    assert not bot.services.queue.jobs()
    await another_job_is_painted(bot)


async def test_a_refused_thread_means_in_place(bot: BotHarness):
    bot.env.inject_error("POST", "/channels/*/messages/*/threads", status=400, code=160006)
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    assert not bot.channel.threads
    assert len(painted(bot.channel)) == 1


async def test_a_thread_that_was_made_without_an_answer_is_used(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    create, lost = discord.Message.create_thread, [aiohttp.ServerDisconnectedError()]

    async def answer_lost(self: discord.Message, **options: Any) -> discord.Thread:
        thread = await create(self, **options)
        if lost:  # simcord would make another thread
            answer = {"status": 400, "code": 160004, "message": "", "times": 1}
            bot.env.backend.faults.append({"method": "POST", "path": THREADS, **answer})
            raise lost.pop()
        return thread

    monkeypatch.setattr(discord.Message, "create_thread", answer_lost)
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    assert len(painted(bot.thread())) == 1


async def test_a_job_whose_thread_is_late_goes_on_in_the_channel(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async def late(*_: Any, **__: Any) -> None:
        await asyncio.sleep(PATIENCE)

    monkeypatch.setattr(discord.Message, "create_thread", late)
    async with open_bot(settings, timings=replace(FAST, thread_seconds=0.1)) as bot:
        await bot.imagine(steps=1)
        await bot.wait_until_notified()
        assert len(painted(bot.channel)) == 1


async def test_a_lost_connection_to_a_thread_queues_the_job_all_the_same(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    async def lost(*_: Any, **__: Any) -> None:
        raise aiohttp.ServerDisconnectedError

    monkeypatch.setattr(JobThreads, "_open", lost)
    answered = await bot.imagine(steps=1)
    await bot.wait_until_notified()
    assert len(painted(bot.channel)) == 1
    assert "nothing was queued" not in ephemeral_text(answered)


async def test_finished_threads_are_archived_to_make_room(bot: BotHarness):
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    (finished,) = bot.channel.threads
    bot.env.inject_error("POST", THREADS, status=400, code=160006)
    async with job_in_progress_anywhere(bot):
        assert bot.client.get_channel(finished.id) is None  # discord.py drops archived threads
        underway = max(bot.channel.threads, key=lambda thread: thread.id)
        bot.env.inject_error("POST", THREADS, status=400, code=160006, times=None)
        await bot.bob.slash(bot.channel, "imagine", prompt="a blue square", steps=1)
        assert bot.client.get_channel(underway.id) is not None
    await bot.wait_until_notified()
    assert len(painted(underway)) == 1
    assert len(painted(bot.channel)) == 3


@asynccontextmanager
async def job_in_progress_anywhere(bot: BotHarness) -> AsyncIterator[None]:
    """Let Alice ask for a picture, and hold its job."""
    with steps_held():
        await bot.imagine(steps=2)
        yield


async def test_a_job_whose_message_gets_no_answer_is_announced_later(settings: BotSettings):
    async with open_bot(settings, timings=replace(FAST, announce_seconds=0.0)) as bot:
        bot.env.inject_error("POST", POST, status=503)
        answered = await bot.imagine(steps=1)
        assert "as soon as Discord answers" in ephemeral_text(answered)
        await bot.wait_until_notified()
        assert [len(painted(each)) for each in bot.channel.threads] == [1]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("a fault"), str(errors.FAULT)),
        (RuntimeError("CUDA out of memory"), "took more memory than there is"),
        (MemoryError(), "took more memory than there is"),
    ],
)
async def test_a_failing_job_is_told_and_the_next_one_painted(
    bot: BotHarness,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    told: str,
):
    step, failures = Generation.step, [error]

    def failing(self: Generation) -> None:
        if failures:
            raise failures.pop()
        step(self)

    monkeypatch.setattr(Generation, "step", failing)
    await bot.imagine()
    await bot.wait_until_notified()
    texts = [message.content for message in bot.thread().history()]
    assert any(told in text for text in texts)
    assert not any("Traceback" in text or "a fault" in text for text in texts)
    assert any(getattr(record, "job", None) == 1 for record in caplog.records)
    await another_job_is_painted(bot)


async def test_a_second_bot_with_the_same_store_does_not_start(bot: BotHarness):
    with pytest.raises(SettingsError, match="another bot"):
        async with open_services(bot.services.settings):
            pass


async def test_unfinished_job_is_painted_after_restart(tmp_path: Path):
    settings = make_settings(tmp_path)
    async with AsyncExitStack() as stack:
        async with open_services(settings) as services:
            client = PaintingBot(services)
            env = await stack.enter_async_context(connected(client))
            stack.callback(raise_unexplained, env)
            guild = env.create_guild()
            channel = guild.create_text_channel("art")
            alice = guild.add_member(env.create_user("alice"))
            with steps_held():
                for prompt in (PROMPT, "a green ring"):
                    await alice.slash(channel, "imagine", prompt=prompt, steps=20)
                await until(lambda: len(channel.threads) == 2)
                threads = sorted(channel.threads, key=lambda thread: thread.id)
                await until(lambda: threads[0].last_message and threads[0].last_message.attachments)
        for thread in threads:
            assert thread.last_message is not None
            assert "is saved" in thread.last_message.content
        async with open_services(settings) as services:
            await env.restart_bot(PaintingBot(services))
            await until(lambda: all(painted(thread) for thread in threads))
            (sent,) = [entry for entry in env.http_requests if entry.path.endswith("/commands")]
            assert sent.method == "PUT"  # once, although the bot started twice


async def test_a_prompt_is_kept_out_of_errors(bot: BotHarness, caplog: pytest.LogCaptureFixture):
    await bot.imagine(f"{PROMPT}:x")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
