"""What the gallery tells about a picture, out of what is stored."""

import json
from struct import unpack
from typing import Any

from discord import app_commands

from bot.config import PostedRecipes
from bot.gallery.values import GalleryPicture, GalleryRecipe
from bot.jobs.gallery import ShownPicture
from bot.jobs.records import JobRecord
from bot.languages.catalogue import language_of
from bot.storage.base import read_json_object
from bot.submission.command_lines import CommandWriter, options_of_commands
from engine.recipes.pictures import without_pictures
from engine.settings import EngineSettings

_PNG = b"\x89PNG\r\n\x1a\n"


def picture_of(found: ShownPicture, likeness: float | None = None) -> GalleryPicture:
    """Return a picture as the gallery shows it."""
    return GalleryPicture(
        job=found.job_id,
        index=found.number,
        guild=found.guild_id,
        prompt=found.prompt,
        painted_at=found.painted_at,
        size=png_size(found.head),
        is_animated=any((read_json_object(each) or {}).get("film") for each in found.recipes),
        is_comparable=found.is_embedded,
        pictures_of_job=len(found.recipes),
        likeness=likeness,
    )


def png_size(head: bytes) -> tuple[int, int]:
    """Return width and height from the beginning of a PNG; (0, 0) if it is none."""
    if not head.startswith(_PNG) or len(head) < 24:
        return 0, 0
    width, height = unpack(">II", head[16:24])
    return width, height


def recipe_of(
    record: JobRecord,
    index: int,
    posted_recipes: PostedRecipes,
    engine: EngineSettings,
    tree: app_commands.CommandTree[Any],
) -> GalleryRecipe:
    """Return how a picture was made, as far as posted pictures tell that too."""
    if posted_recipes == "none":
        return GalleryRecipe(None, None)
    recipe = without_pictures(record.job.recipes[index - 1])
    text = json.dumps(json.loads(recipe.to_json()), ensure_ascii=False, indent=2)
    painters = (*engine.installed_painters, *engine.networks)
    options = options_of_commands(tree)
    writer = CommandWriter(engine.installed, painters, options, engine.editing)
    line = writer.write(record, index)
    language = language_of(None)
    return GalleryRecipe(
        text, line.text, tuple(each.in_language(language) for each in line.notices)
    )
