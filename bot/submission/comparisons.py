"""`/compare`: the same words painted by every painter, as the paper's Figure 4 does."""

from dataclasses import dataclass

from bot.config import BotSettings
from bot.errors import UserError
from bot.jobs.job import JobOrigin
from bot.languages.message import Message, joined
from bot.scheduling.cost import recipe_cost
from bot.submission.painters import missing_text, painters
from bot.submission.policy import SubmissionPolicy, check_prompt
from bot.submission.requester import Requester
from bot.submission.seeds import seed_or_any, variations
from bot.submission.submit import JobSubmission, Queued
from engine.painters import plain_recipe
from engine.presets import make_recipe
from engine.recipes.kinds import AnyRecipe
from engine.recipes.plain_recipe import read_plain

KIND = "compare"
"""The kind of a job that compares painters."""
COMPARED = ("glide", "mindalle")
"""The painters of the paper's Figure 4 beside VQGAN-CLIP."""
MAX_TRIES = 5
"""Maximum number of pictures by each other painter: the paper chose the best of five."""


@dataclass(frozen=True)
class Comparisons:
    """Queue comparisons of painters."""

    _settings: BotSettings
    _policy: SubmissionPolicy
    _submission: JobSubmission

    async def queue(
        self, requester: Requester, prompt: str, seed: int | None = None, tries: int | None = None
    ) -> Queued:
        """Queue one picture by VQGAN-CLIP, and `tries` by each other painter, fastest first.

        Raises `UserError` or `EngineError` for what is not allowed.
        """
        check_prompt(prompt, self._settings.limits)
        limits = await self._policy.limits(requester.guild_id)
        if tries is not None and tries > limits.count:
            raise UserError(
                Message(
                    "At most {most} pictures of each painter are allowed here, not {count}.",
                    most=limits.count,
                    count=tries,
                )
            )
        recipes, notice = self._recipes(prompt, seed_or_any(seed), tries or 1)
        recipes, lowered = await self._policy.fit(requester.guild_id, recipes, size=True)
        origin = JobOrigin(KIND, notice=lowered)
        message = await self._submission.submit(requester, prompt.strip(), recipes, origin)
        return Queued(message, notice)

    def _recipes(
        self, prompt: str, seed: int, tries: int
    ) -> tuple[tuple[AnyRecipe, ...], Message | str]:
        """Return the recipes of a comparison, and which painters are missing."""
        words = read_plain(prompt, "/compare")
        installed = painters(self._settings.engine)
        missing = [missing_text(name) for name in COMPARED if name not in installed]
        if len(missing) == len(COMPARED):
            raise UserError(joined(" ", missing))
        first = make_recipe(words, seed=seed, models=self._settings.engine.models)
        recipes: list[tuple[AnyRecipe, ...]] = [(first,)]
        for name in COMPARED:
            if name in installed:
                recipe = plain_recipe(installed[name], words, seed=seed)
                recipes.append(variations(recipe, tries))
        recipes.sort(key=lambda each: recipe_cost(each[0]))
        return tuple(recipe for each in recipes for recipe in each), joined(" ", missing)
