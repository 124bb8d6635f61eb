"""The files of pictures for browsers, made off the event loop, and the newest of them kept."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import discord

from bot.delivery.held_back import allowed_pictures
from bot.gallery.file_formats import film_file, frames_to_show, thumbnail
from bot.gallery.values import GalleryPicture
from bot.jobs.job import Job
from bot.jobs.records import JobRecord
from bot.picture_check import Audience, PictureCheck, PictureFilterError
from bot.storage import Store
from engine.files import MEBIBYTE

_THUMBNAIL_BYTES, _FILM_BYTES = 8 * MEBIBYTE, 32 * MEBIBYTE
"""Maximum memory for thumbnails that were made, some hundreds, and for films."""
_Key = tuple[int, int, float]
"""Job, number, and the score of the picture filter up to which its frames are shown."""


@dataclass
class KeptFiles:
    """Has files made, one at a time, and keeps the newest ones.

    Whether they may be shown is not decided here.
    """

    most_bytes: int
    _kept: OrderedDict[_Key, bytes] = field(default_factory=OrderedDict[_Key, bytes])
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self, key: _Key, make: Callable[[], Awaitable[bytes | None]]) -> bytes | None:
        """Return a file, which is made if it is not kept."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        async with self._turn:
            kept = self._kept  # which `forget` replaces
            content = kept.get(key) or await make()
            if content is not None:
                kept[key] = content
            while sum(map(len, kept.values())) > self.most_bytes:
                kept.popitem(last=False)
            return content

    def forget(self) -> None:
        """Keep none of them."""
        self._kept = OrderedDict()


class GalleryFiles:
    """Makes thumbnails and films of pictures that may be shown, which is decided elsewhere.

    It decides itself which frames of a film may be shown.
    """

    def __init__(self, store: Store, check: PictureCheck) -> None:
        self._store = store
        self._check = check
        self._client: discord.Client | None = None
        self._thumbnails, self._films = KeptFiles(_THUMBNAIL_BYTES), KeptFiles(_FILM_BYTES)

    def attach(self, client: discord.Client) -> None:
        """Set the client that knows the channels; there are no films before."""
        self._client = client

    def forget(self) -> None:
        """Keep none of the files."""
        self._thumbnails.forget()
        self._films.forget()

    async def thumbnail(self, picture: GalleryPicture) -> bytes | None:
        """Return a picture, or the first frame of a film, as a small still WebP."""
        viewers, threshold = Audience(picture.guild, None), 0.0
        if picture.is_animated:
            threshold = await self._check.threshold_for(viewers)
        key = picture.job, picture.index, threshold
        return await self._thumbnails.get(key, partial(self._make_thumbnail, picture, viewers))

    async def film(self, record: JobRecord, index: int) -> bytes | None:
        """Return a film; None if its frames are not stored any more, or may not be shown."""
        place, job = record.location, record.job
        if place is None or self._client is None:
            return None
        viewers = Audience(place.guild_id, self._client.get_channel(place.channel_id))
        key = job.id, index, await self._check.threshold_for(viewers)
        try:
            return await self._films.get(key, partial(self._make_film, job, index, viewers))
        except PictureFilterError:
            return None

    async def _make_thumbnail(self, picture: GalleryPicture, viewers: Audience) -> bytes | None:
        content = await self._first_frame(picture, viewers) if picture.is_animated else None
        content = content or await self._store.gallery.content(picture.job, picture.index)
        return None if content is None else await asyncio.to_thread(thumbnail, content)

    async def _first_frame(self, picture: GalleryPicture, viewers: Audience) -> bytes | None:
        """Return the first frame of a film; None if it is not stored or may not be shown."""
        frame = await self._store.gallery.first_frame(picture.job, picture.index)
        if frame is None:
            return None
        try:
            (is_allowed,) = await self._check.judge(viewers, [frame])
        except PictureFilterError:
            return None
        return frame if is_allowed else None

    async def _make_film(self, job: Job, index: int, viewers: Audience) -> bytes | None:
        stored = await self._store.lifecycle.pictures(job.id)
        pictures = [each for each in stored if each.number == index]
        frames = await self._store.lifecycle.frames(job.id)
        frames = [each for each in frames if each.picture == index]
        chosen = frames_to_show(frames)
        allowed = (await allowed_pictures(self._check, viewers, job, pictures, chosen)).frames
        if len(allowed) < 2:
            return None
        each = len(frames) / len(chosen)
        return await asyncio.to_thread(film_file, allowed, job.recipes[index - 1], each)
