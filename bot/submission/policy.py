"""Decide what may be painted, by whom, where, and how much: the host's limits and a guild's.

Every request passes `SubmissionPolicy.check` on its way into the queue. Every refusal names the
limit, and says when it ends or who can change it.
"""

import asyncio
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from math import isqrt

import discord

from bot.config import BotSettings, LimitSettings, Replies
from bot.errors import PromptTooLongError, UserError
from bot.filtering.wordlist import WordList
from bot.guild_settings import GuildSettings
from bot.storage import Store
from bot.submission.accounts import Accounts
from bot.submission.command_access import CommandAccess
from bot.submission.permissions import check_permissions
from bot.submission.requester import Requester
from bot.ui import formatting
from bot.ui.channels import is_age_restricted
from bot.ui.formatting import escape_name
from bot.ui.settings_text import existing, if_known
from engine.models.catalogue import find_models
from engine.recipes.prompts import MAX_PROMPTS
from engine.recipes.recipe import MAX_SIDE, Recipe
from engine.vqgan_clip.memory_estimate import Budget, choose_plan

_ROOM_FOR_STYLES = 128 * MAX_PROMPTS
"""Number of characters that a recipe's prompts may have beyond the limit for typed prompts."""


class SubmissionPolicy:
    """Refuses requests with a `UserError`. Models and a run must fit into `memory`."""

    def __init__(
        self,
        settings: BotSettings,
        store: Store,
        memory: Budget,
        access: CommandAccess | None = None,
    ) -> None:
        self._host = settings.limits
        self._replies: Replies = settings.discord.replies
        self._access = access or CommandAccess()
        self._memory = memory
        self._store = store
        self._accounts = Accounts(settings, store)
        self._blocked = WordList(settings.safety.blocked_words)
        self._age_restricted = WordList(settings.safety.age_restricted_words)

    async def limits(self, guild_id: int | None) -> LimitSettings:
        """Return the limits in a guild, or in direct messages."""
        return (await self._store.guild_settings.get(guild_id)).merged_with(self._host)

    async def replies(self, guild_id: int | None) -> Replies:
        """Return which replies in words alone edit a picture; in direct messages all of them."""
        if guild_id is None:
            return "always"
        return (await self._store.guild_settings.get(guild_id)).replies or self._replies

    async def check(
        self, requester: Requester, prompt: str, recipes: Sequence[Recipe]
    ) -> GuildSettings:
        """Return the settings of the guild, if the requester may ask for these recipes here.

        Raises `UserError` if not, and `EngineError` if it is more than this machine can do.
        """
        guild = await self.check_access(requester)
        # Matching long texts takes time.
        await asyncio.to_thread(self._check_content, guild, requester, prompt, recipes)
        return guild

    async def check_early(
        self, requester: Requester, prompt: str = "", recipes: Sequence[Recipe] = ()
    ) -> None:
        """Raise what a request would be refused with, before files for it are read.

        `recipes` are those of the request as far as they are known without the files.
        """
        if recipes:
            guild = await self.check(requester, prompt, recipes)
        else:
            guild = await self.check_access(requester)
        await self.check_quota(requester, guild, max(1, len(recipes)))

    async def check_place(self, requester: Requester) -> None:
        """Raise `UserError` if the guild does not let the user use the bot in this channel."""
        _check_place(await self._readable_settings(requester), requester)

    async def check_words(self, requester: Requester, *texts: str) -> None:
        """Raise `UserError` if pictures of these texts may not be asked for, or posted, here."""
        guild = await self.check_access(requester)
        await asyncio.to_thread(self._check_words, guild, requester, texts)

    async def check_text(self, requester: Requester, *texts: str) -> None:
        """Raise `UserError` if texts contain words that are blocked in this channel."""
        guild = await self._readable_settings(requester)
        await asyncio.to_thread(self._check_words, guild, requester, texts)

    async def check_quota(self, requester: Requester, guild: GuildSettings, pictures: int) -> None:
        """Raise `UserError` if the user, the guild or all users together are at a limit.

        No other job may be added between this check and storing the job.
        """
        account = await self._accounts.get(requester.user_id, requester.guild_id, guild)
        await self._accounts.check(account, pictures)

    async def check_access(self, requester: Requester) -> GuildSettings:
        """Return the guild's settings, if the bot and the user may paint in this channel."""
        check_permissions(requester)
        await self._access.check(requester)
        guild = await self._readable_settings(requester)
        _check_place(guild, requester)
        return guild

    async def _readable_settings(self, requester: Requester) -> GuildSettings:
        """Return the guild's settings; refuse if damage hides what they allow."""
        guild = await self._store.guild_settings.get(requester.guild_id)
        if guild.is_fail_closed:
            raise UserError(
                "The settings of this server are damaged, so I cannot know what is allowed here. "
                "Ask a moderator to set them again, starting with `/settings reset`."
            )
        return guild

    def _check_content(
        self, guild: GuildSettings, requester: Requester, prompt: str, recipes: Sequence[Recipe]
    ) -> None:
        check_recipes(recipes, guild.merged_with(self._host))
        for recipe in recipes:
            choose_plan(recipe, find_models(recipe.models), self._memory)
        texts = [[each.text for each in recipe.prompts] for recipe in recipes]
        # A word may be split over several prompts, which are shown together.
        together = map(" | ".join, texts)
        self._check_words(guild, requester, (prompt, *chain(*texts), *together))

    def _check_words(
        self, guild: GuildSettings, requester: Requester, texts: Iterable[str]
    ) -> None:
        texts = tuple(dict.fromkeys(texts))
        if word := _first_in((self._blocked, _word_list(guild.blocked_words)), texts):
            raise UserError(
                f"A word in this prompt is blocked here: {formatting.spoiler(word)}. "
                "Use other words."
            )
        if is_age_restricted(requester.channel):
            return
        restricted = (self._age_restricted, _word_list(guild.age_restricted_words))
        if word := _first_in(restricted, texts):
            where = "" if requester.guild_id is not None else ", and never in direct messages"
            raise UserError(
                "A word in this prompt is allowed only in age-restricted channels"
                f"{where}: {formatting.spoiler(word)}. Use such a channel, or other words."
            )


def _check_place(guild: GuildSettings, requester: Requester) -> None:
    """Raise `UserError` if a guild allows painting only in other channels, or for other roles."""
    channel = requester.channel
    channel_id = channel.parent_id if isinstance(channel, discord.Thread) else channel.id
    if guild.channels and channel_id not in guild.channels:
        raise UserError(_only_in(guild.channels, requester))
    if guild.roles and requester.roles.keys().isdisjoint(guild.roles):
        raise UserError(_only_for(guild.roles, requester))


def check_recipes(recipes: Sequence[Recipe], limits: LimitSettings) -> None:
    """Raise `UserError`, naming the limit, if the recipes of a command exceed one."""
    if len(recipes) > limits.count:
        raise UserError(f"At most {limits.count} variations are allowed here, not {len(recipes)}.")
    steps = max(recipe.total_steps for recipe in recipes)
    if steps > limits.steps:
        raise UserError(
            f"At most {limits.steps} steps are allowed here, not {steps}. Choose fewer with "
            "`steps`."
        )
    for recipe in recipes:
        _check_size(recipe, limits.pixels)
        if sum(len(each.text) for each in recipe.prompts) > limits.prompt_length + _ROOM_FOR_STYLES:
            raise UserError(
                f"The prompts of this picture are too long: at most {limits.prompt_length} "
                "characters are allowed here."
            )


def _check_size(recipe: Recipe, most: int) -> None:
    width, height = recipe.width, recipe.height
    if width * height > most:
        side = isqrt(most)
        raise UserError(
            f"Pictures of at most {most} pixels are painted here, such as {side}×{side}, and this "
            f"one has {width}×{height}. Choose a smaller one."
        )
    if width * height * recipe.enlarge**2 > MAX_SIDE**2:
        raise UserError(
            f"This picture would be shown {recipe.enlarge} times larger than {width}×{height}; at "
            f"most {MAX_SIDE}×{MAX_SIDE} pixels are possible."
        )


def _only_in(channels: Sequence[int], requester: Requester) -> str:
    """Return where people can paint, out of the channels on a guild's list."""
    guild = if_known(getattr(requester.channel, "guild", None))
    kept = existing(channels, guild.get_channel) if guild else channels
    if not kept:
        return (
            "All channels in which I may paint in this server were deleted. Ask a moderator: "
            "`/settings show` says what to do."
        )
    return f"In this server I paint only in {formatting.join_mentions(kept, '<#{}>')}."


def _only_for(roles: Sequence[int], requester: Requester) -> str:
    """Return for whom the bot paints, out of the roles on a guild's list."""
    guild = if_known(getattr(requester.channel, "guild", None))
    kept = existing(roles, guild.get_role) if guild else roles
    if not kept:
        return (
            "All roles for which I may paint in this server were deleted. Ask a moderator: "
            "`/settings show` says what to do."
        )
    return (
        "In this server I paint only for people who are "
        f"{formatting.join_mentions(kept, '<@&{}>')}. Ask a moderator."
    )


def _first_in(lists: Iterable[WordList], texts: Iterable[str]) -> str | None:
    found = (each.first_in(text) for text in texts for each in lists)
    return next(filter(None, found), None)


@lru_cache(maxsize=64)
def _word_list(entries: tuple[str, ...]) -> WordList:
    return WordList(entries)


def check_prompt(prompt: str, limits: LimitSettings) -> None:
    """Raise `UserError` if a prompt is too long."""
    limit = limits.prompt_length
    if len(prompt) > limit:
        raise PromptTooLongError(
            f"The prompt has {len(prompt)} characters; at most {limit} are allowed here."
        )


def check_models(recipe: Recipe, models: str) -> None:
    """Raise `UserError` if a recipe is for other models than those that paint here."""
    if recipe.models != models:
        raise UserError(
            f"That picture was painted by {escape_name(recipe.models)} models; "
            f"now I paint with {models} ones."
        )
