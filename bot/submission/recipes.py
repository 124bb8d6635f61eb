"""Read the recipes of posted pictures, and queue them again.

A picture carries its recipe wherever it was posted, even by another bot like this one. The recipe
is no more trusted than anything else that users send.
"""

import asyncio
import json

import discord

from bot.config import BotSettings
from bot.errors import UserError
from bot.jobs.job import JobOrigin
from bot.storage import Store
from bot.submission.policy import check_models, check_prompt
from bot.submission.requester import Requester
from bot.submission.seeds import reseeded
from bot.submission.submit import JobSubmission, Queued
from bot.ui.attachments import MAX_MESSAGE_BYTES, Attachment
from bot.ui.filenames import result_number
from bot.ui.uploads import UploadReader, recipe_beside
from engine.editing.edit_pictures import read_source
from engine.editing.edit_recipe import IMAGE_PROMPT_SIDE
from engine.files import MEBIBYTE
from engine.images.image_io import read_picture
from engine.models.catalogue import find_models
from engine.painting import Provenance, check_paintable, read_provenance
from engine.recipes.pictures import check_complete
from engine.recipes.recipe import Recipe

FILENAME = "recipe.json"
"""The name of the file that is sent with the description of a recipe."""
LARGEST = 2
"""The largest canvas of a recipe from elsewhere is the square of this many sides of the models'
native canvas."""
MAX_CUTOUTS = 128
"""The most cutouts of a recipe from elsewhere, twice as many as in the paper."""
_MAX_MIB = MAX_MESSAGE_BYTES // MEBIBYTE


class RecipeReruns:
    """Read the recipes of posted pictures and queue them again."""

    def __init__(
        self,
        settings: BotSettings,
        submission: JobSubmission,
        store: Store,
        upload_hosts: frozenset[str],
    ) -> None:
        self._settings = settings
        self._submission = submission
        self._store = store
        self._uploads = UploadReader(_MAX_MIB, upload_hosts)

    async def read(
        self, file: discord.Attachment, message: discord.Message | None = None
    ) -> Provenance:
        """Read the recipe of a picture or of a JSON file.

        The file was attached to a command, or to a `message` some time ago. Only text is read, so
        it may be as large as the bot's own files.

        Raises `UserError` or `EngineError` if it holds no recipe.
        """
        return await asyncio.to_thread(read_provenance, await self._uploads.read(file, message))

    async def of_posted(self, message: discord.Message, picture: discord.Attachment) -> Recipe:
        """Return the recipe of a picture that the bot posted, from the store or else its file.

        Only the store's is sure to be complete. Raises `UserError` or `EngineError` without one.
        """
        record = await self._store.jobs.by_post(message.id)
        number = result_number(picture.filename)
        if record is not None and 1 <= number <= len(record.job.recipes):
            return record.job.recipes[number - 1]
        return (await self.read(recipe_beside(message, picture), message)).recipe

    def check(self, recipe: Recipe) -> None:
        """Raise `UserError` or `EngineError` if a recipe from elsewhere cannot be painted here.

        Users may choose neither size nor cutouts freely, and a recipe must not get around that.
        """
        check_models(recipe, self._settings.engine.models)
        _check_effort(recipe)
        check_prompt(prompt_of(recipe), self._settings.limits)
        check_complete(recipe)

    async def queue(self, requester: Requester, *recipes: Recipe, spoiler: bool = False) -> Queued:
        """Queue the recipes of one message, from this bot or elsewhere, with new seeds.

        Raises `UserError` or `EngineError` for what is not allowed.
        """
        for recipe in recipes:
            self.check(recipe)
            await asyncio.to_thread(_check_pictures, recipe)
        prompt, again = prompt_of(recipes[0]), reseeded(recipes)
        origin = JobOrigin(kind="rerun", spoiler=spoiler)
        return Queued(await self._submission.submit(requester, prompt, again, origin))


def recipe_file(recipe: Recipe, *, spoiler: bool = False) -> Attachment:
    """Return a recipe as a JSON file. Writing a large recipe takes time."""
    content = json.dumps(json.loads(recipe.to_json()), ensure_ascii=False, indent=2)
    return Attachment(FILENAME, content.encode(), "The recipe of the picture, as JSON", spoiler)


def prompt_of(recipe: Recipe) -> str:
    """Return a recipe's prompts as a user would type them."""
    return " | ".join(map(str, recipe.prompts))


def _check_effort(recipe: Recipe) -> None:
    """Raise `UserError` if a recipe has more pixels or cutouts than users can ask for here."""
    entry = find_models(recipe.models)
    largest = LARGEST * entry.side
    if recipe.width * recipe.height > largest**2 or recipe.enlarge > entry.enlarge:
        shown = f", shown {recipe.enlarge}×" if recipe.enlarge > 1 else ""
        raise UserError(
            f"That recipe is for {recipe.width}×{recipe.height} pixels{shown}. Recipes from "
            f"elsewhere may have at most {largest}×{largest} pixels, shown {entry.enlarge}×."
        )
    if recipe.cutouts > MAX_CUTOUTS:
        raise UserError(
            f"That recipe asks for {recipe.cutouts} cutouts. Recipes from elsewhere may ask for at "
            f"most {MAX_CUTOUTS}."
        )


def _check_pictures(recipe: Recipe) -> None:
    """Raise `UserError` or `EngineError` for pictures in a recipe that this bot would not make."""
    check_paintable(recipe)
    if recipe.edit is not None:
        source, _ = read_source(recipe.edit.source)
        if source.size != read_picture(recipe.edit.source).size:
            raise UserError("The picture that this recipe edits is too large for me.")
    for prompt in recipe.image_prompts:
        if max(read_picture(prompt.picture).size) > IMAGE_PROMPT_SIDE:
            raise UserError("A picture that this recipe should resemble is too large for me.")
