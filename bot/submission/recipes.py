"""Read the recipes of posted pictures, and queue them again.

A picture carries its recipe wherever it was posted, even by another bot like this one. The recipe
is no more trusted than anything else that users send.
"""

import json

import discord

from bot.config import BotSettings
from bot.errors import UserError
from bot.jobs.job import JobOrigin
from bot.languages.catalogue import Language
from bot.languages.message import Message
from bot.reading.file_readers import with_own_pictures
from bot.storage import Store
from bot.submission.files import FileReader, FileTurn
from bot.submission.painters import check_usual_effort
from bot.submission.policy import SubmissionPolicy, check_models, check_prompt
from bot.submission.requester import Requester
from bot.submission.seeds import reseeded
from bot.submission.submit import JobSubmission, Queued
from bot.ui.attachments import Attachment
from bot.ui.filenames import result_number
from bot.ui.uploads import Upload, recipe_beside
from engine.editing.followups import words_of
from engine.films import read_any_provenance
from engine.models.catalogue import find_models
from engine.painting import check_grid
from engine.presets import size_of_shape
from engine.provenance import Provenance
from engine.recipes.kinds import AnyRecipe
from engine.recipes.pictures import check_complete, without_pictures
from engine.recipes.recipe import Recipe
from engine.recipes.shapes import SHAPES

FILENAME = "recipe.json"
"""The name of the file that is sent with the description of a recipe."""
LARGEST = 2
"""The largest canvas of a recipe from elsewhere is the square of this many sides of the models'
native canvas, or another of `SHAPES` that is as much larger than usual."""
MAX_CUTOUTS = 128
"""The most cutouts of a recipe from elsewhere, twice as many as in the paper."""


class RecipeReruns:
    """Read the recipes of posted pictures and queue them again."""

    def __init__(
        self,
        settings: BotSettings,
        submission: JobSubmission,
        policy: SubmissionPolicy,
        store: Store,
        files: FileReader,
    ) -> None:
        self._settings = settings
        self._submission = submission
        self._policy = policy
        self._store = store
        self._files = files

    async def read(self, requester: Requester, upload: Upload) -> Provenance:
        """Read the recipe of a picture or of a JSON file.

        Only text is read, so the file may be as large as the bot's own files.

        Raises `UserError` or `EngineError` if the requester may not, or it holds no recipe.
        """
        await self._policy.check_place(requester)
        async with self._files.turn(requester.user_id) as turn:
            return await turn.read(read_any_provenance, upload, is_text=True)

    async def of_posted(
        self, requester: Requester, message: discord.Message, picture: discord.Attachment
    ) -> AnyRecipe:
        """Return the recipe of a picture that the bot posted, from the store or else its file.

        Only the store's is sure to be complete. Raises `UserError` or `EngineError` without one.
        """
        record = await self._store.jobs.by_post(message.id)
        number = result_number(picture.filename)
        if record is not None and 1 <= number <= len(record.job.recipes):
            return record.job.recipes[number - 1]
        await self._policy.check_early(requester)
        upload = Upload(recipe_beside(message, picture), message)
        return (await self.read(requester, upload)).recipe

    def check(self, recipe: AnyRecipe) -> None:
        """Raise `UserError` or `EngineError` if a recipe from elsewhere cannot be painted here.

        Users may choose neither size nor cutouts freely, and a recipe must not get around that.
        """
        check_models(recipe, self._settings.engine.all_installed)
        _check_effort(recipe)
        check_prompt(words_of(recipe), self._settings.limits)
        check_complete(recipe)

    async def queue(self, requester: Requester, *uploads: Upload, spoiler: bool = False) -> Queued:
        """Queue the recipes in the files of one message with new seeds.

        Raises `UserError` or `EngineError` for what is not allowed.
        """
        await self._policy.check_early(requester)
        async with self._files.turn(requester.user_id) as turn:
            recipes = [await self._paintable(requester, turn, upload) for upload in uploads]
        if len({recipe.models for recipe in recipes}) > 1:
            raise UserError(
                Message(
                    "These pictures were painted by different models. Ask for those of each model "
                    "in a message of their own."
                )
            )
        prompt, again = recipes[0].title, reseeded(recipes)
        has_pictures = any(without_pictures(each) != each for each in recipes)
        origin = JobOrigin(
            kind="rerun",
            spoiler=spoiler,
            borrowed=has_pictures,  # nobody knows whose they are
            has_new_words=False,
        )
        return Queued(await self._submission.submit(requester, prompt, again, origin))

    async def _paintable(self, requester: Requester, turn: FileTurn, upload: Upload) -> AnyRecipe:
        """Return the recipe in a file, with pictures that are safe to use."""
        recipe = (await turn.read(read_any_provenance, upload, is_text=True)).recipe
        self.check(recipe)
        await self._policy.check_early(requester, words_of(recipe), (recipe,))
        check_grid(recipe)
        return await turn.call(with_own_pictures, recipe)


def recipe_file(recipe: AnyRecipe, language: Language, *, spoiler: bool = False) -> Attachment:
    """Return a recipe as a JSON file, described in a language. A large one takes time."""
    description = Message("The recipe of the picture, as JSON").in_language(language)
    content = json.dumps(json.loads(recipe.to_json()), ensure_ascii=False, indent=2)
    return Attachment(FILENAME, content.encode(), description, spoiler)


def most_pixels(models: str) -> int:
    """Return the number of pixels of the largest canvas that people can reach for some models."""
    sizes = (size_of_shape(shape, models) for shape in SHAPES)
    return LARGEST**2 * max(width * height for width, height in sizes)


def _check_effort(recipe: AnyRecipe) -> None:
    """Raise `UserError` if a recipe has more pixels or cutouts than users can ask for here."""
    if not isinstance(recipe, Recipe):
        check_usual_effort(recipe)
        return
    entry = find_models(recipe.models)
    largest = LARGEST * entry.side
    if recipe.width * recipe.height > most_pixels(recipe.models) or recipe.enlarge > entry.enlarge:
        raise UserError(_too_large(recipe, f"{largest}×{largest}", entry.enlarge))
    if recipe.cutouts > MAX_CUTOUTS:
        raise UserError(
            Message(
                "That recipe asks for {cutouts} cutouts. Recipes from elsewhere may ask for at "
                "most {most}.",
                cutouts=recipe.cutouts,
                most=MAX_CUTOUTS,
            )
        )


def _too_large(recipe: AnyRecipe, largest: str, enlarge: int) -> Message:
    """Return that a recipe is too large; `largest` canvas and `enlarge` are possible."""
    size = f"{recipe.width}×{recipe.height}"
    if recipe.enlarge > 1:
        return Message(
            "That recipe is for {size} pixels, shown {shown}×. Recipes from elsewhere may have at "
            "most {largest} pixels, shown {enlarged}×.",
            size=size,
            shown=recipe.enlarge,
            largest=largest,
            enlarged=enlarge,
        )
    return Message(
        "That recipe is for {size} pixels. Recipes from elsewhere may have at most {largest} "
        "pixels, shown {enlarged}×.",
        size=size,
        largest=largest,
        enlarged=enlarge,
    )
