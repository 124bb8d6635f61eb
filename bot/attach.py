"""The files that go with messages: pictures, grid and clip, encoded off the event loop.

Discord takes files up to a limit of the server's, and 25 MiB in a message. What does not fit as
PNG goes as WebP, its recipe in a file beside it, and the message says so; a clip that does not
fit is left out.
"""

import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from bot import phrases
from bot.jobs import Finished, Job, Painting, Pixels, Progress
from engine import pictures
from engine.animation import write_animation
from engine.files import MEBIBYTE
from engine.painting import save_painting
from engine.recipe import Recipe
from engine.sheet import contact_sheet

MAX_MESSAGE_BYTES = 24 * MEBIBYTE
"""Of all files in a message: Discord's 25 MiB, less what the rest of the request takes."""
_PROGRESS_SIDE, _CLIP_SIDE = 768, 512
"""Largest sides in pixels of a progress picture and of a clip."""
_PROGRESS_QUALITY = 85
_SMALLER_QUALITIES = (95, 85, 70, 50)
_GRID_COLUMNS = 2


@dataclass(frozen=True)
class Attachment:
    """A file for a message."""

    name: str
    content: bytes
    description: str
    """Alt text, or what a file is that is no picture."""


@dataclass(frozen=True)
class Parcel:
    """What a finished job leaves: files in as many groups as messages are needed."""

    groups: tuple[tuple[Attachment, ...], ...]
    notices: tuple[str, ...]
    """Sentences about what is not as it should be."""


def progress_picture(job: Job, event: Progress) -> Attachment:
    """The picture as it stands."""
    picture = _shown(event.pixels, job.recipes[event.picture - 1], _PROGRESS_SIDE)
    content = _webp(picture, _PROGRESS_QUALITY)
    return Attachment("progress.webp", content, phrases.alt_text(job.prompt))


def parcel(job: Job, event: Finished, limit: int) -> Parcel:
    """Everything that a finished job shows, no file larger than `limit` bytes."""
    packer = _Packer(limit, phrases.alt_text(job.prompt))
    for number, painting in enumerate(event.paintings, 1):
        name = _name(job, number if len(event.paintings) > 1 else None)
        packer.add_painting(name, painting, event.digests)
    if len(event.paintings) > 1:
        finals = [_shown(p.pixels, p.recipe, None) for p in event.paintings]
        packer.add_picture(f"{_name(job)}-grid", contact_sheet(finals, columns=_GRID_COLUMNS))
    packer.add_clip(f"{_name(job)}-growth", _clip(event.paintings))
    return packer.parcel()


class _Packer:
    """Collects files, each of them small enough."""

    def __init__(self, limit: int, description: str) -> None:
        self._limit = min(limit, MAX_MESSAGE_BYTES)
        self._description = description
        self._files: list[Attachment] = []
        self._notices: list[str] = []

    def add_painting(self, name: str, painting: Painting, digests: Mapping[str, str]) -> None:
        picture = _shown(painting.pixels, painting.recipe, None)
        content = _file_bytes(
            ".png", lambda path: save_painting(picture, path, painting.recipe, digests)
        )
        if len(content) <= self._limit:
            self._add(f"{name}.png", content)
            return
        self._add_smaller(name, picture)
        self._add_recipe(name, painting.recipe)

    def add_picture(self, name: str, picture: Image.Image) -> None:
        content = _encoded(picture, "PNG")
        if len(content) <= self._limit:
            self._add(f"{name}.png", content)
        else:
            self._add_smaller(name, picture)

    def add_clip(self, name: str, frames: Sequence[Image.Image]) -> None:
        content = _file_bytes(".webp", lambda path: write_animation(frames, path))
        if len(content) <= self._limit:
            self._add(f"{name}.webp", content)
        else:
            self._notices.append("The clip of how it grew is too large for this server.")

    def parcel(self) -> Parcel:
        groups: list[list[Attachment]] = [[]]
        for file in self._files:
            if sum(len(f.content) for f in (*groups[-1], file)) > MAX_MESSAGE_BYTES:
                groups.append([])
            groups[-1].append(file)
        return Parcel(tuple(map(tuple, groups)), tuple(self._notices))

    def _add(self, name: str, content: bytes, description: str | None = None) -> None:
        self._files.append(Attachment(name, content, description or self._description))

    def _add_recipe(self, name: str, recipe: Recipe) -> None:
        """What a picture that does not come as PNG cannot hold."""
        content, file = recipe.to_json().encode(), f"{name}-recipe.json"
        if len(content) <= self._limit:
            self._add(file, content, f"The recipe of {name}")
            self._notices.append(f"The recipe of {name} lies beside it, as {file}.")
        else:
            self._notices.append(f"The recipe of {name} is too large as well, and missing.")

    def _add_smaller(self, name: str, picture: Image.Image) -> None:
        """The best WebP that fits."""
        limit = f"{self._limit / MEBIBYTE:.1f} MiB"
        for quality in _SMALLER_QUALITIES:
            content = _webp(picture, quality)
            if len(content) <= self._limit:
                self._add(f"{name}.webp", content)
                self._notices.append(
                    f"As PNG, {name} is larger than the {limit} that are allowed here: it comes "
                    "as WebP, less sharp."
                )
                return
        self._notices.append(f"{name} is larger than the {limit} that are allowed here.")


def _name(job: Job, number: int | None = None) -> str:
    return f"picture-{job.id}" + ("" if number is None else f"-{number}")


def _shown(pixels: Pixels, recipe: Recipe, side: int | None) -> Image.Image:
    """A picture as people see it, enlarged as its recipe says but no further than `side`."""
    picture = Image.fromarray(pixels)
    factor = recipe.enlarge
    if side is not None:
        factor = min(factor, max(1, side // max(picture.size)))
    picture = pictures.enlarge(picture, factor)
    if side is not None:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture


def _clip(paintings: Sequence[Painting]) -> list[Image.Image]:
    """How the pictures grew, side by side if there are several."""
    side = _CLIP_SIDE if len(paintings) == 1 else _CLIP_SIDE // _GRID_COLUMNS
    runs = [[_shown(frame, p.recipe, side) for frame in p.frames] for p in paintings]
    if len(runs) == 1:
        return runs[0]
    return [contact_sheet(frames, columns=_GRID_COLUMNS) for frames in zip(*runs, strict=True)]


def _webp(picture: Image.Image, quality: int) -> bytes:
    return _encoded(picture, "WEBP", quality=quality)


def _encoded(picture: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _file_bytes(suffix: str, write: Callable[[Path], None]) -> bytes:
    """What `write` leaves in a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        write(path)
        return path.read_bytes()
