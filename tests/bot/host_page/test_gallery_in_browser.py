"""The gallery in Chromium, where playwright and a browser are installed."""

from typing import Any

import pytest

from bot.config import BotSettings
from tests.harness.bot_harness import BotHarness, painted
from tests.harness.gallery_pages import show, with_gallery
from tests.harness.host_visitor import TOKEN, Visitor

WIDTHS = (360, 768, 1440)
LONG = "W" * 300
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.fixture
def settings(settings: BotSettings) -> BotSettings:
    return with_gallery(settings)


async def log_in(page: Any, visitor: Visitor) -> None:
    await page.goto(f"{visitor.origin}/login")
    await page.fill("#token", TOKEN)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=Log out")


async def test_the_pages_fit_any_window_and_everybody_can_use_them(
    bot: BotHarness, visitor: Visitor, browser: Any
):
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    await show(bot, "a red circle", LONG, "a blue square")
    page = await (await browser.new_context(color_scheme="dark")).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else 0)
    await log_in(page, visitor)
    for path in ("/gallery", "/gallery/2/1", "/gallery?like=1-1", "/gallery?words=no"):
        await page.goto(visitor.origin + path, wait_until="networkidle")
        for details in await page.query_selector_all("details"):
            await details.evaluate("each => each.open = true")
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            assert await page.evaluate(FITS)
            found = await axe.run(page)
            assert found.violations_count == 0, found.generate_report()
    assert said == []


async def test_without_a_script_pictures_are_found_and_deleted_by_keyboard(
    bot: BotHarness, visitor: Visitor, browser: Any
):
    await show(bot, "a red circle", "a blue square")
    page = await (await browser.new_context(java_script_enabled=False)).new_page()
    await log_in(page, visitor)
    await page.click("text=Gallery")
    await page.focus("#words")
    await page.keyboard.type("circle")
    await page.keyboard.press("Enter")
    await page.wait_for_selector('h2 >> text=Pictures with "circle"')
    await page.focus(".pictures a")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=Paint it again")
    await page.focus(".confirm summary")
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#said >> text=The pictures of job #1 are deleted.")
    assert await page.locator(".pictures img").count() == 1
    assert not painted(bot.channel.threads[0])


async def test_a_film_moves_only_when_it_is_played(bot: BotHarness, visitor: Visitor, browser: Any):
    await show(bot)
    await bot.alice.slash(bot.channel, "animate", prompt="a red circle", seconds=1)
    await bot.wait_until_notified()
    page = await (await browser.new_context(java_script_enabled=False)).new_page()
    await page.goto(f"{visitor.origin}/gallery/1/1", wait_until="networkidle")
    assert await page.is_visible('.seen img[src$="/small"]')
    assert not await page.is_visible('img[src$="/full"]')
    await page.focus(".seen summary")
    await page.keyboard.press("Enter")
    await page.wait_for_selector('img[src$="/full"]')
    assert not await page.is_visible('.seen img[src$="/small"]')
    await page.keyboard.press("Enter")
    await page.wait_for_selector('.seen img[src$="/small"]')
    assert not await page.is_visible('img[src$="/full"]')
