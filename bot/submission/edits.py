"""Queue edits of pictures, whether they came as a command, a form or a reply."""

import asyncio
from dataclasses import dataclass

import discord

from bot import errors
from bot.config import BotSettings
from bot.errors import UserError
from bot.jobs.job import JobOrigin
from bot.storage import Store
from bot.submission.policy import SubmissionPolicy, check_models, check_prompt
from bot.submission.requester import Requester
from bot.submission.seeds import seed_or_any, variations
from bot.submission.submit import JobSubmission, Queued
from bot.ui.job_text import reading_text
from bot.ui.uploads import is_own
from engine.editing.edit_pictures import read_edit
from engine.editing.edit_recipe import edit_recipe, feather
from engine.editing.followups import restart_from
from engine.images.image_io import load_picture
from engine.recipes.recipe import Recipe


@dataclass(frozen=True)
class EditOptions:
    """What a user wants a picture to become."""

    prompt: str
    keep: float | None = None
    """The share of the picture to preserve, from 0 to 1; None for the default."""
    steps: int | None = None
    seed: int | None = None
    preset: str | None = None
    count: int = 1
    spoiler: bool = False
    """Whether the picture or the mask is marked as a spoiler."""


@dataclass(frozen=True)
class Edits:
    """Queue edits of pictures, and check who may edit which."""

    _settings: BotSettings
    _submission: JobSubmission
    _policy: SubmissionPolicy
    _store: Store

    async def queue(
        self,
        requester: Requester,
        options: EditOptions,
        picture: bytes,
        mask: bytes | None = None,
    ) -> Queued:
        """Queue an edit of a picture, only inside the white of the mask if there is one.

        Raises `UserError` or `EngineError` for what is not allowed.
        """
        check_prompt(options.prompt, self._settings.limits)
        models = self._settings.engine.models
        recipe, notice = await asyncio.to_thread(_edit_recipe, options, picture, mask, models)
        recipes = variations(recipe, options.count)
        origin = JobOrigin(spoiler=options.spoiler)
        message = await self._submission.submit(requester, options.prompt, recipes, origin)
        reading = reading_text(options.prompt, is_shaped=False)
        return Queued(message, "\n".join(filter(None, (notice, reading))))

    async def queue_restart(
        self, requester: Requester, origin: Recipe, picture: bytes, *, spoiler: bool = False
    ) -> Queued:
        """Queue a picture's recipe again, starting from another picture."""
        loaded = await asyncio.to_thread(load_picture, picture)
        recipe = await asyncio.to_thread(restart_from, origin, loaded.picture)
        check_models(recipe, self._settings.engine.models)
        prompt = " | ".join(map(str, recipe.prompts))
        comes_from = JobOrigin(spoiler=spoiler)
        message = await self._submission.submit(requester, prompt, (recipe,), comes_from)
        return Queued(message, " ".join(map(errors.sentence, loaded.notices("the picture"))))

    async def check_may_edit(self, message: discord.Message, user_id: int) -> None:
        """Raise `UserError` if the message holds pictures that this user may not edit here."""
        if is_own(message):
            author_id = await self._store.jobs.author_of_post(message.id)
            guild_id = None if message.guild is None else message.guild.id
            await self.check_may_edit_of(author_id, guild_id, user_id)

    async def check_may_edit_of(
        self, author_id: int | None, guild_id: int | None, user_id: int
    ) -> None:
        """Raise `UserError` if only `author_id` may edit their pictures in this guild."""
        limits = await self._policy.limits(guild_id)
        if not limits.edit_others and author_id != user_id:
            raise UserError("Here only the person who asked for a picture may edit it.")


def _edit_recipe(
    options: EditOptions, picture: bytes, mask: bytes | None, models: str
) -> tuple[Recipe, str]:
    """Return the first picture's recipe, and notices or "". Decoding pictures takes time."""
    pictures = read_edit(picture, mask)
    recipe = edit_recipe(
        options.prompt,
        pictures.source,
        seed=seed_or_any(options.seed),
        mask=pictures.mask and feather(pictures.mask),
        keep=options.keep,
        models=models,
        preset=options.preset,
        **({} if options.steps is None else {"steps": options.steps}),
    )
    return recipe, " ".join(map(errors.sentence, pictures.notices))
