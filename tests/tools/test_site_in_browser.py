"""The documentation site in Chromium, where playwright and a browser are installed."""

import shutil
from pathlib import Path

import pytest

api = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PAGES = ("index", "commands/imagine", "paper")
WIDTHS = (360, 1440)
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_fit_any_window_and_everybody_can_use_them(site: Path, scheme: str):
    axe = pytest.importorskip("axe_playwright_python.async_playwright").Axe()
    said: list[str] = []
    async with api.async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await (await browser.new_context(color_scheme=scheme)).new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        for name in PAGES:
            for width in WIDTHS:
                await page.set_viewport_size({"width": width, "height": 800})
                await page.goto((site / f"{name}.html").as_uri())
                assert await page.evaluate(FITS), f"{name} at {width} pixels"
                found = await axe.run(page)
                assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        await browser.close()
    assert said == []
