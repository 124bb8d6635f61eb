"""Encode the engine's pictures, frames and checkpoints as bytes for the store.

Encoding takes time: call it off the event loop.
"""

import io
from pathlib import Path

from PIL import Image

from bot.jobs.events import Checkpoint, PaintedPicture, Pixels
from bot.jobs.records import StoredCheckpoint, StoredFrame, StoredPicture
from engine.editing.edit_recipe import composite_result
from engine.files import file_bytes
from engine.painting import save_painting
from engine.recipes.pictures import without_pictures

FRAME_SIDE = 512
"""Longest side of a frame in pixels."""
_QUALITY, _LOSSLESS_PIXELS = 90, 128 * 128
"""WebP quality, and the size up to which a frame is lossless: it is enlarged when shown."""
_FILM_QUALITY, _LOSSLESS_FILM_PIXELS = 95, 256 * 256
"""The same for the frames of films, which are encoded once more."""
_EFFORT = 2
"""WebP compression effort, 0 (fast) to 6 (small)."""


def encode_picture(picture: PaintedPicture) -> StoredPicture:
    """Encode a finished picture as a PNG that contains its recipe without pictures.

    The job keeps the complete recipe.
    """
    image = composite_result(Image.fromarray(picture.pixels), picture.recipe)
    recipe, steps, digests = without_pictures(picture.recipe), picture.steps, picture.digests
    precision, drawing = picture.precision, picture.drawing

    def write(path: Path) -> None:
        save_painting(
            image, path, recipe, digests, precision=precision, steps=steps, drawing=drawing
        )

    content = file_bytes(".png", write)
    return StoredPicture(picture.number, steps, content, picture.seconds, picture.similarity)


def encode_checkpoint(event: Checkpoint) -> tuple[StoredCheckpoint, list[StoredFrame]]:
    """Encode a checkpoint, and the frames since the previous one."""
    from engine.checkpoints import dump

    state = event.state if isinstance(event.state, bytes) else dump(dict(event.state), event.recipe)
    encode = _encode_frame if event.recipe.film is None else encode_film_frame
    frames = [
        StoredFrame(event.picture, frame.step, encode(frame.pixels)) for frame in event.frames
    ]
    kept = event.picture, event.steps_done, event.seconds, state, event.runs
    return StoredCheckpoint(*kept), frames


def _encode_frame(pixels: Pixels) -> bytes:
    image = Image.fromarray(pixels)
    image.thumbnail((FRAME_SIDE, FRAME_SIDE))
    lossless = image.width * image.height <= _LOSSLESS_PIXELS
    return _webp(image, lossless=lossless, quality=_QUALITY, method=_EFFORT)


def encode_film_frame(pixels: Pixels) -> bytes:
    """Encode a frame of a film at its full size, for the film to be encoded from."""
    image = Image.fromarray(pixels)
    lossless = image.width * image.height <= _LOSSLESS_FILM_PIXELS
    # Without loss, the quality is the effort of the compression.
    quality = 0 if lossless else _FILM_QUALITY
    return _webp(image, lossless=lossless, quality=quality, method=0)


def _webp(image: Image.Image, **options: float) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", **options)
    return buffer.getvalue()
