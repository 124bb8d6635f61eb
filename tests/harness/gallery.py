"""A bot with a gallery, and pictures that were never painted in it."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from PIL import Image, ImageDraw

from bot.config import HostSettings
from bot.gallery import Gallery, GalleryAudience
from bot.jobs.job import Job, JobLocation, JobOrigin
from bot.jobs.records import StoredPicture
from bot.storage import Store
from engine.recipes.recipe import Recipe
from tests.harness.bot_harness import BotHarness, make_settings, open_bot, until_true
from tests.harness.job_factory import recipe_for

EVERYONE = GalleryAudience.EVERYONE
_MESSAGES = count(10**6)


def gallery_settings(folder: Path, gallery: str = "everyone"):
    """Return settings with a gallery, which is on no port."""
    host = HostSettings.model_validate({"gallery": gallery})
    return make_settings(folder).model_copy(update={"host": host})


@asynccontextmanager
async def open_gallery(folder: Path, gallery: str = "everyone") -> AsyncIterator[BotHarness]:
    """Open a bot with a gallery to which Alice and Bob have agreed."""
    async with open_bot(gallery_settings(folder, gallery)) as bot:
        for person in (bot.alice, bot.bob):
            await bot.services.gallery.agree(person.id, GalleryAudience(gallery))
        yield bot


async def shown(gallery: Gallery, words: str = "", **options: object) -> list[int]:
    """Return the jobs of the pictures on a page of a search."""
    page = await gallery.search(words=words, **options)  # pyright: ignore[reportArgumentType]
    return [each.job for each in page.pictures]


async def posted_job(
    store: Store,
    content: bytes,
    prompt: str = "words",
    *,
    author_id: int = 5,
    guild_id: int = 2**22,
    channel_id: int = 3,
    parent_id: int | None = None,
) -> Job:
    """Add a job whose only picture is posted in a channel."""
    recipe: Recipe = recipe_for(prompt)
    origin = JobOrigin(parent_id=parent_id)
    job = await store.jobs.add(
        author_id, prompt, (recipe,), origin, guild_id=guild_id, channel_id=channel_id
    )
    message = next(_MESSAGES)
    await store.jobs.set_location(job, JobLocation(guild_id, channel_id, channel_id, message))
    await store.lifecycle.finish(job.id, [StoredPicture(1, 1, content)], 0.1, stopped=False)
    await store.jobs.add_post(job.id, channel_id, message, 0)
    await store.lifecycle.mark_notified(job.id)
    return job


def drawn(color: str, shape: str, shift: int = 0) -> bytes:
    """Return a PNG of a shape."""
    picture = Image.new("RGB", (128, 128), "white")
    draw = ImageDraw.Draw(picture)
    box = (24 + shift, 24, 100 + shift, 100)
    {"circle": draw.ellipse, "square": draw.rectangle}[shape](box, fill=color)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


async def until_indexed(bot: BotHarness, pictures: int) -> None:
    """Wait until so many pictures are embedded."""

    async def is_indexed() -> bool:
        return await bot.services.store.gallery_index.count() >= pictures

    await until_true(is_indexed)
