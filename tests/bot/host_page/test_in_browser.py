"""The host's page in Chromium, where playwright and a browser are installed."""

from typing import Any

import pytest

from tests.harness.bot_harness import BotHarness, job_in_progress
from tests.harness.host_visitor import TOKEN, Visitor

WIDTHS = (360, 768, 1440)
LONG = "W" * 300


async def test_the_page_fits_any_window_keeps_to_its_own_rules_and_everybody_can_use_it(
    bot: BotHarness, visitor: Visitor, browser: Any
):
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    page = await browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else 0)
    page.on("pageerror", lambda error: said.append(str(error)))
    async with job_in_progress(bot, after=2, prompt=LONG, steps=9):
        await page.goto(visitor.origin)
        await page.fill("#token", TOKEN)
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#painting img")
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 800})
            root = "document.documentElement"
            assert await page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
            found = await axe.run(page)
            assert found.violations_count == 0, found.generate_report()
        await page.wait_for_function("document.querySelector('#painting img').naturalWidth > 0")
    assert said == []


async def test_the_script_shows_what_changed_but_takes_nothing_away(
    bot: BotHarness, visitor: Visitor, browser: Any
):
    page = await browser.new_page()
    await page.route("**/host.js", lambda route: _hurried(visitor, route))
    async with job_in_progress(bot, after=2, steps=3):
        await page.goto(visitor.origin)
        await page.fill("#token", TOKEN)
        await page.keyboard.press("Enter")
        await page.click("#painting summary")
    await bot.wait_until_notified()
    await page.wait_for_timeout(300)
    assert await page.is_visible("#painting button.danger")
    await page.click("#painting summary")
    await page.evaluate("document.activeElement.blur()")
    await page.wait_for_selector("#painting >> text=Nothing.")


async def test_without_a_script_a_job_is_cancelled_by_keyboard(
    bot: BotHarness, visitor: Visitor, browser: Any
):
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    async with job_in_progress(bot, after=2, steps=9):
        await page.goto(visitor.origin)
        await page.fill("#token", TOKEN)
        await page.keyboard.press("Enter")
        await page.focus("#painting summary")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("#said >> text=Job #1 is cancelled.")
    await bot.wait_until_notified()


async def _hurried(visitor: Visitor, route: Any) -> None:
    """Give the page its script with a shorter pause between refreshes."""
    script = await (await visitor.get("/host.js")).text()
    await route.fulfill(body=script.replace("5000", "100"), content_type="text/javascript")
