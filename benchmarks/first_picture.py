"""Measure how long a new user waits for the first picture, and what they have to do for it.

Starts the program as `make run` does, without a token and in an empty folder, opens the address
that it prints in Chromium, and does only what the page says. Needs playwright, which is among the
requirements of the tests, and Chromium: `playwright install chromium`, or a Chromium of the system.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.lib.machine import describe

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 600.0
"""Seconds after which the benchmark fails."""
WIDE, PHONE = (1200, 900), (390, 844)
"""Sizes of the window in pixels: on a desk, and on a phone."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
"""Names of Chromium on different systems; without one, playwright's own is used."""
COMMAND = "code.local-command:has-text('/imagine')"
"""The commands that the greeting offers."""
PICTURE = "article.channel-message img.attachment-image:not(.local-hidden)"
"""Pictures in messages."""
FINISHED = "article.channel-message:has([aria-label^='Download picture']) img.attachment-image"
"""Finished pictures; the files of those that are growing have another name."""
_LOADED = "image => image.complete && image.naturalWidth > 0"


def main(arguments: list[str]) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks first-picture", description=__doc__)
    parser.add_argument("--screenshots", type=Path, help="folder for pictures of the page")
    options = parser.parse_args(arguments)
    print(describe("cpu", ["python", "-m", "benchmarks", "first-picture", *arguments]), "\n")
    print(
        "| window | way | start to address | address to greeting | first picture in between ",
        end="",
    )
    print("| finished picture | actions |\n|---|---|---|---|---|---|---|")
    with _chromium() as browser:
        for size, way in ((WIDE, "click"), (WIDE, "type"), (PHONE, "click")):
            _measure(browser, size, way, options.screenshots)


def _measure(browser: Any, size: tuple[int, int], way: str, screenshots: Path | None) -> None:
    width, height = size
    began = time.perf_counter()
    with _program() as address:
        opened = time.perf_counter()
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(1000 * PATIENCE_SECONDS)
        page.goto(address)
        command = page.locator(COMMAND).first
        command.wait_for()
        greeted = time.perf_counter()
        actions = _ask(page, command, way)
        _wait_until_loaded(page, PICTURE)
        growing = time.perf_counter()
        _shoot(page, screenshots, f"{width}-{way}-growing")
        _wait_until_loaded(page, FINISHED)
        finished = time.perf_counter()
        _shoot(page, screenshots, f"{width}-{way}-finished")
        page.close()
    seconds = (opened - began, greeted - opened, growing - opened, finished - opened)
    cells = " | ".join(f"{each:.0f} s" for each in seconds)
    print(f"| {width} x {height} | {way} | {cells} | {actions} |", flush=True)


def _ask(page: Any, command: Any, way: str) -> int:
    """Ask for the first picture as the greeting says; return the number of actions."""
    if way == "click":
        command.click()
    else:
        # A page that is open has the keyboard in its composer, as on Discord.
        page.keyboard.type(command.inner_text())
    page.keyboard.press("Enter")
    return 2


def _wait_until_loaded(page: Any, pictures: str) -> None:
    """Wait until the browser shows a picture."""
    picture = page.locator(pictures).first
    picture.wait_for(state="attached")
    until = time.perf_counter() + PATIENCE_SECONDS
    while not picture.evaluate(_LOADED):
        if time.perf_counter() > until:
            raise TimeoutError
        page.wait_for_timeout(50)


def _shoot(page: Any, folder: Path | None, name: str) -> None:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png")


@contextmanager
def _program() -> Iterator[str]:
    """Run the program in an empty folder; yield the address that it prints."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DISCORD_", "VQGAN_CLIP_"))}
    with tempfile.TemporaryDirectory() as folder:
        program = subprocess.Popen(
            [sys.executable, "-m", "bot"],
            cwd=folder,
            env=kept | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert program.stdout is not None
            yield next(line.strip() for line in program.stdout if "http://" in line)
        finally:
            program.terminate()
            program.wait(PATIENCE_SECONDS)


@contextmanager
def _chromium() -> Iterator[Any]:
    """Open Chromium; end with a sentence if it or playwright is missing."""
    try:
        from playwright import sync_api  # pyright: ignore[reportMissingImports]
    except ImportError:
        sys.exit("error: this benchmark needs playwright: pip install playwright")
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=arguments)
        except sync_api.Error as error:
            cause = str(error).splitlines()[0]
            sys.exit(f"error: Chromium does not start: {cause} Try: playwright install chromium")
        yield browser
        browser.close()
