"""What is kept of the engine's events: pictures, frames and checkpoints as bytes.

Encoding takes time: call it off the event loop.
"""

import io
from collections.abc import Mapping

from PIL import Image

from bot.jobs.events import Checkpoint, PaintedPicture, Pixels
from bot.jobs.records import StoredCheckpoint, StoredFrame, StoredPicture
from engine.editing.edit_recipe import composite_result
from engine.files import file_bytes
from engine.painting import save_painting

FRAME_SIDE = 512
"""Largest side in pixels of a frame."""
_QUALITY, _LOSSLESS_PIXELS = 90, 128 * 128
"""Small frames are shown larger, which shows what a lossy file has lost."""
_FAST = 2
"""How much effort goes into making a frame small, of 6."""


def encode_picture(
    number: int, painting: PaintedPicture, digests: Mapping[str, str]
) -> StoredPicture:
    """A finished picture as people get it: a PNG that tells how it was made."""
    picture = composite_result(Image.fromarray(painting.pixels), painting.recipe)
    steps = painting.steps
    content = file_bytes(
        ".png", lambda path: save_painting(picture, path, painting.recipe, digests, steps=steps)
    )
    return StoredPicture(number, painting.steps, content)


def encode_checkpoint(event: Checkpoint) -> tuple[StoredCheckpoint, list[StoredFrame]]:
    """A checkpoint, and how the picture looked since the one before."""
    from engine.vqgan_clip.checkpoints import dump

    state = event.state if isinstance(event.state, bytes) else dump(dict(event.state), event.recipe)
    frames = [StoredFrame(event.picture, each.step, _frame(each.pixels)) for each in event.frames]
    return StoredCheckpoint(event.picture, event.steps_done, event.seconds, state), frames


def _frame(pixels: Pixels) -> bytes:
    picture = Image.fromarray(pixels)
    picture.thumbnail((FRAME_SIDE, FRAME_SIDE))
    lossless = picture.width * picture.height <= _LOSSLESS_PIXELS
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=_QUALITY, lossless=lossless, method=_FAST)
    return buffer.getvalue()
