"""The formats in which pictures are sent to browsers."""

import io
from collections.abc import Sequence

from PIL import Image

from bot.config import PostedRecipes
from bot.jobs.records import StoredFrame
from bot.ui.attachments import encode, open_image
from engine.films import film_of
from engine.painting import with_recipe
from engine.recipes.kinds import AnyRecipe
from engine.recipes.pictures import without_pictures

THUMBNAIL_SIDE = 320
"""Longest side of a thumbnail in pixels."""
_QUALITY = 80
_FILM_SIDE, _MOST_FRAMES = 512, 64
"""Longest side in pixels, and number of frames, of a film as it is shown: 50 MB of pixels."""


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


def frames_to_show(frames: Sequence[StoredFrame]) -> list[StoredFrame]:
    """Return some painted frames of a film, from its first to its last."""
    last = len(frames) - 1
    count = min(len(frames), _MOST_FRAMES)
    return [frames[round(n * last / max(1, count - 1))] for n in range(count)]


def film_file(frames: Sequence[StoredFrame], recipe: AnyRecipe, painted_each: float) -> bytes:
    """Return frames as an animated WebP, which is as quick as the film.

    Each stands for `painted_each` painted frames.
    """
    film = film_of(recipe)[1]
    pictures = [open_image(each.content) for each in frames]
    for each in pictures:
        each.thumbnail((_FILM_SIDE, _FILM_SIDE))
    buffer = io.BytesIO()
    options = {"quality": _QUALITY, "loop": 0}
    milliseconds = round(1000 * painted_each / film.frames_per_second)
    first, *others = pictures
    first.save(
        buffer, "WEBP", save_all=True, append_images=others, duration=milliseconds, **options
    )
    return buffer.getvalue()
