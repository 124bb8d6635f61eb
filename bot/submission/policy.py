"""Decide what may be painted, by whom, where, and how much: the host's limits and a guild's.

Every request passes `SubmissionPolicy.check` on its way into the queue. Every refusal names the
limit, and says when it ends or who can change it.
"""

import asyncio
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import chain

from bot.config import BotSettings, LimitSettings, Replies
from bot.delivery.moderation_log import ModerationLog
from bot.errors import PromptTooLongError, RefusedError, UserError
from bot.guild_settings import GuildSettings
from bot.languages.message import Message, joined
from bot.storage import Store
from bot.submission.accounts import Accounts
from bot.submission.blocked_words import BlockedWords
from bot.submission.command_access import CommandAccess
from bot.submission.host_decisions import HostDecisions
from bot.submission.permissions import check_permissions
from bot.submission.places import check_place, is_spoiler_place
from bot.submission.recipe_limits import Fitted, check_recipes, fit_count, fit_size, fit_steps
from bot.submission.requester import Requester
from bot.ui.formatting import escape_name
from engine.models.memory import Budget
from engine.painters import choose_plan
from engine.painting import check_grid
from engine.recipes.kinds import AnyRecipe

_BLOCKED_BY_HOST = Message(
    "You are blocked from painting with me. Only the person who runs me can change that."
)
_BLOCKED_BY_SERVER = Message(
    "The moderators of this server blocked you from painting here. Only they can change that."
)


class SubmissionPolicy:
    """Refuses requests with a `UserError`.

    Models and a run must fit into the memory that `memory` returns for the name of the models, if
    it is known.
    """

    def __init__(
        self,
        settings: BotSettings,
        store: Store,
        memory: Callable[[str], Budget | None],
        moderation_log: ModerationLog,
        access: CommandAccess | None = None,
    ) -> None:
        self._host = settings.limits
        self._replies: Replies = settings.discord.replies
        self._moderation_log = moderation_log
        self._access = access or CommandAccess()
        self._memory = memory
        self._store = store
        self._accounts = Accounts(settings, store)
        self._words = BlockedWords(settings.safety)
        self._blocked_people = frozenset(settings.safety.blocked_people)
        self._host_decisions = HostDecisions(store)

    async def limits(self, guild_id: int | None) -> LimitSettings:
        """Return the limits in a guild, or in direct messages."""
        return (await self._store.guild_settings.get(guild_id)).merged_with(self._host)

    async def replies(self, guild_id: int | None) -> Replies:
        """Return which replies in words alone edit a picture; in direct messages all of them."""
        if guild_id is None:
            return "always"
        return (await self._store.guild_settings.get(guild_id)).replies or self._replies

    async def fit(
        self,
        guild_id: int | None,
        recipes: Sequence[AnyRecipe],
        *,
        steps: bool = True,
        size: bool = False,
        count: bool = False,
    ) -> Fitted:
        """Lower what nobody has named to the limits in a guild: `steps`, `size` or `count`.

        Returns the recipes, and sentences about what was lowered, or "".
        """
        limits, notices = await self.limits(guild_id), dict[Message | str, None]()
        fitted = tuple(recipes)
        if count:
            fitted, notice = fit_count(fitted, limits)
            notices[notice] = None
        if steps:
            fitted, notice = fit_steps(fitted, limits)
            notices[notice] = None
        if size:
            sized = [fit_size(recipe, limits) for recipe in fitted]
            fitted = tuple(recipe for recipe, _ in sized)
            notices |= {notice: None for _, notice in sized}
        return fitted, joined(" ", notices)

    async def check(
        self, requester: Requester, prompt: str, recipes: Sequence[AnyRecipe]
    ) -> GuildSettings:
        """Return the settings of the guild, if the requester may ask for these recipes here.

        Raises `UserError` if not, and `EngineError` if it is more than this machine can do.
        """
        guild = await self.check_access(requester, recipes)
        await self._host_decisions.check_open()
        with self.noting_refusals(requester, prompt):
            # Matching long texts takes time.
            await asyncio.to_thread(self._check_content, guild, requester, prompt, recipes)
        return guild

    async def check_early(
        self, requester: Requester, prompt: str = "", recipes: Sequence[AnyRecipe] = ()
    ) -> None:
        """Raise what a request would be refused with, before files for it are read.

        `recipes` are those of the request as far as they are known without the files.
        """
        if recipes:
            guild = await self.check(requester, prompt, recipes)
        else:
            guild = await self.check_access(requester)
            await self._host_decisions.check_open()
        await self.check_quota(requester, guild, max(1, len(recipes)))

    async def check_place(self, requester: Requester) -> None:
        """Raise `UserError` if the guild does not let the user use the bot in this channel."""
        check_place(await self._open_settings(requester), requester)

    async def check_words(self, requester: Requester, *texts: str) -> None:
        """Raise `UserError` if pictures of these texts may not be asked for, or posted, here."""
        guild = await self.check_access(requester)
        with self.noting_refusals(requester, " | ".join(texts)):
            await asyncio.to_thread(self._words.check, guild, requester, texts)

    async def check_text(self, requester: Requester, *texts: str) -> None:
        """Raise `UserError` if texts contain words that are blocked in this channel."""
        guild = await self._open_settings(requester)
        with self.noting_refusals(requester, " | ".join(texts)):
            await asyncio.to_thread(self._words.check, guild, requester, texts)

    async def check_quota(self, requester: Requester, guild: GuildSettings, pictures: int) -> None:
        """Raise `UserError` if the user, the guild or all users together are at a limit.

        No other job may be added between this check and storing the job.
        """
        account = await self._accounts.get(requester.user_id, requester.guild_id, guild)
        await self._accounts.check(account, pictures)

    async def check_access(
        self, requester: Requester, recipes: Sequence[AnyRecipe] = ()
    ) -> GuildSettings:
        """Return the guild's settings, if the bot and the user may paint in this channel.

        `recipes` are those of the request, as far as they are known.
        """
        check_permissions(requester)
        await self._access.check(requester)
        with self.noting_refusals(requester):
            guild = await self._open_settings(requester)
        check_place(guild, requester, recipes)
        return guild

    async def is_spoiler_place(self, requester: Requester) -> bool:
        """Return True if every picture in this channel is posted as a spoiler."""
        return is_spoiler_place(await self._store.guild_settings.get(requester.guild_id), requester)

    @contextmanager
    def noting_refusals(self, requester: Requester, prompt: str = "") -> Generator[None]:
        """Note refusals in the server's moderation log."""
        try:
            yield
        except RefusedError as error:
            self._moderation_log.refused(
                requester.guild_id,
                requester.user_id,
                requester.channel.id,
                error.reason,
                prompt,
            )
            raise

    async def _open_settings(self, requester: Requester) -> GuildSettings:
        """Return the guild's settings.

        Raises `UserError` if damage hides what they allow, or if the user is blocked.
        """
        blocked = (await self._host_decisions.get()).blocked_people | self._blocked_people
        if requester.user_id in blocked:
            raise RefusedError(_BLOCKED_BY_HOST, Message("The host of this bot has blocked them."))
        guild = await self._store.guild_settings.get(requester.guild_id)
        if guild.is_fail_closed:
            raise UserError(
                Message(
                    "The settings of this server are damaged, so I cannot know what is allowed "
                    "here. Ask a moderator to set them again, starting with `/settings reset`."
                )
            )
        if requester.user_id in guild.blocked_people:
            raise RefusedError(_BLOCKED_BY_SERVER, Message("They are blocked in this server."))
        return guild

    def _check_content(
        self, guild: GuildSettings, requester: Requester, prompt: str, recipes: Sequence[AnyRecipe]
    ) -> None:
        check_recipes(recipes, guild.merged_with(self._host))
        for recipe in recipes:
            check_grid(recipe)
            if (memory := self._memory(recipe.models)) is not None:
                choose_plan(recipe, memory)
        texts = [[each.text for each in recipe.prompts] for recipe in recipes]
        # A word may be split over several prompts, which are shown together.
        together = map(" | ".join, texts)
        self._words.check(guild, requester, (prompt, *chain(*texts), *together))


def check_prompt(prompt: str, limits: LimitSettings) -> None:
    """Raise `UserError` if a prompt is too long."""
    limit = limits.prompt_length
    if len(prompt) > limit:
        raise PromptTooLongError(
            Message(
                "The prompt has {length} characters; at most {limit} are allowed here.",
                length=len(prompt),
                limit=limit,
            )
        )


def check_models(recipe: AnyRecipe, installed: Sequence[str]) -> None:
    """Raise `UserError` if a recipe is for models that are not installed here."""
    if recipe.models not in installed:
        raise UserError(
            Message(
                "That picture was painted by {models} models, which I do not have. I paint with "
                "these models: {installed}.",
                models=escape_name(recipe.models),
                installed=", ".join(installed),
            )
        )
