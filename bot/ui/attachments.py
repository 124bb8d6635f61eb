"""Files for messages, encoded off the event loop."""

import io
from dataclasses import dataclass

import discord
from PIL import Image

from bot.jobs.events import ProgressEvent
from bot.jobs.job import Job
from bot.ui import alt_texts
from bot.ui.formatting import truncate
from engine.files import MEBIBYTE
from engine.images.tiling import resize
from engine.recipes.kinds import AnyRecipe, painted_size, tile_of_recipe
from engine.recipes.start_image import source_and_mask

MAX_MESSAGE_BYTES = 24 * MEBIBYTE
"""Maximum size of all files in a message: Discord's 25 MiB, less the rest of the request."""
MAX_FILES = 10
"""Maximum number of files in a message."""
_PROGRESS_SIDE = 768
"""Longest side of a progress picture in pixels."""
_PROGRESS_QUALITY = 85
_DESCRIPTION = 1024
"""Maximum length of a file's description, in characters; set by Discord."""


@dataclass(frozen=True)
class Attachment:
    """A file for a message."""

    name: str
    content: bytes
    description: str
    """Alt text of a picture, or a description of another file."""
    spoiler: bool = False
    """Whether Discord hides it until it is clicked."""


def progress_picture(job: Job, event: ProgressEvent) -> Attachment:
    """Return the current picture of a running job."""
    picture = _shown(Image.fromarray(event.pixels), job.recipes[event.picture - 1])
    content = encode(picture, "WEBP", quality=_PROGRESS_QUALITY)
    shows = alt_texts.of_progress(job, event).in_language(job.language)
    return Attachment("progress.webp", content, shows, job.spoiler)


def open_image(content: bytes) -> Image.Image:
    """Open one of the bot's own pictures."""
    with Image.open(io.BytesIO(content)) as picture:
        return picture.convert("RGB")


def discord_files(*attachments: Attachment | None) -> list[discord.File]:
    """Return files for one call to Discord, which uses them up."""
    return [
        discord.File(
            io.BytesIO(each.content),
            each.name,
            description=truncate(each.description, _DESCRIPTION),
            spoiler=each.spoiler,
        )
        for each in attachments
        if each is not None
    ]


def _shown(picture: Image.Image, recipe: AnyRecipe) -> Image.Image:
    """Resize a progress picture to the size that people see."""
    if recipe.edit is not None:
        size = source_and_mask(recipe.edit)[0].size
    else:
        width, height = painted_size(recipe)
        size = (width * recipe.enlarge, height * recipe.enlarge)
    # Bicubic: beside the flat colors of small pictures, Lanczos leaves visible rings.
    shown, tile = fit_within(size, _PROGRESS_SIDE), tile_of_recipe(recipe)
    return resize(picture, shown, Image.Resampling.BICUBIC, tile)


def fit_within(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Shrink a size to a longest side of `side`, with the same proportions."""
    factor = min(1.0, side / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def encode(picture: Image.Image, kind: str, **options: int) -> bytes:
    """Encode a picture as a file of a kind that Pillow knows, such as PNG."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
