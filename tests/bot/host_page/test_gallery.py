"""The gallery's pages, as a browser opens them."""

import html
import io
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from bot.config import BotSettings
from bot.gallery import gallery as service
from engine.recipes.kinds import recipe_from_json
from tests.harness.bot_harness import BotHarness, painted
from tests.harness.gallery import until_indexed
from tests.harness.gallery_pages import agree, links, page_at, show, text, with_gallery
from tests.harness.host_visitor import Visitor

HOSTILE = '</p><script>alert(1)</script> " onerror="x {{ 7 * 7 }} \u202e desrever'


@pytest.fixture
def settings(settings: BotSettings) -> BotSettings:
    return with_gallery(settings)


class Tags(HTMLParser):
    """The names of all tags and attributes of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names = set[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {tag, *(name for name, _ in attrs)}


async def test_the_gallery_says_that_nobody_shows_anything(bot: BotHarness, visitor: Visitor):
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    page = await page_at(visitor)
    assert "Nobody shows pictures here yet." in text(page)
    assert "<img" not in page
    await page_at(visitor, "/gallery/1/1", 404)


async def test_pictures_are_seen_small_and_whole(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle", "a blue square", size="wide")
    page = await page_at(visitor)
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
    assert links(await page_at(visitor, "/gallery?words=RED+circle")) == ["/gallery/1/1"]
    page = await page_at(visitor, "/gallery?words=red")
    assert 'Pictures with "red"' in text(page)
    assert links(page) == ["/gallery/5/1", "/gallery/4/1"]
    assert 'rel="prev"' not in page
    (following,) = re.findall(r'rel="next" href="([^"]+)"', page)
    page = await page_at(visitor, html.unescape(following))
    assert links(page) == ["/gallery/3/1", "/gallery/1/1"]
    assert 'rel="next"' not in page
    (before,) = re.findall(r'rel="prev" href="([^"]+)"', page)
    assert before == "/gallery?words=red"
    assert "There are no more." in text(await page_at(visitor, "/gallery?page=4"))
    assert "Nothing was found" in text(await page_at(visitor, "/gallery?words=elephants"))


async def test_pictures_of_one_server_are_chosen(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle")
    other = bot.env.create_guild(name="Shapes & <b>Sons</b>")
    channel, dave = other.create_text_channel("art"), other.add_member(bot.env.create_user("dave"))
    await dave.slash(channel, "imagine", prompt="a blue star", steps=1)
    await bot.wait_until_notified()
    await agree(dave, channel)
    await until_indexed(bot, 2)
    page = await page_at(visitor)
    assert f'<option value="{other.id}">Shapes &amp; &lt;b&gt;Sons&lt;/b&gt;</option>' in page
    page = await page_at(visitor, f"/gallery?server={other.id}&words=")
    assert links(page) == ["/gallery/2/1"]
    assert f'<option value="{other.id}" selected>' in page
    assert "Newest pictures in Shapes & <b>Sons</b>" in text(page)
    assert "Server Shapes & <b>Sons</b>" in text(await page_at(visitor, "/gallery/2/1"))


async def test_a_picture_leads_to_others_like_it(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle", "a red circle", "a blue square")
    page = await page_at(visitor, "/gallery?like=1-1")
    assert set(links(page)) == {"/gallery/2/1", "/gallery/3/1"}
    assert 'More like "a red circle"' in text(page)
    own = await page_at(visitor, "/gallery/1/1")
    assert links(own) == links(page)
    assert 'href="/gallery?like=2-1" aria-label="More like this: a red circle"' in own


async def test_a_pictures_page_tells_how_it_was_made(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle", seed=12)
    page = text(await page_at(visitor, "/gallery/1/1"))
    assert "Seed 12 Steps 1 Painter VQGAN-CLIP Models demo" in page
    assert "/imagine prompt:a red circle" in page
    answer = await visitor.get("/gallery/1/1/recipe.json")
    assert answer.content_type == "application/json"
    assert recipe_from_json(await answer.text()).seed == 12


async def test_prompts_stay_text_and_nothing_is_inline(bot: BotHarness, visitor: Visitor):
    await show(bot, HOSTILE)
    for path in ("/gallery", "/gallery/1/1", f"/gallery?words={'%3Cscript%3E'}"):
        found = await page_at(visitor, path)
        assert "<script" not in found
        names = Tags(found).names
        assert "alt" in names
        assert not [each for each in names if each == "style" or each.startswith("on")]
        assert "https:" not in found
        assert "{{ 7 * 7 }}" in text(found) or "words=" in path
        assert "unsafe" not in (await visitor.get(path)).headers["Content-Security-Policy"]
    assert "\u202e" not in await page_at(visitor)


async def test_the_host_deletes_a_picture_everywhere(bot: BotHarness, visitor: Visitor):
    await show(bot, "a red circle", "a blue square")
    await visitor.log_in()
    page = await page_at(visitor, "/gallery/1/1")
    (token,) = set(re.findall(r'name="form_token" value="([^"]+)"', page))
    for forged in ("", "wrong"):
        refused = await visitor.post("/gallery/1/1/delete", {"form_token": forged})
        assert refused.status == 403
    tag = (await visitor.get("/gallery/1/1/small")).headers["ETag"]
    thread = bot.channel.threads[0]
    assert painted(thread)
    done = await visitor.post("/gallery/1/1/delete", {"form_token": token})
    assert (done.status, done.headers["Location"]) == (303, "/gallery")
    page = await page_at(visitor)
    assert "The pictures of job #1 are deleted." in text(page)
    assert links(page) == ["/gallery/2/1"]
    assert "are deleted" not in await page_at(visitor)
    assert not painted(thread)
    for part in ("", "/small", "/full", "/recipe.json"):
        gone = await visitor.get(f"/gallery/1/1{part}", **{"If-None-Match": tag})
        assert gone.status == 404
    again = await visitor.post("/gallery/1/1/delete", {"form_token": token})
    assert again.status == 404
