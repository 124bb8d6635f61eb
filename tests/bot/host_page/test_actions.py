"""What the host does on the page, and what people on Discord notice of it."""

import asyncio
import gzip
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image

from bot.host_page import guard
from bot.storage.retention import BlobKind
from bot.submission.host_decisions import HostDecisions
from engine.vqgan_clip.generation import Generation
from tests.harness.bot_harness import (
    PATIENCE,
    BotHarness,
    encoded,
    ephemeral_text,
    is_accepted,
    job_in_progress,
    painted,
    until,
)
from tests.harness.host_visitor import TOKEN, Visitor


async def test_a_pause_refuses_new_jobs_with_a_sentence_and_outlasts_the_log_in(
    bot: BotHarness, visitor: Visitor
):
    await visitor.log_in()
    async with job_in_progress(bot, steps=2):
        assert "no new jobs" in await visitor.act("pause")
        assert "Paused." in await visitor.page()
        assert "paused painting" in ephemeral_text(await bot.imagine())
    await bot.wait_until_notified()
    assert len(painted(bot.thread())) == 1  # what was accepted is painted
    await visitor.act("continue")
    assert is_accepted(ephemeral_text(await bot.imagine(steps=1)))
    await bot.wait_until_notified()


async def test_draining_paints_what_has_begun_and_begins_nothing(bot: BotHarness, visitor: Visitor):
    await visitor.log_in()
    async with job_in_progress(bot, steps=30):
        await bot.bob.slash(bot.channel, "imagine", prompt="a blue square", steps=1)
        await visitor.act("drain")
        assert "restarted" in ephemeral_text(await bot.imagine())
        assert "1 still to paint" in await visitor.page()
    await until(lambda: not bot.services.queue.begun())
    await asyncio.sleep(0.3)
    assert [job.id for job in bot.services.queue.jobs()] == [2]
    assert "Nothing is painted any more" in await visitor.page()
    await visitor.act("paint-on")
    await bot.wait_until_notified()
    assert len(bot.channel.threads) == 2


async def test_the_host_cancels_any_job(bot: BotHarness, visitor: Visitor):
    await visitor.log_in()
    async with job_in_progress(bot, steps=9):
        assert await visitor.act("cancel", job=1) == "Job #1 is cancelled."
    await bot.wait_until_notified()
    assert not painted(bot.thread())
    assert "cancelled already" in await visitor.act("cancel", job=1)
    assert "not there" in await visitor.act("cancel", job=77)


async def test_a_failed_job_tells_its_cause_and_is_queued_again_once(
    bot: BotHarness, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
):
    def fail(_: Generation) -> None:
        raise RuntimeError("the <GPU> is on fire")

    await visitor.log_in()
    with monkeypatch.context() as patch:
        patch.setattr(Generation, "step", fail)
        await bot.imagine("a green star", steps=1)
        await bot.wait_until_notified()
    text = await visitor.page()
    assert "#1 a green star" in text
    assert "Something went wrong on my side" in text
    assert "RuntimeError: the <GPU> is on fire" in text
    assert await visitor.act("repeat", job=1) == "Job #1 is queued again, as job #2."
    assert "already, as job #2" in await visitor.act("repeat", job=1)
    await until(lambda: bot.services.queue.jobs() or len(painted(bot.channel)))
    await bot.wait_until_notified()
    _, thread = sorted(bot.channel.threads, key=lambda each: each.id)
    assert len(painted(bot.channel)) == len(painted(thread)) == 1
    assert thread.name == "a green star"
    assert "has not failed" in await visitor.act("repeat", job=2)


async def test_a_job_whose_pictures_or_author_are_gone_is_not_queued_again(
    bot: BotHarness, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
):
    def fail(_: Generation) -> None:
        raise RuntimeError("no")

    await visitor.log_in()
    store = bot.services.store
    with monkeypatch.context() as patch:
        patch.setattr(Generation, "step", fail)
        await bot.imagine(
            "a green star", steps=1, image=("mine.png", encoded(Image.new("RGB", (64, 64))))
        )
        await bot.wait_until_notified()
        await bot.imagine("a red star", steps=1)
        await bot.wait_until_notified()
    await store.retention.remove_before(BlobKind.SOURCES, datetime.now(UTC) + timedelta(1))
    assert "not there any more" in await visitor.act("repeat", job=1)
    await store.personal_data.request_erasure(bot.alice.id)
    assert "not there any more" in await visitor.act("repeat", job=2)
    assert not bot.services.queue.jobs()


async def test_decisions_at_the_same_time_all_count(bot: BotHarness):
    decisions = HostDecisions(bot.services.store)
    await asyncio.gather(decisions.pause(True), *map(decisions.block, range(1, 9)))
    found = await decisions.get()
    assert found.is_paused
    assert found.blocked_people == set(range(1, 9))


async def test_a_blocked_person_gets_nothing_until_they_are_unblocked(
    bot: BotHarness, visitor: Visitor
):
    await visitor.log_in()
    assert str(bot.alice.id) in await visitor.act("block", person=bot.alice.id)
    assert "You are blocked" in ephemeral_text(await bot.imagine(steps=1))
    answer = await bot.bob.slash(bot.channel, "imagine", prompt="a square", steps=1)
    assert is_accepted(ephemeral_text(answer))
    await visitor.act("unblock", person=bot.alice.id)
    assert is_accepted(ephemeral_text(await bot.imagine(steps=1)))
    await bot.wait_until_notified()


@pytest.mark.usefixtures("bot")
async def test_forms_of_others_and_nonsense_change_nothing(visitor: Visitor):
    await visitor.log_in()
    for token in ("", "wrong", "\udcff"):
        forged = await visitor.post(
            "/actions/pause", {"form_token": token.encode("utf-8", "replace").decode()}
        )
        assert forged.status == 403
    assert (await visitor.post("/actions/pause", {"x": "y" * 20_000})).status == 413
    assert (await visitor.get("/actions/pause")).status == 405
    url, form = f"{visitor.origin}/login", "application/x-www-form-urlencoded"
    sent = {
        f"{form}; charset=x": 415,
        f"{form}; charset=unicode_escape": 415,
        f"{form}; charset=UTF-8": 400,
        form: 400,
        "multipart/form-data": 415,
    }
    for kind, status in sent.items():
        body, headers = rb"token=\ud800" + b"\xff", {"Content-Type": kind}
        async with visitor.session.post(url, data=body, headers=headers) as answer:
            assert answer.status == status
    body, headers = gzip.compress(f"token={TOKEN}".encode()), {"Content-Encoding": "gzip"}
    headers["Content-Type"] = form
    async with visitor.session.post(url, data=body, headers=headers) as answer:
        assert answer.status == 400  # nothing is decompressed
    for person in ("", "me", "-1", "9" * 19, "1" * 40, "１２", "0"):
        assert "no id" in await visitor.act("block", person=person)
    text = await visitor.page()
    assert "New jobs are accepted" in text
    assert "Nobody is blocked" in text


async def test_a_form_that_never_ends_is_given_up(bot: BotHarness, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(guard, "ANSWER_SECONDS", 0.3)
    port = bot.services.settings.host.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    kind = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 99\r\n"
    writer.write(b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\n" + kind + b"\r\ntoken=")
    async with asyncio.timeout(PATIENCE):
        assert b" 408 " in await reader.readline()
        await reader.read()
    writer.close()
