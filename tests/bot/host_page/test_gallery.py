"""The gallery's pages, as browsers and those who mean it no good ask for them."""

import asyncio
import html
import io
import re
import socket
from html.parser import HTMLParser

import pytest
from PIL import Image

from bot.config import BotSettings
from bot.gallery import Gallery
from bot.gallery import gallery as service
from bot.host_page.gallery import content
from engine.recipes.kinds import recipe_from_json
from tests.harness.bot_harness import PATIENCE, BotHarness, open_test_services, painted
from tests.harness.gallery import until_indexed
from tests.harness.gallery_pages import agree, show, with_gallery
from tests.harness.host_visitor import Visitor

HOSTILE = '</p><script>alert(1)</script> " onerror="x {{ 7 * 7 }} \u202e desrever'


@pytest.fixture
def readers() -> str:
    return "everyone"


@pytest.fixture
def settings(settings: BotSettings, readers: str) -> BotSettings:
    return with_gallery(settings, readers)


async def source(visitor: Visitor, path: str = "/gallery", status: int = 200) -> str:
    answer = await visitor.get(path)
    assert answer.status == status
    return await answer.text()


class Tags(HTMLParser):
    """The names of all tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names = set[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {tag, *(name for name, _ in attrs)}


def links(page: str) -> list[str]:
    """Return the pictures of a page, in their order."""
    return re.findall(r'<a href="(/gallery/\d+/\d+)"', page)


def text(page: str) -> str:
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())


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
        assert (refused.status, refused.headers["Location"]) == (303, "/login")
    await visitor.log_in()
    assert '<a href="/gallery">Gallery</a>' in await visitor.source()
    assert links(await source(visitor)) == ["/gallery/1/1"]


async def test_everyone_may_look_and_do_nothing_else(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle")
    page = await visitor.get("/gallery")
    assert "Set-Cookie" not in page.headers
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert page.headers["Referrer-Policy"] == "same-origin"
    own = await source(visitor, "/gallery/1/1")
    for found in (await page.text(), own):
        assert "form_token" not in found
        assert "host's page" not in found
        assert str(bot.alice.id) not in found
    for path in ("/", "/live", "/picture/1"):
        assert (await visitor.get(path)).url.path == "/login"
    refused = await visitor.post("/gallery/1/1/delete", {"form_token": ""})
    assert (refused.status, refused.headers["Location"]) == (303, "/login")
    assert links(await source(visitor)) == ["/gallery/1/1"]
    assert (await visitor.get("/gallery", Host="rebound.example.net")).status == 403
    assert (await visitor.get("/gallery", Origin="http://example.net")).status == 403


async def test_the_gallery_says_that_nobody_shows_anything(bot: BotHarness, visitor: Visitor):
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    page = await source(visitor)
    assert "Nobody shows pictures here yet." in text(page)
    assert "<img" not in page
    await source(visitor, "/gallery/1/1", 404)


async def test_pictures_are_seen_small_and_whole(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle", "a blue square", size="wide")
    page = await source(visitor)
    assert links(page) == ["/gallery/2/1", "/gallery/1/1"]
    (image,) = re.findall(r'<img src="/gallery/2/1/small"[^>]*>', page)
    assert 'loading="lazy"' in image
    assert 'alt="a blue square"' in image
    small = await visitor.get("/gallery/2/1/small")
    picture = Image.open(io.BytesIO(await small.read()))
    assert (picture.format, max(picture.size)) == ("WEBP", 320)
    full = await visitor.get("/gallery/2/1/full")
    whole = Image.open(io.BytesIO(await full.read()))
    assert f'width="{whole.width}" height="{whole.height}"' in image
    assert full.content_type == "image/png"


async def test_browsers_keep_pictures_but_always_ask_for_them(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle")
    for path in ("/gallery/1/1/small", "/gallery/1/1/full"):
        first = await visitor.get(path)
        assert first.headers["Cache-Control"] == "private, no-cache"
        tag = first.headers["ETag"]
        again = await visitor.get(path, **{"If-None-Match": tag})
        assert (again.status, await again.read()) == (304, b"")
        assert again.headers["ETag"] == tag
        other = await visitor.get(path, **{"If-None-Match": '"other", W/"more"'})
        assert (other.status, await other.read()) == (200, await first.read())
    assert (await visitor.get("/gallery")).headers["Cache-Control"] == "no-store"


async def test_pictures_are_found_by_words_and_in_pages(
    bot: BotHarness, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
):
    await show(bot, "a red circle", "a blue circle", "a red square", "a red ring", "a red star")
    monkeypatch.setattr(service, "PAGE_PICTURES", 2)
    assert links(await source(visitor, "/gallery?words=RED+circle")) == ["/gallery/1/1"]
    page = await source(visitor, "/gallery?words=red")
    assert 'Pictures with "red"' in text(page)
    assert links(page) == ["/gallery/5/1", "/gallery/4/1"]
    assert 'rel="prev"' not in page
    (following,) = re.findall(r'rel="next" href="([^"]+)"', page)
    page = await source(visitor, html.unescape(following))
    assert links(page) == ["/gallery/3/1", "/gallery/1/1"]
    assert 'rel="next"' not in page
    (before,) = re.findall(r'rel="prev" href="([^"]+)"', page)
    assert before == "/gallery?words=red"
    assert "There are no more." in text(await source(visitor, "/gallery?page=4"))
    assert "Nothing was found" in text(await source(visitor, "/gallery?words=elephants"))


async def test_pictures_of_one_server_are_chosen(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle")
    other = bot.env.create_guild(name="Shapes & <b>Sons</b>")
    channel, dave = other.create_text_channel("art"), other.add_member(bot.env.create_user("dave"))
    await dave.slash(channel, "imagine", prompt="a blue star", steps=1)
    await bot.wait_until_notified()
    await agree(dave, channel)
    await until_indexed(bot, 2)
    page = await source(visitor)
    assert f'<option value="{other.id}">Shapes &amp; &lt;b&gt;Sons&lt;/b&gt;</option>' in page
    page = await source(visitor, f"/gallery?server={other.id}&words=")
    assert links(page) == ["/gallery/2/1"]
    assert f'<option value="{other.id}" selected>' in page
    assert "Newest pictures in Shapes & <b>Sons</b>" in text(page)
    assert "Server Shapes & <b>Sons</b>" in text(await source(visitor, "/gallery/2/1"))


async def test_a_picture_leads_to_others_like_it(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle", "a red circle", "a blue square")
    page = await source(visitor, "/gallery?like=1-1")
    assert set(links(page)) == {"/gallery/2/1", "/gallery/3/1"}
    assert 'More like "a red circle"' in text(page)
    own = await source(visitor, "/gallery/1/1")
    assert links(own) == links(page)
    assert 'href="/gallery?like=2-1" aria-label="More like this: a red circle"' in own


async def test_a_pictures_page_tells_how_it_was_made(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle", seed=12)
    page = text(await source(visitor, "/gallery/1/1"))
    assert "Seed 12 Steps 1 Painter VQGAN-CLIP Models demo" in page
    assert "/imagine prompt:a red circle" in page
    answer = await visitor.get("/gallery/1/1/recipe.json")
    assert answer.content_type == "application/json"
    assert recipe_from_json(await answer.text()).seed == 12


async def test_prompts_stay_text_and_nothing_is_inline(bot: BotHarness, visitor: Visitor):
    await show(bot, HOSTILE)
    for path in ("/gallery", "/gallery/1/1", f"/gallery?words={'%3Cscript%3E'}"):
        found = await source(visitor, path)
        assert "<script" not in found
        names = Tags(found).names
        assert "alt" in names
        assert not [each for each in names if each == "style" or each.startswith("on")]
        assert "https:" not in found
        assert "{{ 7 * 7 }}" in text(found) or "words=" in path
        assert "unsafe" not in (await visitor.get(path)).headers["Content-Security-Policy"]
    assert "\u202e" not in await source(visitor)


async def test_the_host_deletes_a_picture_everywhere(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle", "a blue square")
    await visitor.log_in()
    page = await source(visitor, "/gallery/1/1")
    (token,) = set(re.findall(r'name="form_token" value="([^"]+)"', page))
    for forged in ("", "wrong"):
        refused = await visitor.post("/gallery/1/1/delete", {"form_token": forged})
        assert refused.status == 403
    tag = (await visitor.get("/gallery/1/1/small")).headers["ETag"]
    thread = bot.channel.threads[0]
    assert painted(thread)
    done = await visitor.post("/gallery/1/1/delete", {"form_token": token})
    assert (done.status, done.headers["Location"]) == (303, "/gallery")
    page = await source(visitor)
    assert "The pictures of job #1 are deleted." in text(page)
    assert links(page) == ["/gallery/2/1"]
    assert "are deleted" not in await source(visitor)
    assert not painted(thread)
    for part in ("", "/small", "/full", "/recipe.json"):
        gone = await visitor.get(f"/gallery/1/1{part}", **{"If-None-Match": tag})
        assert gone.status == 404
    again = await visitor.post("/gallery/1/1/delete", {"form_token": token})
    assert again.status == 404


async def test_who_withdraws_is_out_of_the_gallery_at_once(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle")
    tag = (await visitor.get("/gallery/1/1/small")).headers["ETag"]
    asked = await bot.alice.slash(bot.channel, "privacy gallery")
    assert asked.response is not None
    await bot.alice.click(asked.response, label="Withdraw")
    for part in ("", "/small", "/full", "/recipe.json"):
        gone = await visitor.get(f"/gallery/1/1{part}", **{"If-None-Match": tag})
        assert gone.status == 404
    assert "Nobody shows pictures here yet." in text(await source(visitor))


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
            assert "The bot is starting" in await source(visitor, f"/gallery{path}", 503)
