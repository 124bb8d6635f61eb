"""Queue enlargements of pictures that people upload, and of those that were painted here."""

import asyncio
import hashlib
from dataclasses import dataclass, replace

from PIL import Image

from bot.config import BotSettings
from bot.errors import UserError
from bot.jobs.job import JobOrigin
from bot.languages.message import Message, joined, option_names
from bot.reading.file_readers import read_for_network, read_small
from bot.submission.files import FileReader
from bot.submission.policy import SubmissionPolicy, check_models, check_prompt
from bot.submission.requester import Requester
from bot.submission.seeds import seed_or_any
from bot.submission.submit import JobSubmission, Queued
from bot.ui.uploads import Upload
from engine.editing.enlarging import enlarge_recipe, network_recipe
from engine.errors import EngineError, ModelError
from engine.painters import find_painter
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.plain_recipe import NETWORK
from engine.recipes.recipe import Recipe
from engine.upscaling import ToEnlarge, upscale_recipe

ENLARGEMENT_KIND = "enlarge"
"""The kind of a job that enlarges a picture."""
PAINTER = "painter"
WAYS = (PAINTER, NETWORK)
"""What can enlarge a picture: painting, or a network of the host's."""


@dataclass(frozen=True)
class EnlargementOptions:
    """What a user types into `/upscale`."""

    factor: int
    prompt: str | None = None
    """What the picture shows; None for the words that it was painted from, or none."""
    steps: int | None = None
    """Number of steps of each tile; None for the usual number."""
    seed: int | None = None
    model: str | None = None
    """Name of the models that paint; None for those that painted it, or the host's."""
    by: str = PAINTER
    """One of `WAYS`."""
    spoiler: bool = False
    """Whether the picture is marked as a spoiler."""


@dataclass(frozen=True)
class Enlargements:
    """Queue enlargements of pictures."""

    _settings: BotSettings
    _submission: JobSubmission
    _policy: SubmissionPolicy
    _files: FileReader

    async def queue(
        self, requester: Requester, options: EnlargementOptions, picture: Upload
    ) -> Queued:
        """Queue the enlargement of a picture.

        Raises `UserError` or `EngineError` for what is not allowed.
        """
        if options.by == NETWORK:
            return await self._queue_for_network(requester, options, picture)
        prompt = (options.prompt or "").strip() or None
        check_prompt(prompt or "", self._settings.limits)
        await self._policy.check_early(requester, prompt or "")
        async with self._files.turn(requester.user_id) as turn:
            found, notice = await turn.read(read_small, picture, options.factor)
        recipe = await asyncio.to_thread(self._recipe, found, options, prompt)
        check_models(recipe, self._settings.engine.all_installed)
        recipes, lowered = await self._policy.fit(
            requester.guild_id, (recipe,), steps=options.steps is None
        )
        origin = JobOrigin(
            ENLARGEMENT_KIND,
            spoiler=options.spoiler,
            notice=lowered,
            has_new_words=prompt is not None,
        )
        message = await self._submission.submit(requester, prompt or recipe.title, recipes, origin)
        return Queued(message, joined(" ", (notice, _size_notice(recipe))))

    async def _queue_for_network(
        self, requester: Requester, options: EnlargementOptions, picture: Upload
    ) -> Queued:
        """Queue the enlargement of a picture by the network of the host."""
        self._check_network(options)
        await self._policy.check_early(requester)
        async with self._files.turn(requester.user_id) as turn:
            found, notice = await turn.read(read_for_network, picture, options.factor)
        recipe = await asyncio.to_thread(_network_recipe, found, options.factor)
        origin = JobOrigin(ENLARGEMENT_KIND, spoiler=options.spoiler, has_new_words=False)
        message = await self._submission.submit(requester, recipe.title, (recipe,), origin)
        return Queued(message, joined(" ", (notice, _size_notice(recipe))))

    def _check_network(self, options: EnlargementOptions) -> None:
        """Raise `UserError` if there is no network, or for options that only painting has."""
        if not self._settings.engine.networks:
            raise UserError(
                Message(
                    "I have no network that enlarges pictures. The person who runs me can download "
                    "the file of one and name it as `upscaler` in `config.toml`; until then leave "
                    "out `by`."
                )
            )
        names = ("prompt", "steps", "seed", "model")
        used = [name for name in names if getattr(options, name) is not None]
        if used:
            raise UserError(
                Message(
                    "A network takes no {options}: leave that out, or choose `by: painter`.",
                    options=option_names(*used),
                )
            )

    def _recipe(self, found: ToEnlarge, options: EnlargementOptions, prompt: str | None) -> Recipe:
        """Return the recipe of an enlargement. Writing its picture takes time."""
        engine = self._settings.engine
        origin = found.origin
        if origin is not None:
            is_here = origin.models in engine.installed
            if not is_here or options.model not in (None, origin.models):
                found = replace(found, origin=None)
        return upscale_recipe(
            found,
            prompt,
            options.factor,
            seed=seed_or_any(options.seed),
            models=options.model or engine.models,
            steps=options.steps,
        )


def _network_recipe(found: ToEnlarge, factor: int) -> NetworkRecipe:
    """Return the recipe of an enlargement by the network. Reading its file takes time.

    Raises `ModelError` if the file is gone, and `RecipeError` if the result would be too large.
    """
    path = find_painter(NETWORK).files[NETWORK]
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            "the file of the network that enlarges pictures, {name}, cannot be read here any more",
            name=path.name,
        ) from error
    return network_recipe(found.picture, factor, sha256)


def is_as_usual(recipe: Recipe) -> bool:
    """Return True if the options of `/upscale` say all about a recipe but its words and pictures.

    How its picture is shown, and whether it is a tile, follows from the picture.
    """
    enlargement = recipe.enlargement
    if enlargement is None:
        return False
    blank = Image.new("RGB", (enlargement.width, enlargement.height))
    try:
        usual = enlarge_recipe(
            "a picture",
            blank,
            factor=enlargement.factor,
            seed=recipe.seed,
            models=recipe.models,
            steps=recipe.steps,
            enlarge=recipe.enlarge,
            tile=recipe.tile,
        )
    except EngineError:  # there are no such models any more
        return False
    words = {"prompts": usual.prompts, "image_prompts": (), "init_image": usual.init_image}
    return replace(recipe, **words) == usual


def _size_notice(recipe: Recipe | NetworkRecipe) -> Message:
    width, height = recipe.size
    is_by_network = isinstance(recipe, NetworkRecipe)
    return Message(
        "The result has {size} pixels, painted in {count} parts.",
        size=f"{recipe.enlarge * width}×{recipe.enlarge * height}",
        count=recipe.total_steps if is_by_network else recipe.tile_count,
    )
