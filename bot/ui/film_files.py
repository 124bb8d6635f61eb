"""The files of films: the film itself, and what is shown of one that is not done."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from bot.jobs.events import ProgressEvent
from bot.jobs.job import Job
from bot.jobs.records import StoredFrame
from bot.ui import alt_texts
from bot.ui.attachments import Attachment, encode, open_image
from engine.files import file_bytes
from engine.films import film_of, shown_size, write_film
from engine.images.animation import write_webp_film
from engine.images.contact_sheet import contact_sheet
from engine.recipes.kinds import AnyRecipe

SHOWN_FRAMES = 12
"""Number of frames of a film in progress that are shown, in a strip and in a short clip."""
_STRIP_SIDE, _STRIP_COLUMNS, _CLIP_SIDE = 128, 6, 256
"""Longest side in pixels of a frame in the strip and in the clip, and frames in a row."""
_CLIP_RATE = 8
"""Frames a second of the clip."""
_QUALITY = 85


class FilmFile(NamedTuple):
    """A film as a file."""

    content: bytes
    is_smaller: bool
    """Whether its pictures had to be made smaller than they are."""


def film_file(
    frames: Sequence[StoredFrame], recipe: AnyRecipe, texts: Mapping[str, str], limit: int
) -> FilmFile | None:
    """Return a film as an MP4 of at most `limit` bytes; None if it cannot be made so small.

    `texts` are what it says about itself.
    """
    sizes: list[tuple[int, int] | None] = []

    def opened() -> Iterator[Image.Image]:
        return (open_image(each.content) for each in frames)

    def write(path: Path) -> None:
        sizes.append(write_film(opened, len(frames), path, recipe, texts=texts, limit=limit))

    content = file_bytes(".mp4", write)
    size = sizes[-1]
    return None if size is None else FilmFile(content, size != shown_size(film_of(recipe)[0]))


def film_progress(
    job: Job, event: ProgressEvent, frames: Sequence[StoredFrame]
) -> tuple[Attachment, ...]:
    """Return a strip of the frames of a film so far, and a clip of them; nothing without frames."""
    pictures = [open_image(each.content) for each in frames]
    if len(pictures) < 2:
        return ()
    strip = contact_sheet([_sized(each, _STRIP_SIDE) for each in pictures], columns=_STRIP_COLUMNS)
    clip = [_sized(each, _CLIP_SIDE) for each in pictures]
    content = file_bytes(".webp", lambda path: write_webp_film(clip, path, _CLIP_RATE))
    shows = alt_texts.of_progress(job, event).in_language(job.language)
    return (
        Attachment("strip.webp", encode(strip, "WEBP", quality=_QUALITY), shows, job.spoiler),
        Attachment("film-so-far.webp", content, shows, job.spoiler),
    )


def _sized(picture: Image.Image, side: int) -> Image.Image:
    factor = side / max(picture.size)
    width, height = (max(1, round(each * factor)) for each in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)
