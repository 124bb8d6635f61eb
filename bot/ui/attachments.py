"""Files for messages: pictures, grids and clips, encoded off the event loop.

Discord accepts files up to the server's limit, and ten files or 25 MiB in a message. A picture
that is too large as PNG becomes a WebP with its recipe in a JSON file; a clip that is too large is
left out. The message says so.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import discord
from PIL import Image

from bot.config import PostedRecipes
from bot.jobs.events import ProgressEvent
from bot.jobs.job import Job
from bot.jobs.records import StoredFrame, StoredPicture
from bot.ui import job_text
from bot.ui.filenames import recipe_filename
from engine.files import MEBIBYTE, file_bytes
from engine.images.animation import write_animation
from engine.images.contact_sheet import contact_sheet, numbered
from engine.painting import fits_into_png, with_recipe
from engine.recipes.edit import Edit
from engine.recipes.pictures import without_pictures
from engine.recipes.recipe import Recipe
from engine.recipes.start_image import source_and_mask

MAX_MESSAGE_BYTES = 24 * MEBIBYTE
"""Maximum size of all files in a message: Discord's 25 MiB, less the rest of the request."""
MAX_FILES = 10
"""Maximum number of files in a message."""
_PROGRESS_SIDE, _COMPARED_SIDE, _CLIP_SIDE = 768, 768, 512
"""Longest sides in pixels: of a progress picture, a picture in a comparison, a clip."""
_PROGRESS_QUALITY = 85
_SMALLER_QUALITIES = (95, 85, 70, 50)
_GRID_COLUMNS = 2


@dataclass(frozen=True)
class Attachment:
    """A file for a message."""

    name: str
    content: bytes
    description: str
    """Alt text of a picture, or a description of another file."""
    spoiler: bool = False
    """Whether Discord hides it until it is clicked."""


@dataclass(frozen=True)
class ResultFiles:
    """A finished job's attachments, grouped into messages within Discord's limits."""

    size: tuple[int, int]
    """Width and height of the first picture, in pixels."""
    groups: tuple[tuple[Attachment, ...], ...]
    notices: tuple[str, ...]
    """Sentences about files that were made smaller or left out."""


def progress_picture(job: Job, event: ProgressEvent) -> Attachment:
    """Return the current picture of a running job."""
    picture = _shown(Image.fromarray(event.pixels), job.recipes[event.picture - 1])
    content = encode(picture, "WEBP", quality=_PROGRESS_QUALITY)
    return Attachment("progress.webp", content, job_text.alt_text(job.prompt), job.spoiler)


def result_files(
    job: Job,
    pictures: Sequence[StoredPicture],
    frames: Sequence[StoredFrame],
    limit: int,
    posted_recipes: PostedRecipes,
) -> ResultFiles:
    """Return all files of a finished job, each of at most `limit` bytes."""
    packer = _AttachmentPacker(limit, job_text.alt_text(job.prompt), spoiler=job.spoiler)
    finals = [open_image(each.content) for each in pictures]
    recipes = [job.recipes[each.number - 1] for each in pictures]
    posted = [_posted(recipe, posted_recipes) for recipe in recipes]
    several = len(job.recipes) > 1
    names = [_name(job, each.number if several else None) for each in pictures]
    for name, picture, final, recipe in zip(names, pictures, finals, posted, strict=True):
        packer.add_painting(name, picture.content, final, recipe)
    for name, final, recipe in zip(names, finals, recipes, strict=True):
        if recipe.edit is not None:
            compared = _compared(recipe.edit, final)
            packer.add_picture(f"{name}-before-after", compared, job_text.BEFORE_AFTER)
    if len(finals) > 1:
        grid = _grid([each.number for each in pictures], finals)
        packer.add_picture(f"{_name(job)}-grid", grid, job_text.grid_alt_text(job, len(finals)))
    if frames:
        packer.add_clip(f"{_name(job)}-growth", _clip(pictures, finals, frames))
    return packer.result_files(finals[0].size)


def _posted(recipe: Recipe, posted_recipes: PostedRecipes) -> Recipe | None:
    """Return what of a recipe is posted; pictures that no file can hold are left out."""
    if posted_recipes == "none":
        return None
    is_complete = posted_recipes == "complete" and fits_into_png(recipe)
    return recipe if is_complete else without_pictures(recipe)


def open_image(content: bytes) -> Image.Image:
    """Open one of the bot's own pictures."""
    with Image.open(io.BytesIO(content)) as picture:
        return picture.convert("RGB")


class _AttachmentPacker:
    """Collects files within the limit, and notices about those that were too large."""

    def __init__(self, limit: int, description: str, *, spoiler: bool) -> None:
        self._limit = min(limit, MAX_MESSAGE_BYTES)
        self._description = description
        self._spoiler = spoiler
        self._files: list[Attachment] = []
        self._notices: list[str] = []

    def add_painting(
        self, name: str, content: bytes, picture: Image.Image, recipe: Recipe | None
    ) -> None:
        content = with_recipe(content, recipe)
        if len(content) <= self._limit:
            self._add(f"{name}.png", content)
            return
        self._add_smaller(name, picture)
        if recipe is not None:
            self._add_recipe(name, recipe)

    def add_picture(self, name: str, picture: Image.Image, description: str | None = None) -> None:
        content = encode(picture, "PNG")
        if len(content) <= self._limit:
            self._add(f"{name}.png", content, description)
        else:
            self._add_smaller(name, picture, description)

    def add_clip(self, name: str, frames: Sequence[Image.Image]) -> None:
        content = file_bytes(".webp", lambda path: write_animation(frames, path))
        if len(content) <= self._limit:
            self._add(f"{name}.webp", content)
        else:
            self._notices.append("The clip of how it grew is too large for this server.")

    def result_files(self, size: tuple[int, int]) -> ResultFiles:
        groups: list[list[Attachment]] = [[]]
        for file in self._files:
            together = (*groups[-1], file)
            total = sum(len(each.content) for each in together)
            if len(together) > MAX_FILES or total > MAX_MESSAGE_BYTES:
                groups.append([])
            groups[-1].append(file)
        return ResultFiles(size, tuple(map(tuple, groups)), tuple(self._notices))

    def _add(self, name: str, content: bytes, description: str | None = None) -> None:
        description = description or self._description
        self._files.append(Attachment(name, content, description, self._spoiler))

    def _add_recipe(self, name: str, recipe: Recipe) -> None:
        """Add the recipe of a picture that is not a PNG, and so can't hold it."""
        content, file = recipe.to_json().encode(), recipe_filename(name)
        if len(content) <= self._limit:
            self._add(file, content, f"The recipe of {name}")
            self._notices.append(f"The recipe of {name} is in {file}.")
        else:
            self._notices.append(f"The recipe of {name} is too large as well, so it's missing.")

    def _add_smaller(self, name: str, picture: Image.Image, description: str | None = None) -> None:
        """Add the picture as the best WebP that fits."""
        limit = f"{self._limit / MEBIBYTE:.1f} MiB"
        for quality in _SMALLER_QUALITIES:
            content = encode(picture, "WEBP", quality=quality)
            if len(content) <= self._limit:
                self._add(f"{name}.webp", content, description)
                self._notices.append(
                    f"As a PNG, {name} is larger than the {limit} allowed here, so it's a WebP and "
                    "less sharp."
                )
                return
        self._notices.append(f"{name} is larger than the {limit} allowed here, so it's missing.")


def discord_files(*attachments: Attachment | None) -> list[discord.File]:
    """Return files for one call to Discord, which uses them up."""
    return [
        discord.File(
            io.BytesIO(each.content),
            each.name,
            description=each.description,
            spoiler=each.spoiler,
        )
        for each in attachments
        if each is not None
    ]


def _name(job: Job, number: int | None = None) -> str:
    return f"picture-{job.id}" + ("" if number is None else f"-{number}")


def _shown(picture: Image.Image, recipe: Recipe) -> Image.Image:
    """Resize a progress picture to the size that people see."""
    if recipe.edit is not None:
        size = source_and_mask(recipe.edit)[0].size
    else:
        size = (recipe.width * recipe.enlarge, recipe.height * recipe.enlarge)
    # Bicubic: beside the flat colors of small pictures, Lanczos leaves visible rings.
    return picture.resize(fit_within(size, _PROGRESS_SIDE), Image.Resampling.BICUBIC)


def fit_within(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Shrink a size to a longest side of `side`, with the same proportions."""
    factor = min(1.0, side / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _grid(numbers: Sequence[int], finals: Sequence[Image.Image]) -> Image.Image:
    """Lay pictures out side by side, with the numbers that their buttons have."""
    tiles = [numbered(each, number) for number, each in zip(numbers, finals, strict=True)]
    return contact_sheet(tiles, columns=_GRID_COLUMNS)


def _compared(edit: Edit, final: Image.Image) -> Image.Image:
    """Put a picture before and after its edit side by side."""
    size = fit_within(final.size, _COMPARED_SIDE)
    both = (source_and_mask(edit)[0], final)
    return contact_sheet([each.resize(size, Image.Resampling.LANCZOS) for each in both], columns=2)


def _clip(
    pictures: Sequence[StoredPicture], finals: Sequence[Image.Image], frames: Sequence[StoredFrame]
) -> list[Image.Image]:
    """Return the frames of a clip: the pictures grow, side by side if there are several."""
    side = _CLIP_SIDE if len(finals) == 1 else _CLIP_SIDE // _GRID_COLUMNS
    runs: list[list[Image.Image]] = []
    for picture, final in zip(pictures, finals, strict=True):
        size = fit_within(final.size, side)
        grown = [open_image(each.content) for each in frames if each.picture == picture.number]
        runs.append([each.resize(size, Image.Resampling.BICUBIC) for each in (*grown, final)])
    if len(runs) == 1:
        return runs[0]
    longest = max(map(len, runs))
    runs = [[*run, *[run[-1]] * (longest - len(run))] for run in runs]
    return [contact_sheet(frames, columns=_GRID_COLUMNS) for frames in zip(*runs, strict=True)]


def encode(picture: Image.Image, kind: str, **options: int) -> bytes:
    """Encode a picture as a file of a kind that Pillow knows, such as PNG."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
