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
    return StoredPicture(picture.number, steps, content, picture.seconds)


def encode_checkpoint(event: Checkpoint) -> tuple[StoredCheckpoint, list[StoredFrame]]:
    """Encode a checkpoint, and the frames since the previous one."""
    from engine.checkpoints import dump

    state = event.state if isinstance(event.state, bytes) else dump(dict(event.state), event.recipe)
    frames = [
        StoredFrame(event.picture, frame.step, _encode_frame(frame.pixels))
        for frame in event.frames
    ]
    return StoredCheckpoint(event.picture, event.steps_done, event.seconds, state), frames


def _encode_frame(pixels: Pixels) -> bytes:
    image = Image.fromarray(pixels)
    image.thumbnail((FRAME_SIDE, FRAME_SIDE))
    lossless = image.width * image.height <= _LOSSLESS_PIXELS
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY, lossless=lossless, method=_EFFORT)
    return buffer.getvalue()
