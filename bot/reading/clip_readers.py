"""What is read from people's videos. These functions run in a `FileProcess`."""

from dataclasses import dataclass

from bot.languages.message import Message, sentences
from engine.editing.edit_recipe import canvas_size
from engine.images.clip import read_clip
from engine.presets import size_within
from engine.recipes.film import Film


@dataclass(frozen=True)
class ClipToRestyle:
    """A video as a recipe holds it, on the canvas that paints it."""

    video: bytes
    size: tuple[int, int]
    """Width and height of the canvas."""
    usual_size: tuple[int, int]
    """What they would be without a limit."""
    frames: int
    """Number of frames of the video."""
    notice: Message


def read_clip_to_restyle(
    content: bytes, models: str, most_pixels: int, film: Film, seconds: float
) -> ClipToRestyle:
    """Read up to `seconds` of a video for a canvas of at most `most_pixels`; raise `PictureError`.

    `film` says how many frames a second are shown.
    """
    usual: list[tuple[int, int]] = []

    def size_for(size: tuple[int, int]) -> tuple[int, int]:
        usual.append(canvas_size(size, models))
        return size_within(usual[-1], most_pixels, models)

    clip = read_clip(content, size_for=size_for, rate=film.shown_rate, seconds=seconds)
    info = clip.info
    return ClipToRestyle(clip.video, info.size, usual[-1], info.frames, sentences(clip.notices))
