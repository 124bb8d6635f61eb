"""Recipes in posted pictures: read, told to people, and painted again.

A picture tells how it was made wherever it was posted, also by another bot like this one. What it
says is as little to be trusted as anything that people send.
"""

import asyncio
import json

import discord

from bot.errors import UserError
from bot.services import Services
from bot.submission.edits import Queued
from bot.submission.policy import check_models, check_prompt
from bot.submission.requester import Requester
from bot.submission.seeds import reseeded
from bot.ui.attachments import MAX_MESSAGE_BYTES, Attachment
from bot.ui.uploads import read_posted, read_upload
from engine.editing.edit_recipe import IMAGE_PROMPT_SIDE, read_source
from engine.files import MEBIBYTE
from engine.images.image_io import read_picture
from engine.models.catalogue import find_models
from engine.painting import Provenance, check_paintable, read_provenance
from engine.recipes.recipe import Recipe

FILENAME = "recipe.json"
"""Of the file that goes with what is told of a recipe."""
LARGEST = 2
"""Side of the square as large as the largest canvas of a recipe from elsewhere, in sides of the
models' own."""
MAX_CUTOUTS = 128
"""Of a recipe from elsewhere: twice as many as the paper's."""
_MAX_MIB = MAX_MESSAGE_BYTES // MEBIBYTE


async def read_recipe(
    services: Services, file: discord.Attachment, message: discord.Message | None = None
) -> Provenance:
    """What a picture, or a recipe's JSON, says about its origin.

    It was attached to a command, or to a `message` some time ago. Only text is read, so that it may
    be as large as the bot's own.

    Raises `UserError` or `EngineError` if it says nothing.
    """
    if message is None:
        content = await read_upload(file, _MAX_MIB, services.upload_hosts)
    else:
        content = await read_posted(message, file, _MAX_MIB, services.upload_hosts)
    return await asyncio.to_thread(read_provenance, content)


def recipe_file(recipe: Recipe) -> Attachment:
    """A recipe as a file for people to keep; writing a large one takes time."""
    content = json.dumps(json.loads(recipe.to_json()), ensure_ascii=False, indent=2)
    return Attachment(FILENAME, content.encode(), "The recipe of the picture, as JSON")


def check_repeatable(recipe: Recipe, services: Services) -> None:
    """Raise `UserError` or `EngineError` if a recipe from elsewhere cannot be painted here.

    The people here may choose neither size nor cutouts freely, and a recipe is no way around that.
    """
    check_models(recipe, services.settings.engine.models)
    entry = find_models(recipe.models)
    largest = LARGEST * entry.side
    if recipe.width * recipe.height > largest**2 or recipe.enlarge > entry.enlarge:
        shown = f", shown {recipe.enlarge}×" if recipe.enlarge > 1 else ""
        raise UserError(
            f"That recipe is for {recipe.width}×{recipe.height} pixels{shown}. From elsewhere I "
            f"paint nothing larger than {largest}×{largest}, shown {entry.enlarge}×."
        )
    if recipe.cutouts > MAX_CUTOUTS:
        raise UserError(
            f"That recipe asks for {recipe.cutouts} cutouts. From elsewhere I paint nothing with "
            f"more than {MAX_CUTOUTS}."
        )
    check_prompt(prompt_of(recipe), services.settings.limits)


def prompt_of(recipe: Recipe) -> str:
    """A recipe's prompts, as they would be typed."""
    return " | ".join(map(str, recipe.prompts))


async def queue_again(services: Services, asker: Requester, *recipes: Recipe) -> Queued:
    """Queue recipes from elsewhere, those of one message, with other seeds.

    Raises `UserError` or `EngineError` for what is not allowed.
    """
    for recipe in recipes:
        check_repeatable(recipe, services)
        await asyncio.to_thread(_check_pictures, recipe)
    prompt, again = prompt_of(recipes[0]), reseeded(recipes)
    return Queued(await services.submission.submit(asker, prompt, again, kind="rerun"), "")


def _check_pictures(recipe: Recipe) -> None:
    """Raise `UserError` or `EngineError` unless the pictures in a recipe are as made here."""
    check_paintable(recipe)
    if recipe.edit is not None:
        _, too_large = read_source(recipe.edit.source)
        if too_large:
            raise UserError("The picture that this recipe edits is larger than those I edit.")
    for prompt in recipe.image_prompts:
        if max(read_picture(prompt.picture).size) > IMAGE_PROMPT_SIDE:
            raise UserError(
                "A picture that this recipe should resemble is larger than those I look at."
            )
