"""Find out what pictures of the gallery look like, while nobody waits for a picture.

It looks for pictures that are new to the gallery, a few at a time, has them embedded by a painter,
and asks the picture filter about them. That happens only while there are no jobs at all. Somebody
who asks meanwhile waits for no more than one call of a few pictures.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from PIL import Image
from sqlalchemy.exc import DBAPIError

from bot.config import BotSettings
from bot.errors import UserError
from bot.gallery.embedding import Embedded, EmbedPictures
from bot.gallery.vectors import stored_vector
from bot.gallery.visibility import audience_of
from bot.jobs.gallery import GalleryAudience, IndexEntry
from bot.picture_check import PictureCheck, PictureFilterError
from bot.scheduling.queue import GpuQueue
from bot.storage import Store
from bot.timings import Timings
from bot.ui.attachments import open_image
from bot.worker.painters import Painters
from engine.errors import EngineError

log = logging.getLogger(__name__)

PICTURES_AT_ONCE = 4
"""Number of pictures in a call."""
_SIDE = 512
"""Longest side in pixels of what painters are sent; perceptors see less than that."""
_REST_SECONDS = 0.05
"""Seconds between two calls."""
_FAULT_SECONDS = 600.0
"""Seconds after a failure, which would often come again at once."""
_Key = tuple[int, int]


class GalleryIndexer:
    """Embeds pictures. It does nothing while the gallery is off."""

    def __init__(
        self,
        settings: BotSettings,
        store: Store,
        queue: GpuQueue,
        painters: Painters,
        check: PictureCheck,
        timings: Timings,
    ) -> None:
        self._audience = audience_of(settings)
        self._shards = settings.discord.own_shards
        self._store = store
        self._queue = queue
        self._painters = painters
        self._check = check
        self._pause = timings.gallery_seconds
        self._perceptor = ""
        """What the painters look with; "" until one has said it."""

    async def run(self) -> None:
        """Embed pictures until cancelled."""
        while self._audience is not None:
            pause = self._pause
            try:
                if await self._embed_some(self._audience):
                    pause = _REST_SECONDS
            except (EngineError, UserError, DBAPIError, PictureFilterError) as error:
                pause = max(self._pause, _FAULT_SECONDS)
                log.warning("the gallery could not look at pictures", extra={"cause": str(error)})
            except Exception:
                pause = max(self._pause, _FAULT_SECONDS)
                log.exception("the gallery could not look at pictures")
            await asyncio.sleep(pause)

    async def _embed_some(self, audience: GalleryAudience) -> bool:
        """Embed some pictures that are new; return False if there are none, or not now."""
        if not self._may_call():
            return False
        index, name = self._store.gallery_index, self._check.name
        unknown = await index.unknown(
            audience, self._perceptor, name, PICTURES_AT_ONCE, self._shards
        )
        if not unknown and not self._perceptor and await index.count():
            self._perceptor = (await self._call(())).perceptor
            return True
        if not unknown:
            return False
        contents: dict[_Key, bytes] = {}
        for key in unknown:
            if (content := await self._store.gallery.content(*key)) is not None:
                contents[key] = content
        opened = await asyncio.to_thread(_opened, contents)
        scores = await self._scores({key: contents[key] for key in opened})
        if not self._may_call():
            return False
        embedded = await self._call(list(opened.values()))
        self._perceptor = embedded.perceptor
        vectors = dict(zip(opened, embedded.vectors, strict=True))
        entries = [
            IndexEntry(
                *key,
                perceptor=embedded.perceptor,
                vector=stored_vector(vectors[key]) if key in vectors else b"",
                picture_filter=name,
                score=scores.get(key),
            )
            for key in contents
        ]
        await index.add(entries)
        return True

    def _may_call(self) -> bool:
        """Return whether painters are ready, and nobody has anything painted."""
        loaded = self._painters.loaded
        is_ready = loaded.done() and not loaded.cancelled() and loaded.exception() is None
        return is_ready and not self._queue.closed and not self._queue.jobs()

    async def _call(self, pictures: Sequence[Image.Image]) -> Embedded:
        return await asyncio.wrap_future(self._painters.call_with_models(EmbedPictures(pictures)))

    async def _scores(self, contents: Mapping[_Key, bytes]) -> dict[_Key, float]:
        """Return what the picture filter says about pictures; nothing without one.

        A picture that was edited counts with its original, as where it was posted.
        """
        if not self._check.is_on:
            return {}
        found: dict[_Key, float] = {}
        for (job_id, number), content in contents.items():
            record = await self._store.jobs.get(job_id)
            seen = [content]
            if record is not None and (edit := record.job.recipes[number - 1].edit) is not None:
                seen += [edit.source] if edit.source else []
            found[job_id, number] = max(await self._check.scores(seen))
        return found


def _opened(contents: Mapping[_Key, bytes]) -> dict[_Key, Image.Image]:
    """Open pictures as painters look at them, without those that are damaged."""
    found: dict[_Key, Image.Image] = {}
    for key, content in contents.items():
        try:
            picture = open_image(content)
        except (OSError, ValueError, SyntaxError) as error:
            extra = {"job": key[0], "cause": str(error)}
            log.warning("a stored picture is damaged", extra=extra)
            continue
        picture.thumbnail((_SIDE, _SIDE))
        found[key] = picture
    return found
