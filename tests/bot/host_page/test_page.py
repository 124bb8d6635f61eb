"""The host's page, as a browser opens it: through HTTP, with the real bot behind it."""

import asyncio
import io
import re

import pytest
from PIL import Image
from sqlalchemy.exc import OperationalError

from bot.config import BotSettings
from bot.host_page import vitals
from bot.storage.jobs import JobRepository
from bot.storage.key_values import KeyValueRepository
from bot.storage.overview import OverviewRepository
from bot.timings import Timings
from tests.harness.bot_harness import (
    PATIENCE,
    BotHarness,
    demo_models,
    job_in_progress,
    open_services,
    until,
)
from tests.harness.host_visitor import TOKEN, Visitor

HOSTILE = "</p><script>alert(1)</script> {{ 7 * 7 }} \u202e desrever"


@pytest.mark.usefixtures("bot")
async def test_only_who_has_the_token_sees_the_page(visitor: Visitor):
    for path in ("/", "/live", "/picture/1"):
        refused = await visitor.session.get(visitor.origin + path, allow_redirects=False)
        assert (refused.status, refused.headers["Location"]) == (303, "/login")
    wrong = await visitor.post("/login", {"token": "wrong"})
    assert wrong.status == 403
    assert "not the token" in await wrong.text()
    assert (await visitor.post("/actions/pause", {})).headers["Location"] == "/login"
    right = await visitor.post("/login", {"token": TOKEN})
    cookie = right.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    assert "models: ready" in await visitor.page()


@pytest.mark.usefixtures("bot")
async def test_guessing_ends_after_some_attempts(visitor: Visitor):
    for _ in range(10):
        await visitor.post("/login", {"token": "wrong"})
    refused = await visitor.post("/login", {"token": TOKEN})
    assert refused.status == 429
    assert "wait five minutes" in await refused.text()


@pytest.mark.usefixtures("bot")
async def test_who_logs_out_has_to_log_in_again(visitor: Visitor):
    await visitor.log_in()
    token = re.findall(r'name="form_token" value="([^"]+)"', await visitor.source())[0]
    kept = visitor.session.cookie_jar.filter_cookies(visitor.session._build_url(visitor.origin))
    cookie = "; ".join(f"{name}={each.value}" for name, each in kept.items())
    await visitor.post("/logout", {"form_token": token})
    for headers in ({}, {"Cookie": cookie}):
        answer = await visitor.get("/", **headers)
        assert answer.url.path == "/login"


async def test_what_is_painted_and_waits_is_shown_and_prompts_stay_text(
    bot: BotHarness, visitor: Visitor
):
    await visitor.log_in()
    async with job_in_progress(bot, after=2, prompt=HOSTILE, steps=9):
        await bot.bob.slash(bot.channel, "imagine", prompt="a blue square", steps=50)
        await until(lambda: bot.services.reporter.announced(2))
        source, text = await visitor.source(), await visitor.page()
        found = re.search(r'<img src="([^"]+)" width="(\d+)" height="(\d+)"', source)
        assert found is not None
        picture = await visitor.get(found[1].replace("&amp;", "&"))
    assert Image.open(io.BytesIO(await picture.read())).format == "WEBP"
    assert "step 1 of 9" in text or "step 2 of 9" in text
    assert str(bot.alice.id) in text
    assert "1 job waits" in text
    assert re.search(r"#2 a blue square by \d+ announced: starts", text)
    assert "1 cpu: paints #1" in text
    assert "<script>alert" not in source
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7 * 7 }} desrever" in source


async def test_nothing_on_the_page_is_inline_or_from_elsewhere(bot: BotHarness, visitor: Visitor):
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    await visitor.log_in()
    source = await visitor.source()
    assert not re.search(
        r"<style|style=|\bon[a-z]+=|<script(?! src=\"/)|https?://(?!www.w3)", source
    )
    answer = await visitor.get("/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    for path in set(re.findall(r'(?:src|href)="(/[\w.]+)"', source)):
        assert (await visitor.get(path)).status == 200


async def test_painted_jobs_and_their_storage_are_plotted(bot: BotHarness, visitor: Visitor):
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    await visitor.log_in()
    source, text = await visitor.source(), await visitor.page()
    assert len(re.findall(r"<svg[^>]*role=\"img\"", source)) == 4
    assert "Jobs painted, last hour: at most 1 jobs in a bar" in text
    assert re.search(r"pictures \d+(\.\d)? KiB", text)
    assert "GiB in storage.disk_mib" in text
    assert "discord.py 2." in text


async def test_the_page_says_that_the_bot_starts(settings: BotSettings, visitor: Visitor):
    waiting, goes_on = asyncio.Event(), asyncio.Event()

    async def reach_discord(_: Timings) -> None:
        waiting.set()
        await goes_on.wait()

    async def run() -> None:
        async with open_services(settings, models=demo_models(), before_models=reach_discord):
            await asyncio.sleep(0)

    running = asyncio.create_task(run())
    async with asyncio.timeout(PATIENCE):
        await waiting.wait()
        assert (await visitor.get("/healthz")).status == 200
        assert (await visitor.get("/readyz")).status == 503
        await visitor.log_in()
        assert "The bot is starting" in await visitor.page()
        goes_on.set()
        await running


async def test_without_its_database_the_page_says_what_it_does_not_know(
    bot: BotHarness, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
):
    async def fail(*_: object) -> None:
        raise OperationalError("connect", None, ConnectionError("the database is away"))

    monkeypatch.setattr(vitals, "PAUSE", 0.05)
    await visitor.log_in()
    for repository, name in (
        *((OverviewRepository, each) for each in ("failures", "periods")),
        *((KeyValueRepository, each) for each in ("get", "change")),
        (JobRepository, "count_open"),
    ):
        monkeypatch.setattr(repository, name, fail)
    async with asyncio.timeout(PATIENCE):
        while "store: not there" not in (text := await visitor.page()):
            await asyncio.sleep(0.2)
    assert "The database does not answer" in text
    assert "Last failures Not known yet" in text
    assert (
        await visitor.act("pause") == "Nothing was changed, because the database does not answer."
    )
    assert (await visitor.get("/readyz")).status == 503
    monkeypatch.undo()
    assert bot.services.worker.is_alive()
