"""Pictures of the local page in Chromium, for the documentation."""

import io
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import simcord
from PIL import Image

from bot.local_preview.front import open_front
from bot.local_preview.greeting import NAME

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_SIZE = {"width": 640, "height": 2400}
"""The window in pixels; it is as high as the longest conversation."""
_SCALE = 1.5
"""Pixels of a picture for one of the page."""
_TRIES = ((1.0, 72), (1.0, 60), (1.0, 48), (0.75, 50), (0.67, 28))
"""Sizes, as shares of the picture's, and qualities of WebP to try, one after the other."""
_LARGEST = 60 * 1024
"""Maximum size of a picture in bytes, unless even the last try needs more."""
_MESSAGES = "#channel-message-list .channel-message"
_SIDE_BY_SIDE = """
ul.message-attachments { display: flex; flex-wrap: wrap; gap: 8px; }
.message-attachments > li.attachment { margin: 0; }
li.attachment-inline { width: auto; }
img.attachment-image { max-height: 224px; }
"""
"""Shows the pictures of a message beside each other, as Discord does and the page does not."""
_FORM = "#modal-root dialog, #modal-root [role=dialog]"


class Camera:
    """Takes pictures of what a person sees in a channel."""

    def __init__(self, browser: Any, folder: Path) -> None:
        self._browser = browser
        self._folder = folder

    async def take(
        self,
        env: simcord.Env,
        channel: simcord.ChannelHandle,
        who: simcord.MemberActor,
        name: str,
        last: int,
        press: str | None = None,
    ) -> Path:
        """Write a picture of the last messages, or of the form that a button opens."""
        async with (
            env.preview(channel, viewers=[who], layout="channel") as preview,
            open_front(preview.url, NAME) as front,
        ):
            page = await self._browser.new_page(
                viewport=_SIZE, device_scale_factor=_SCALE, bypass_csp=True
            )
            await page.goto(front.url)
            await page.wait_for_selector(_MESSAGES)
            await page.add_style_tag(content=_SIDE_BY_SIDE)
            if press is not None:
                await page.get_by_role("button", name=press).last.click()
            content = await (_form(page) if press is not None else _messages(page, last))
            await page.close()
        path = self._folder / f"{name}.webp"
        path.write_bytes(_compressed(Image.open(io.BytesIO(content)).convert("RGB")))
        return path


def _compressed(picture: Image.Image) -> bytes:
    """Return the picture as WebP, in the best way in which the file is small."""
    content = b""
    for share, quality in _TRIES:
        size = round(picture.width * share), round(picture.height * share)
        buffer = io.BytesIO()
        picture.resize(size).save(buffer, "WEBP", quality=quality, method=6)
        content = buffer.getvalue()
        if len(content) <= _LARGEST:
            break
    return content


async def _form(page: Any) -> bytes:
    await page.wait_for_selector(_FORM)
    await page.wait_for_timeout(300)  # it fades in
    return await page.locator(_FORM).last.screenshot()


async def _messages(page: Any, last: int) -> bytes:
    """Return a picture of the last messages, from the first one's top to the last one's end."""
    await page.wait_for_function(
        "[...document.querySelectorAll('#channel-message-list img')]"
        ".every(each => each.complete && each.naturalWidth)"
    )
    await page.wait_for_timeout(200)  # videos show their first frame
    boxes = [await each.bounding_box() for each in await page.locator(_MESSAGES).all()][-last:]
    left, top = boxes[0]["x"], boxes[0]["y"]
    size = {"width": boxes[0]["width"], "height": boxes[-1]["y"] + boxes[-1]["height"] - top}
    return await page.screenshot(clip={"x": left, "y": top, **size})


@asynccontextmanager
async def open_camera(folder: Path) -> AsyncIterator[Camera]:
    """Start Chromium for pictures that are written into `folder`. It must be installed."""
    from playwright.async_api import async_playwright

    folder.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield Camera(browser, folder)
        await browser.close()
