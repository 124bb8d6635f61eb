"""`/compare`: the same words painted by every painter, as the paper's Figure 4 does."""

from dataclasses import dataclass
from itertools import chain

from bot.config import BotSettings
from bot.errors import UserError
from bot.jobs.job import JobOrigin
from bot.languages.message import Message, joined
from bot.submission.painters import missing_text, painters
from bot.submission.policy import SubmissionPolicy, check_prompt
from bot.submission.requester import Requester
from bot.submission.seeds import seed_or_any, variations
from bot.submission.submit import JobSubmission, Queued
from engine.comparison.systems import find_systems
from engine.recipes.kinds import AnyRecipe
from engine.recipes.plain_recipe import read_plain

KIND = "compare"
"""The kind of a job that compares painters."""
COMPARED = ("glide", "mindalle")
"""The painters of the paper's Figure 4 beside VQGAN-CLIP."""
MAX_TRIES = 5
"""Maximum number of tries of each other painter: the paper chose the best of five."""
USUAL_TRIES = 3
"""Number of tries unless someone asks for another, so that nobody waits for long."""


@dataclass(frozen=True)
class Comparisons:
    """Queue comparisons of painters."""

    _settings: BotSettings
    _policy: SubmissionPolicy
    _submission: JobSubmission

    async def queue(
        self, requester: Requester, prompt: str, seed: int | None = None, tries: int | None = None
    ) -> Queued:
        """Queue one picture by VQGAN-CLIP, and `tries` by each other system, fastest first.

        As in the paper, the best of them is shown; here CLIP chooses it.

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
        count = tries or min(USUAL_TRIES, limits.count)
        recipes, notice = self._recipes(prompt, seed_or_any(seed), count)
        recipes, lowered = await self._policy.fit(requester.guild_id, recipes, size=True)
        origin = JobOrigin(KIND, notice=joined(" ", (lowered, _tries_text(count))))
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
        others = [installed[name] for name in COMPARED if name in installed]
        systems = find_systems(self._settings.engine.models, others, tries=tries)
        recipes = [variations(each.recipe(words, seed), each.tries) for each in systems]
        return tuple(chain.from_iterable(recipes)), joined(" ", missing)


def _tries_text(tries: int) -> Message | str:
    """Return how the pictures are chosen, as every message of the job says it."""
    if tries == 1:
        return ""
    return Message(
        "VQGAN-CLIP has one try and the others have {count}, of which CLIP chooses the best.",
        count=tries,
    )
