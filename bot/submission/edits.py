"""Queue edits of pictures, whether they came as a command, a form or a reply."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

import discord

from bot.config import BotSettings
from bot.errors import UserError
from bot.jobs.draft import Draft
from bot.jobs.job import JobOrigin
from bot.languages.message import Message, joined, sentences
from bot.reading.file_readers import read_edit_pictures, read_restart
from bot.storage import Store
from bot.submission.files import FileReader
from bot.submission.painters import is_other_painter, other_edit
from bot.submission.policy import SubmissionPolicy, check_models, check_prompt
from bot.submission.recipe_limits import Fitted
from bot.submission.requester import Requester
from bot.submission.seeds import seed_or_any, variations
from bot.submission.sources import is_borrowed
from bot.submission.submit import JobSubmission, Queued
from bot.ui.job_text import reading_text
from bot.ui.uploads import Upload, is_own
from engine.editing.edit_pictures import EditPictures, read_edit
from engine.editing.edit_recipe import edit_recipe, feather, plain_edit
from engine.presets import make_recipe
from engine.recipes.edit import Edit
from engine.recipes.kinds import AnyRecipe, tile_of_recipe, vqgan_clip_recipe


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
    fade: int | None = None
    """How much of each chapter fades in from the one before, in percent."""
    painter: str | None = None
    """Name of the method that paints, VQGAN-CLIP if left out."""
    spoiler: bool = False
    """Whether the picture or the mask is marked as a spoiler."""
    tile: str | None = None
    """Axes along which the result continues across its edges; None for those of the picture, if it
    was painted here, or else none."""
    models: str | None = None
    """Name of the models that paint; None for those that suit the picture, `Edits.models_of`."""

    @property
    def settings(self) -> dict[str, Any]:
        """Fields of the recipe that replace the preset's, and how a story fades."""
        fade = None if self.fade is None else self.fade / 100
        values = {"steps": self.steps, "tile": self.tile, "fade": fade}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Edits:
    """Queue edits of pictures, and check who may edit which."""

    _settings: BotSettings
    _submission: JobSubmission
    _policy: SubmissionPolicy
    _store: Store
    _files: FileReader

    async def queue(
        self,
        requester: Requester,
        options: EditOptions,
        picture: Upload,
        mask: Upload | None = None,
    ) -> Queued:
        """Queue an edit of a picture, only where the mask changes it if there is one.

        Raises `UserError` or `EngineError` for what is not allowed.
        """
        options = await self._as_painted(options, picture)
        await self._check(requester, options, has_mask=mask is not None)
        async with self._files.turn(requester.user_id) as turn:
            pictures = await turn.read_both(read_edit_pictures, picture, mask)
        borrowed = await is_borrowed(self._store, requester.user_id, picture.message)
        return await self._submit(requester, options, pictures, borrowed=borrowed)

    async def queue_draft(self, requester: Requester, options: EditOptions, draft: Draft) -> Queued:
        """Queue the edit of a draft; raise `UserError` or `EngineError` for what is not allowed."""
        await self._check(requester, options, has_mask=True)
        pictures = await asyncio.to_thread(read_edit, draft.source, draft.mask)
        return await self._submit(requester, options, pictures, borrowed=draft.borrowed)

    async def queue_restart(
        self,
        requester: Requester,
        origin: AnyRecipe,
        picture: Upload,
        *,
        posted: discord.Message,
        spoiler: bool = False,
    ) -> Queued:
        """Queue the recipe of a posted picture again, starting from another picture."""
        check_models(origin, self._settings.engine.all_installed)
        vqgan_clip_recipe(origin)
        (origin,), lowered = await self._policy.fit(requester.guild_id, (origin,))
        prompt = origin.title
        await self._policy.check_early(requester, prompt, (origin,))
        async with self._files.turn(requester.user_id) as turn:
            recipe, notice = await turn.read(read_restart, picture, origin)
        borrowed = await is_borrowed(self._store, requester.user_id, posted)
        comes_from = JobOrigin(
            spoiler=spoiler, borrowed=borrowed, notice=lowered, has_new_words=False
        )
        message = await self._submission.submit(requester, prompt, (recipe,), comes_from)
        return Queued(message, notice)

    async def _check(self, requester: Requester, options: EditOptions, *, has_mask: bool) -> None:
        """Raise what an edit would be refused with, before its pictures are read."""
        check_prompt(options.prompt, self._settings.limits)
        without_picture = self._recipe_without_picture(options, has_mask=has_mask)
        (fitted,), _ = await self._fit(requester, options, without_picture)
        recipes = variations(fitted, options.count)
        await self._policy.check_early(requester, options.prompt, recipes)

    def _recipe_without_picture(self, options: EditOptions, *, has_mask: bool) -> AnyRecipe:
        """Return what is known of a recipe before its pictures are read."""
        if is_other_painter(options.painter):
            return self._other_recipe(options, Edit(b"", b"" if has_mask else None))
        return make_recipe(
            options.prompt,
            seed=seed_or_any(options.seed),
            models=options.models or self._settings.engine.models,
            preset=options.preset,
            **options.settings,
        )

    def _other_recipe(self, options: EditOptions, edit: Edit) -> AnyRecipe:
        """Return the recipe of another painter than VQGAN-CLIP."""
        names = ("keep", "steps", "preset", "tile", "fade")
        used = [name for name in names if getattr(options, name) is not None]
        return other_edit(
            options.painter or "",
            options.prompt,
            self._settings.engine,
            edit,
            seed=seed_or_any(options.seed),
            used=used,
        )

    async def _submit(
        self,
        requester: Requester,
        options: EditOptions,
        pictures: EditPictures,
        *,
        borrowed: bool,
    ) -> Queued:
        models = options.models or self._settings.engine.models
        if is_other_painter(options.painter):
            whole = self._other_recipe(options, await asyncio.to_thread(plain_edit, pictures))
        else:
            whole = await asyncio.to_thread(_edit_recipe, options, pictures, models)
        (recipe,), lowered = await self._fit(requester, options, whole)
        recipes = variations(recipe, options.count)
        origin = JobOrigin(spoiler=options.spoiler, borrowed=borrowed, notice=lowered)
        message = await self._submission.submit(requester, options.prompt, recipes, origin)
        notice = sentences(pictures.notices)
        reading = "" if is_other_painter(options.painter) else reading_text(options.prompt)
        return Queued(message, joined("\n", (notice, reading)))

    async def models_of(self, picture: Upload) -> str:
        """Return the models that edit a picture.

        A picture that the bot painted stays with its models, if they are still installed; for
        others the host can choose.
        """
        engine = self._settings.engine
        if picture.message is None or not is_own(picture.message):
            return engine.editing
        recipe = await self._recipe_of(picture)
        painted = None if recipe is None else recipe.models
        return painted if painted in engine.installed else engine.models

    async def _recipe_of(self, picture: Upload) -> AnyRecipe | None:
        """Return the first recipe of the job that painted a picture of a message, if known."""
        if picture.message is None or not is_own(picture.message):
            return None
        record = await self._store.jobs.by_post(picture.message.id)
        return None if record is None else record.job.recipes[0]

    async def _as_painted(self, options: EditOptions, picture: Upload) -> EditOptions:
        """Return options with the models of a picture that was painted here; tiles stay tiles."""
        models, recipe = await self.models_of(picture), await self._recipe_of(picture)
        tile = options.tile
        if recipe is not None and tile_of_recipe(recipe) != "none":
            tile = tile or tile_of_recipe(recipe)
        return replace(options, models=options.models or models, tile=tile)

    async def _fit(self, requester: Requester, options: EditOptions, recipe: AnyRecipe) -> Fitted:
        """Lower the size, and the steps unless they were named, to the limits."""
        is_free = options.steps is None
        return await self._policy.fit(requester.guild_id, (recipe,), steps=is_free, size=True)

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
            raise UserError(Message("Here only the person who asked for a picture may edit it."))


def _edit_recipe(options: EditOptions, pictures: EditPictures, models: str) -> AnyRecipe:
    """Return the first picture's recipe. Writing its pictures takes time."""
    return edit_recipe(
        options.prompt,
        pictures.source,
        seed=seed_or_any(options.seed),
        mask=pictures.mask and feather(pictures.mask),
        keep=options.keep,
        models=models,
        preset=options.preset,
        **options.settings,
    )
