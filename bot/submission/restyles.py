"""Queue films that restyle people's clips, whether they came as a command or a reply."""

from dataclasses import dataclass, replace
from typing import Any

from bot.config import BotSettings
from bot.errors import UserError
from bot.jobs.job import JobOrigin
from bot.languages.message import Message, joined
from bot.reading.clip_readers import read_clip_to_restyle
from bot.storage import Store
from bot.submission.default_options import DefaultOptions
from bot.submission.files import FileReader
from bot.submission.films import FILM_KIND
from bot.submission.imagine_options import ImagineOptions, checked_models, styled
from bot.submission.policy import SubmissionPolicy, check_prompt
from bot.submission.recipe_limits import size_notice
from bot.submission.requester import Requester
from bot.submission.seeds import seed_or_any
from bot.submission.sources import is_borrowed
from bot.submission.submit import JobSubmission, Queued
from bot.ui.job_text import reading_text
from bot.ui.uploads import Upload
from engine.editing.edit_recipe import canvas_size
from engine.editing.restyle import USUAL_FILM, restyle_recipe
from engine.films import film_of
from engine.images.stored_clip import MAX_SECONDS
from engine.presets import size_within
from engine.recipes.kinds import vqgan_clip_recipe
from engine.recipes.recipe import Recipe

_NO_VIDEO = b""


@dataclass(frozen=True)
class RestyleOptions:
    """What a person wants a clip to become; None for what they left out."""

    prompt: str
    keep: float | None = None
    """The share of each frame to preserve, from 0 to 1."""
    seconds: float | None = None
    """Length of the beginning of the clip that is painted."""
    steps: int | None = None
    seed: int | None = None
    preset: str | None = None
    style: str | None = None
    model: str | None = None
    spoiler: bool = False
    """Whether the clip is marked as a spoiler."""

    @property
    def as_typed(self) -> ImagineOptions:
        """The options that `/imagine` has too."""
        return ImagineOptions(self.prompt, style=self.style)


@dataclass(frozen=True)
class Restyles:
    """Queue films that restyle clips."""

    _settings: BotSettings
    _submission: JobSubmission
    _policy: SubmissionPolicy
    _store: Store
    _files: FileReader
    _default_options: DefaultOptions

    async def queue(self, requester: Requester, options: RestyleOptions, clip: Upload) -> Queued:
        """Queue a film; raise `UserError` or `EngineError` for what is not allowed."""
        if not options.prompt.strip():
            raise UserError(Message("Say in `prompt` what the video should become."))
        check_prompt(options.prompt, self._settings.limits)
        limits = await self._policy.limits(requester.guild_id)
        styled_options = await self._default_options.resolved(requester, options.as_typed)
        wanted = _Wanted(
            options, self._models(options.model), styled_options.style, seed_or_any(options.seed)
        )
        seconds = MAX_SECONDS if options.seconds is None else options.seconds
        longest = wanted.recipe(
            _NO_VIDEO, wanted.usual_size(limits.pixels), round(seconds * USUAL_FILM.shown_rate)
        )
        fitted, lowered = await self._checked(requester, options, longest)
        async with self._files.turn(requester.user_id) as turn:
            read = await turn.read_clip(
                read_clip_to_restyle,
                clip,
                wanted.models,
                limits.pixels,
                USUAL_FILM,
                min(seconds, film_of(fitted)[1].seconds),
            )
        whole = wanted.recipe(read.video, read.size, read.frames)
        recipe = replace(whole, steps=min(whole.steps, fitted.steps))
        is_shorter = whole.total_steps >= fitted.total_steps
        sizes = size_notice(read.size, read.usual_size)
        notices = joined(" ", (lowered if is_shorter else "", sizes))
        borrowed = await is_borrowed(self._store, requester.user_id, clip.message)
        origin = JobOrigin(FILM_KIND, spoiler=options.spoiler, borrowed=borrowed, notice=notices)
        message = await self._submission.submit(requester, options.prompt, (recipe,), origin)
        return Queued(message, joined("\n", (read.notice, reading_text(options.prompt))))

    async def _checked(
        self, requester: Requester, options: RestyleOptions, longest: Recipe
    ) -> tuple[Recipe, Message | str]:
        """Return the longest film that the limits allow, and sentences about what it lacks.

        Raises what any film would be refused with, before the clip is read.
        """
        (found,), lowered = await self._policy.fit(requester.guild_id, (longest,))
        fitted = vqgan_clip_recipe(found)
        checked = fitted
        if options.steps is not None and fitted.steps < options.steps:
            shortest = replace(film_of(longest)[1], frames=2)
            checked = replace(longest, film=shortest)  # has too many steps, whatever the clip is
        await self._policy.check_early(requester, options.prompt, (checked,))
        return fitted, lowered

    def _models(self, name: str | None) -> str:
        """Return the name of the models that paint: those for edits, unless others are named."""
        engine = self._settings.engine
        return engine.editing if name is None else checked_models(name, engine.installed)


@dataclass(frozen=True)
class _Wanted:
    """What somebody wants, with everything but the clip."""

    options: RestyleOptions
    models: str
    style: str | None
    seed: int

    def usual_size(self, most_pixels: int) -> tuple[int, int]:
        """Return the width and height of a square canvas within the limits."""
        return size_within(canvas_size((1, 1), self.models), most_pixels, self.models)

    def recipe(self, video: bytes, size: tuple[int, int], frames: int) -> Recipe:
        """Return the recipe for a clip."""
        options = self.options
        settings: dict[str, Any] = {} if options.steps is None else {"steps": options.steps}
        recipe = restyle_recipe(
            options.prompt,
            video,
            size=size,
            shown=frames,
            seed=self.seed,
            keep=options.keep,
            models=self.models,
            preset=options.preset,
            **settings,
        )
        return recipe if self.style is None else styled(recipe, self.style)
