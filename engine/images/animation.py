"""Animations: the progress of a picture as a short clip that chat programs play inline.

Pillow writes WebP, and PyAV writes MP4 (H.264). Callers choose the frames; if there are too many,
evenly spaced ones are shown.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path

from PIL import Image

from engine.errors import PictureError
from engine.files import atomic_write, check_output

ANIMATION_SUFFIXES = (".webp", ".mp4")

_MAX_FRAMES_PER_SECOND = 25
_MAX_FRAME_MS = 500
"""Maximum duration of a frame: few frames make a shorter clip, not a slide show."""
_HOLD_MS = 1500
"""Duration of the last frame, the finished picture, before the clip starts again."""
_WEBP_QUALITY = 80
_MAX_SIDE = {".webp": 16_383, ".mp4": 8_192}


def write_animation(
    frames: Sequence[Image.Image], path: Path, *, seconds: float = 4.0, force: bool = False
) -> None:
    """Write frames as an animation of about `seconds`, and hold the last one for a while.

    All frames are scaled to the size of the last one. The suffix of `path` is the format: .webp
    (loops) or .mp4 (even width and height). `force` replaces an existing file. The file appears
    complete or not at all.

    Raises:
        PictureError: The suffix is unknown, there are no frames, they are too large for the
            format, or the file exists without `force` or cannot be written.
    """
    check_output(path, suffixes=ANIMATION_SUFFIXES, force=force)
    if not frames:
        raise PictureError("An animation needs at least one frame.")
    suffix = path.suffix.lower()
    _check_size(frames[-1], suffix)
    shown = _selection(frames, int(seconds * _MAX_FRAMES_PER_SECOND))
    frame_ms = min(_MAX_FRAME_MS, round(1000 * seconds / len(shown)))
    with atomic_write(path, force=force) as part:
        if suffix == ".webp":
            _write_webp(shown, part, frame_ms)
        else:
            _write_mp4(shown, part, frame_ms)


def write_webp_film(frames: Sequence[Image.Image], part: Path, rate: int) -> None:
    """Write frames of one size as a WebP to `part` that shows `rate` a second, and repeats."""
    durations = [round((number + 1) * 1000 / rate) for number in range(len(frames))]
    shown = [end - start for start, end in pairwise((0, *durations))]
    _save_webp(frames, part, shown)


def _check_size(frame: Image.Image, suffix: str) -> None:
    if max(frame.size) > _MAX_SIDE[suffix]:
        raise PictureError(
            "Cannot write frames of {width} x {height} pixels as {suffix}: at most {most} pixels "
            "per side are allowed.",
            width=frame.width,
            height=frame.height,
            suffix=suffix,
            most=_MAX_SIDE[suffix],
        )


def _selection(frames: Sequence[Image.Image], limit: int) -> list[Image.Image]:
    """Return at most `limit` evenly spaced frames, including the first and the last."""
    count = max(2, limit)
    if len(frames) > count:
        last = len(frames) - 1
        frames = [frames[round(index * last / (count - 1))] for index in range(count)]
    size = frames[-1].size
    return [_sized(frame.convert("RGB"), size) for frame in frames]


def _sized(frame: Image.Image, size: tuple[int, int]) -> Image.Image:
    return frame if frame.size == size else frame.resize(size, Image.Resampling.LANCZOS)


def _write_webp(frames: Sequence[Image.Image], part: Path, frame_ms: int) -> None:
    _save_webp(frames, part, [frame_ms] * (len(frames) - 1) + [_HOLD_MS])


def _save_webp(frames: Sequence[Image.Image], part: Path, durations: list[int]) -> None:
    options = {"duration": durations, "loop": 0, "quality": _WEBP_QUALITY}
    frames[0].save(part, format="WEBP", save_all=True, append_images=frames[1:], **options)


def _write_mp4(frames: Sequence[Image.Image], part: Path, frame_ms: int) -> None:
    from engine.images.mp4 import Mp4Writer

    held = [frames[-1]] * (ceil(_HOLD_MS / frame_ms) - 1)
    with Mp4Writer(part, frames[-1].size, Fraction(1000, frame_ms)) as film:
        for picture in (*frames, *held):
            film.add(picture)
