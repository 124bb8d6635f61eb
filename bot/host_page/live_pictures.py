"""The current picture of a job that is painted, encoded off the event loop, once for each step."""

import asyncio
import io
from collections import OrderedDict

from aiohttp import web
from PIL import Image

from bot.delivery.reporter import Reporter
from bot.jobs.events import Pixels, ProgressEvent

LONGEST_SIDE = 512
_MOST = 8
_QUALITY = 80


class LivePictures:
    """Encodes pictures, one at a time."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[tuple[int, int, int], bytes] = OrderedDict()

    async def answer(self, reporter: Reporter, job_id: int) -> web.Response:
        """Answer the current picture of a job as WebP; status 404 if there is none."""
        progress = reporter.progress_of(job_id)
        if progress is None or progress.progress is None:
            raise web.HTTPNotFound
        event = progress.progress
        async with self._turn:
            content = await self._encoded(event)
        return web.Response(body=content, content_type="image/webp")

    async def _encoded(self, event: ProgressEvent) -> bytes:
        key = event.job_id, event.picture, event.step
        if key not in self._kept:
            self._kept[key] = await asyncio.to_thread(encode, event.pixels)
            if len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        return self._kept[key]


def encode(pixels: Pixels) -> bytes:
    """Return a picture as a small WebP."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=_QUALITY)
    return file.getvalue()
