"""The files of pictures for browsers, made off the event loop, one at a time."""

import asyncio
import io
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image

from bot.config import PostedRecipes
from bot.jobs.records import StoredFrame
from bot.ui.attachments import encode, open_image
from engine.files import MEBIBYTE
from engine.films import film_of
from engine.painting import with_recipe
from engine.recipes.kinds import AnyRecipe
from engine.recipes.pictures import without_pictures

THUMBNAIL_SIDE = 320
"""Longest side of a thumbnail in pixels."""
_QUALITY = 80
_MOST_BYTES = 8 * MEBIBYTE
"""Maximum memory for thumbnails that were made: some hundreds."""
_FILM_SIDE, _MOST_FRAMES = 512, 64
"""Longest side in pixels, and number of frames, of a film as it is shown: 50 MB of pixels."""
_Key = tuple[int, int]


@dataclass
class Thumbnails:
    """Makes thumbnails and keeps the newest ones. Whether they may be shown is not decided here."""

    _kept: OrderedDict[_Key, bytes] = field(default_factory=OrderedDict[_Key, bytes])
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def kept(self, key: _Key) -> bytes | None:
        """Return a thumbnail that was made."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    async def make(self, key: _Key, content: bytes) -> bytes:
        """Return the thumbnail of a picture, a still WebP."""
        async with self._turn:
            if key not in self._kept:
                self._kept[key] = await asyncio.to_thread(thumbnail, content)
            while sum(map(len, self._kept.values())) > _MOST_BYTES:
                self._kept.popitem(last=False)
            return self._kept.get(key, b"")

    def forget(self) -> None:
        """Keep none of them."""
        self._kept.clear()


def thumbnail(content: bytes) -> bytes:
    """Return a small still WebP of one of the bot's own pictures, without its recipe."""
    with Image.open(io.BytesIO(content)) as file:
        picture = file.convert("RGB")
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    return encode(picture, "WEBP", quality=_QUALITY)


def picture_file(content: bytes, recipe: AnyRecipe, posted_recipes: PostedRecipes) -> bytes:
    """Return a picture's PNG, which holds no more of its recipe than posted ones do.

    It never holds pictures of people, even if posted ones do: more people can see it.
    """
    return with_recipe(content, None if posted_recipes == "none" else without_pictures(recipe))


def film_file(frames: Sequence[StoredFrame], recipe: AnyRecipe) -> bytes:
    """Return some painted frames of a film, as an animated WebP that takes as long as the film."""
    film = film_of(recipe)[1]
    last = len(frames) - 1
    count = min(len(frames), _MOST_FRAMES)
    chosen = [frames[round(n * last / max(1, count - 1))] for n in range(count)]
    pictures = [open_image(each.content) for each in chosen]
    for each in pictures:
        each.thumbnail((_FILM_SIDE, _FILM_SIDE))
    buffer = io.BytesIO()
    options = {"quality": _QUALITY, "loop": 0}
    milliseconds = round(1000 * len(frames) / film.frames_per_second / count)
    first, *others = pictures
    first.save(
        buffer, "WEBP", save_all=True, append_images=others, duration=milliseconds, **options
    )
    return buffer.getvalue()
