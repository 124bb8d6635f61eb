"""The files of films: the film itself, and what is shown of one that is not done."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from bot.jobs.events import ProgressEvent
from bot.jobs.job import Job
from bot.jobs.records import StoredFrame
from bot.ui import alt_texts
from bot.ui.attachments import Attachment, encode, open_image
from engine.files import file_bytes
from engine.films import film_of, shown_size, write_film_within
from engine.images.animation import write_webp_film
from engine.images.contact_sheet import contact_sheet
from engine.recipes.kinds import AnyRecipe

SHOWN_FRAMES = 12
"""Number of frames of a film in progress that are shown, in a strip and in a short clip."""
MOST_PARTS = 10
"""Maximum number of files in which a film is shown that is too large for one."""
_FEWEST_FRAMES = 2
"""Fewest painted frames of a part, on average."""
_STRIP_SIDE, _STRIP_COLUMNS, _CLIP_SIDE = 128, 6, 256
"""Longest side in pixels of a frame in the strip and in the clip, and frames in a row."""
_CLIP_RATE = 8
"""Frames a second of the clip."""
_QUALITY = 85


class FilmFile(NamedTuple):
    """A film as a file, or a part of it."""

    content: bytes
    is_smaller: bool
    """Whether its pictures had to be made smaller than they are."""


def film_files(
    frames: Sequence[StoredFrame], recipe: AnyRecipe, texts: Mapping[str, str], limit: int
) -> list[FilmFile]:
    """Return a film as an MP4 of at most `limit` bytes, or as the fewest parts that are so small.

    Each is as large as it is painted, at least. If there would be too many parts, the film is one
    file of a lower quality. The list is empty if even that is too large. `texts` are what each file
    says about itself.
    """
    for count in range(1, max(2, min(MOST_PARTS, len(frames) // _FEWEST_FRAMES) + 1)):
        parts = (_film_part(frames, recipe, texts, limit, (n, count)) for n in range(count))
        files = list(takewhile(lambda each: each is not None, parts))
        if len(files) == count:
            return [each for each in files if each is not None]
    whole = _film_part(frames, recipe, texts, limit, (0, 1), is_good=False)
    return [] if whole is None else [whole]


def _film_part(
    frames: Sequence[StoredFrame],
    recipe: AnyRecipe,
    texts: Mapping[str, str],
    limit: int,
    part: tuple[int, int],
    *,
    is_good: bool = True,
) -> FilmFile | None:
    """Return a part of a film as an MP4 of at most `limit` bytes; None if that is impossible."""
    sizes: list[tuple[int, int] | None] = []

    def opened() -> Iterator[Image.Image]:
        return (open_image(each.content) for each in frames)

    def write(path: Path) -> None:
        written = write_film_within(
            *(limit, opened, len(frames), path, recipe),
            texts=texts,
            part=part,
            is_good=is_good,
        )
        sizes.append(written)

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
