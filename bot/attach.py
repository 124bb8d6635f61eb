"""The files that go with messages: pictures, grid and clip, encoded off the event loop.

Discord takes files up to a limit of the server's, and ten files or 25 MiB in a message. What does
not fit as PNG goes as WebP, its recipe in a file beside it, and the message says so; a clip that
does not fit is left out.
"""

import io
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import discord
from PIL import Image

from bot import phrases
from bot.jobs import Finished, Job, Painting, Pixels, Progress
from engine.animation import write_animation
from engine.editing import finished, source_and_mask
from engine.edits import Edit
from engine.files import MEBIBYTE
from engine.painting import save_painting
from engine.recipe import Recipe
from engine.sheet import contact_sheet

MAX_MESSAGE_BYTES = 24 * MEBIBYTE
"""Of all files in a message: Discord's 25 MiB, less what the rest of the request takes."""
MAX_FILES = 10
"""Of one message."""
_PROGRESS_SIDE, _COMPARED_SIDE, _CLIP_SIDE = 768, 768, 512
"""Largest sides in pixels of a progress picture, of each picture before and after, of a clip."""
_PROGRESS_QUALITY = 85
_SMALLER_QUALITIES = (95, 85, 70, 50)
_GRID_COLUMNS = 2
_FULL_SIZE = re.compile(r"(picture-\d+(?:-\d+)?)\.(?:png|webp)")


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

    size: tuple[int, int]
    """Width and height of its first picture."""
    groups: tuple[tuple[Attachment, ...], ...]
    notices: tuple[str, ...]
    """Sentences about what is not as it should be."""


def progress_picture(job: Job, event: Progress) -> Attachment:
    """The picture as it stands."""
    (picture,) = _shown([event.pixels], job.recipes[event.picture - 1], _PROGRESS_SIDE)
    content = webp(picture, _PROGRESS_QUALITY)
    return Attachment("progress.webp", content, phrases.alt_text(job.prompt))


def parcel(job: Job, event: Finished, limit: int) -> Parcel:
    """Everything that a finished job shows, no file larger than `limit` bytes."""
    packer = _Packer(limit, phrases.alt_text(job.prompt))
    finals = [finished(Image.fromarray(p.pixels), p.recipe) for p in event.paintings]
    several = len(finals) > 1
    names = [_name(job, number if several else None) for number in range(1, len(finals) + 1)]
    for name, painting, final in zip(names, event.paintings, finals, strict=True):
        packer.add_painting(name, final, painting.recipe, event.digests)
    for name, painting, final in zip(names, event.paintings, finals, strict=True):
        if painting.recipe.edit is not None:
            compared = _compared(painting.recipe.edit, final)
            packer.add_picture(f"{name}-before-after", compared, phrases.BEFORE_AFTER)
    if several:
        packer.add_picture(f"{_name(job)}-grid", contact_sheet(finals, columns=_GRID_COLUMNS))
    packer.add_clip(f"{_name(job)}-growth", _clip(event.paintings))
    return packer.parcel(finals[0].size)


def full_size_name(filename: str) -> str | None:
    """The name, without its ending, of a file of ours that holds a picture at full size.

    None for all other files: the grid, comparisons, clips and progress.
    """
    found = _FULL_SIZE.fullmatch(filename)
    return None if found is None else found[1]


def recipe_filename(name: str) -> str:
    """Where the recipe of a picture is that cannot hold it itself."""
    return f"{name}-recipe.json"


class _Packer:
    """Collects files, each of them small enough."""

    def __init__(self, limit: int, description: str) -> None:
        self._limit = min(limit, MAX_MESSAGE_BYTES)
        self._description = description
        self._files: list[Attachment] = []
        self._notices: list[str] = []

    def add_painting(
        self, name: str, picture: Image.Image, recipe: Recipe, digests: Mapping[str, str]
    ) -> None:
        content = _file_bytes(".png", lambda path: save_painting(picture, path, recipe, digests))
        if len(content) <= self._limit:
            self._add(f"{name}.png", content)
            return
        self._add_smaller(name, picture)
        self._add_recipe(name, recipe)

    def add_picture(self, name: str, picture: Image.Image, description: str | None = None) -> None:
        content = _encoded(picture, "PNG")
        if len(content) <= self._limit:
            self._add(f"{name}.png", content, description)
        else:
            self._add_smaller(name, picture, description)

    def add_clip(self, name: str, frames: Sequence[Image.Image]) -> None:
        content = _file_bytes(".webp", lambda path: write_animation(frames, path))
        if len(content) <= self._limit:
            self._add(f"{name}.webp", content)
        else:
            self._notices.append("The clip of how it grew is too large for this server.")

    def parcel(self, size: tuple[int, int]) -> Parcel:
        groups: list[list[Attachment]] = [[]]
        for file in self._files:
            together = (*groups[-1], file)
            total = sum(len(each.content) for each in together)
            if len(together) > MAX_FILES or total > MAX_MESSAGE_BYTES:
                groups.append([])
            groups[-1].append(file)
        return Parcel(size, tuple(map(tuple, groups)), tuple(self._notices))

    def _add(self, name: str, content: bytes, description: str | None = None) -> None:
        self._files.append(Attachment(name, content, description or self._description))

    def _add_recipe(self, name: str, recipe: Recipe) -> None:
        """What a picture that does not come as PNG cannot hold."""
        content, file = recipe.to_json().encode(), recipe_filename(name)
        if len(content) <= self._limit:
            self._add(file, content, f"The recipe of {name}")
            self._notices.append(f"The recipe of {name} lies beside it, as {file}.")
        else:
            self._notices.append(f"The recipe of {name} is too large as well, and missing.")

    def _add_smaller(self, name: str, picture: Image.Image, description: str | None = None) -> None:
        """The best WebP that fits."""
        limit = f"{self._limit / MEBIBYTE:.1f} MiB"
        for quality in _SMALLER_QUALITIES:
            content = webp(picture, quality)
            if len(content) <= self._limit:
                self._add(f"{name}.webp", content, description)
                self._notices.append(
                    f"As PNG, {name} is larger than the {limit} that are allowed here: it comes "
                    "as WebP, less sharp."
                )
                return
        self._notices.append(f"{name} is larger than the {limit} that are allowed here.")


def discord_files(*attachments: Attachment | None) -> list[discord.File]:
    """Files for one call, which uses them up."""
    return [
        discord.File(io.BytesIO(each.content), each.name, description=each.description)
        for each in attachments
        if each is not None
    ]


def _name(job: Job, number: int | None = None) -> str:
    return f"picture-{job.id}" + ("" if number is None else f"-{number}")


def _shown(frames: Sequence[Pixels], recipe: Recipe, side: int) -> list[Image.Image]:
    """Pictures of one run as people see them, no larger than `side`."""
    if recipe.edit is not None:
        size = source_and_mask(recipe.edit)[0].size
    else:
        size = (recipe.width * recipe.enlarge, recipe.height * recipe.enlarge)
    size = bounded(size, side)
    # Bicubic: beside the flat colours of small pictures, Lanczos leaves visible rings.
    return [Image.fromarray(each).resize(size, Image.Resampling.BICUBIC) for each in frames]


def bounded(size: tuple[int, int], side: int) -> tuple[int, int]:
    """A size with the same proportions, no larger than `side`."""
    factor = min(1.0, side / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _compared(edit: Edit, final: Image.Image) -> Image.Image:
    """A picture before and after its edit, side by side."""
    size = bounded(final.size, _COMPARED_SIDE)
    both = (source_and_mask(edit)[0], final)
    return contact_sheet([each.resize(size, Image.Resampling.LANCZOS) for each in both], columns=2)


def _clip(paintings: Sequence[Painting]) -> list[Image.Image]:
    """How the pictures grew, side by side if there are several."""
    side = _CLIP_SIDE if len(paintings) == 1 else _CLIP_SIDE // _GRID_COLUMNS
    runs = [_shown(painting.frames, painting.recipe, side) for painting in paintings]
    if len(runs) == 1:
        return runs[0]
    return [contact_sheet(frames, columns=_GRID_COLUMNS) for frames in zip(*runs, strict=True)]


def webp(picture: Image.Image, quality: int) -> bytes:
    """A picture as a file that is small."""
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
