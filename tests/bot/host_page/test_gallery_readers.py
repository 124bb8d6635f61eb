"""Who sees the gallery, and what its pages do with those who mean it no good."""

import asyncio
import html
import re
import socket

import pytest

from bot.config import BotSettings
from bot.gallery import Gallery
from bot.host_page.gallery import content
from tests.harness.bot_harness import PATIENCE, BotHarness, open_test_services
from tests.harness.gallery_pages import links, page_at, show, text, with_gallery
from tests.harness.host_visitor import TOKEN, Visitor


@pytest.fixture
def readers() -> str:
    return "everyone"


@pytest.fixture
def settings(settings: BotSettings, readers: str) -> BotSettings:
    return with_gallery(settings, readers)


@pytest.mark.parametrize("readers", ["off"])
async def test_without_the_setting_there_is_no_gallery(bot: BotHarness, visitor: Visitor):
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    await visitor.log_in()
    for path in ("/gallery", "/gallery/1/1", "/gallery/1/1/small", "/gallery/1/1/full"):
        assert (await visitor.get(path)).status == 404
    assert "/gallery" not in await visitor.source()


@pytest.mark.parametrize("readers", ["host"])
async def test_only_the_host_looks_at_the_hosts_gallery(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle")
    for path in ("", "/1/1", "/1/1/small", "/1/1/full", "/1/1/recipe.json", "/7/7"):
        url = f"{visitor.origin}/gallery{path}"
        refused = await visitor.session.get(url, allow_redirects=False)
        assert (refused.status, refused.headers["Location"].split("?")[0]) == (303, "/login")
    await visitor.log_in()
    assert '<a href="/gallery">Gallery</a>' in await visitor.source()
    assert links(await page_at(visitor)) == ["/gallery/1/1"]


@pytest.mark.parametrize("readers", ["host"])
async def test_who_logs_in_comes_back_to_the_gallery_and_nowhere_else(
    bot: BotHarness, visitor: Visitor
):
    await show(bot, "a red circle")
    for path in ("/gallery", "/gallery/1/1", "/gallery?words=red+circle&page=1"):
        form = await page_at(visitor, path)
        (back,) = re.findall(r'name="to" value="([^"]+)"', form)
        wrong = await visitor.post("/login", {"token": "wrong", "to": html.unescape(back)})
        assert back in await wrong.text()
        right = await visitor.post("/login", {"token": TOKEN, "to": html.unescape(back)})
        assert right.headers["Location"] == html.unescape(back) == path
        visitor.session.cookie_jar.clear()
    for path in (
        *("//example.net", "https://example.net/gallery", "/gallery@example.net", "/gallery/../"),
        *("/gallery\\example.net", "/gallery/1/1/full", "/gallery?a\r\nSet-Cookie: a=b", "/logout"),
    ):
        right = await visitor.post("/login", {"token": TOKEN, "to": path})
        assert right.headers["Location"] == "/", path


async def test_everyone_may_look_and_do_nothing_else(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle")
    page = await visitor.get("/gallery")
    assert "Set-Cookie" not in page.headers
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert page.headers["Referrer-Policy"] == "same-origin"
    own = await page_at(visitor, "/gallery/1/1")
    for found in (await page.text(), own):
        assert "form_token" not in found
        assert "host's page" not in found
        assert str(bot.alice.id) not in found
    for path in ("/", "/live", "/picture/1"):
        assert (await visitor.get(path)).url.path == "/login"
    refused = await visitor.post("/gallery/1/1/delete", {"form_token": ""})
    assert (refused.status, refused.headers["Location"]) == (303, "/login")
    assert links(await page_at(visitor)) == ["/gallery/1/1"]
    assert (await visitor.get("/gallery", Host="rebound.example.net")).status == 403
    assert (await visitor.get("/gallery", Origin="http://example.net")).status == 403


async def test_who_withdraws_is_out_of_the_gallery_at_once(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle")
    tag = (await visitor.get("/gallery/1/1/small")).headers["ETag"]
    asked = await bot.alice.slash(bot.channel, "privacy gallery")
    assert asked.response is not None
    await bot.alice.click(asked.response, label="Withdraw")
    for part in ("", "/small", "/full", "/recipe.json"):
        gone = await visitor.get(f"/gallery/1/1{part}", **{"If-None-Match": tag})
        assert gone.status == 404
    assert "Nobody shows pictures here yet." in text(await page_at(visitor))


async def test_what_cannot_be_asked_is_refused_before_anything_is_searched(
    bot: BotHarness, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
):
    await show(bot, "a red circle")
    monkeypatch.setattr(Gallery, "search", None)
    for query, status in {
        f"words={'a' * 201}": 400,
        f"words={'a' * 3000}": 414,
        **dict.fromkeys(("page=0", "page=-1", "page=x", "page=401", f"page={'9' * 99}"), 404),
        **dict.fromkeys(("like=1", "like=1-x", "like=9-1", f"like={2**63}-1", "like=1-99999"), 404),
        **dict.fromkeys(("server=x", "server=7", f"server={2**63}", "server=%EF%BC%91"), 404),
    }.items():
        assert (await visitor.get(f"/gallery?{query}")).status == status, query
    for path in (f"{2**63}/1", f"{'9' * 30}/1", "1/0", "1/2", "1/99999", "0/1", "x/1", "9/1"):
        for part in ("", "/small", "/full", "/recipe.json"):
            assert (await visitor.get(f"/gallery/{path}{part}")).status == 404, path


@pytest.mark.usefixtures("bot")
async def test_a_crowd_in_the_gallery_keeps_nobody_from_the_other_pages(visitor: Visitor):
    asked = [visitor.get("/gallery?page=0") for _ in range(400)]
    connector = visitor.session.connector
    assert connector is not None
    connector._limit = 30  # more connections than 64 would be closed
    answers = await asyncio.gather(*asked)
    assert {each.status for each in answers} == {404, 429}
    assert (await visitor.get("/readyz")).status != 429


async def test_who_reads_a_picture_too_slowly_does_not_get_all_of_it(
    bot: BotHarness, visitor: Visitor, settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async def full(*_: object) -> tuple[bytes, str]:
        return bytes(20_000_000), "image/png"

    await show(bot, "a red circle")
    monkeypatch.setattr(Gallery, "full", full)
    monkeypatch.setattr(content, "_SECONDS", 0.5)
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, ("127.0.0.1", settings.host.port))
        await loop.sock_sendall(slow, b"GET /gallery/1/1/full HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await asyncio.sleep(1.5)
        got = 0
        async with asyncio.timeout(PATIENCE):
            try:
                while part := await loop.sock_recv(slow, 1_000_000):
                    got += len(part)
            except ConnectionResetError:
                pass
    assert got < 20_000_000
    quick = await visitor.get("/gallery/1/1/full")
    assert len(await quick.read()) == 20_000_000


async def test_the_gallery_says_that_the_bot_starts(settings: BotSettings, visitor: Visitor):
    async with open_test_services(settings):
        for path in ("", "/1/1", "/1/1/small"):
            assert "The bot is starting" in await page_at(visitor, f"/gallery{path}", 503)
