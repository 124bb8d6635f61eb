"""What may be painted, by whom, where, and how much: the host's limits and a server's own.

Whatever is asked for passes `Rules.check` on its way into the queue, with its recipes, whichever
way it came. Every refusal says which limit it is, and when it ends or who can change it.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import isqrt

import discord

from bot.config import BotSettings, LimitSettings
from bot.errors import UserError
from bot.filtering.wordlist import WordList
from bot.guild_settings import GuildSettings
from bot.storage import Store
from bot.submission.requester import Channel, Requester
from bot.ui import formatting
from bot.ui.formatting import escape_name
from engine.models.catalogue import find_models
from engine.recipes.prompts import MAX_PROMPTS
from engine.recipes.recipe import MAX_SIDE, Recipe
from engine.vqgan_clip.memory_estimate import Budget, choose_plan

DAY = timedelta(days=1)
_ROOM_FOR_STYLES = 128 * MAX_PROMPTS
"""Characters that recipes may have beyond what can be typed."""


class SubmissionPolicy:
    """Says no, with a `UserError`, or nothing. Models and a run have to fit into `memory`."""

    def __init__(self, settings: BotSettings, store: Store, memory: Budget) -> None:
        self._host = settings.limits
        self._memory = memory
        self._store = store
        self._blocked = WordList(settings.safety.blocked_words)
        self._age_restricted = WordList(settings.safety.age_restricted_words)

    async def limits(self, guild_id: int | None) -> LimitSettings:
        """What one may ask for in a server, or in direct messages."""
        return (await self._store.guild_settings.get(guild_id)).merged_with(self._host)

    async def check(self, asker: Requester, prompt: str, recipes: Sequence[Recipe]) -> None:
        """Raise `UserError` if this person may not ask for this here, and `EngineError` if it is
        more than this machine can do."""
        server = await self._guild_settings_or_refuse(asker)
        _check_place(server, asker)
        _check_role(server, asker)
        check_recipes(recipes, server.merged_with(self._host))
        for recipe in recipes:
            choose_plan(recipe, find_models(recipe.models), self._memory)
        texts = (prompt, *(each.text for recipe in recipes for each in recipe.prompts))
        await self._check_words(server, asker, texts)

    async def check_words(self, asker: Requester, *texts: str) -> None:
        """Raise `UserError` if texts hold words that are not allowed here."""
        await self._check_words(await self._guild_settings_or_refuse(asker), asker, texts)

    async def check_showing(self, asker: Requester, *texts: str) -> None:
        """Raise `UserError` if pictures painted of these words may not be shown here."""
        server = await self._guild_settings_or_refuse(asker)
        _check_place(server, asker)
        _check_role(server, asker)
        await self._check_words(server, asker, texts)

    async def check_usage(self, asker: Requester, pictures: int) -> None:
        """Raise `UserError` if this person, or this server, has asked for too much already.

        From here until the job is stored, nobody else may be let in.
        """
        server = await self._guild_settings_or_refuse(asker)
        await self._check_jobs(server, asker)
        await self._check_day(server, asker, pictures)

    async def _guild_settings_or_refuse(self, asker: Requester) -> GuildSettings:
        """The settings of a server; while they cannot be read, nobody knows what it allows."""
        server = await self._store.guild_settings.get(asker.guild_id)
        if server.is_fail_closed:
            raise UserError(
                "The settings of this server are damaged, so I cannot know what is allowed here. "
                "Ask a moderator to set them anew, beginning with `/settings reset`."
            )
        return server

    async def _check_words(
        self, server: GuildSettings, asker: Requester, texts: Iterable[str]
    ) -> None:
        blocked = (self._blocked, _word_list(server.blocked_words))
        restricted = (self._age_restricted, _word_list(server.age_restricted_words))
        texts = tuple(dict.fromkeys(texts))
        # A long text takes a while.
        if word := await asyncio.to_thread(_first_in, blocked, texts):
            raise UserError(
                f"A word in this prompt is blocked here: {formatting.spoiler(word)}. "
                "Say it in other words."
            )
        if is_age_restricted(asker.channel):
            return
        if word := await asyncio.to_thread(_first_in, restricted, texts):
            where = "" if asker.guild_id is not None else ", and never in direct messages"
            raise UserError(
                "A word in this prompt is allowed only in age-restricted channels"
                f"{where}: {formatting.spoiler(word)}. Use such a channel, or other words."
            )

    async def _check_jobs(self, server: GuildSettings, asker: Requester) -> None:
        person, guild, host = asker.user_id, asker.guild_id, self._host
        if await self._store.jobs.count_unfinished(person) >= host.jobs_per_person:
            raise UserError(_too_many_jobs(host.jobs_per_person, ""))
        if guild is not None:
            limits = server.merged_with(host)
            if (
                await self._store.quotas.count_unfinished_in(guild, person)
                >= limits.jobs_per_person
            ):
                raise UserError(_too_many_jobs(limits.jobs_per_person, " in this server"))
            if await self._store.quotas.count_unfinished_in(guild) >= limits.jobs_per_server:
                raise UserError(
                    f"{_jobs(limits.jobs_per_server)} waiting or running in this server, which is "
                    "the most at a time. Try again when one of them is done."
                )
        if await self._store.jobs.count_unfinished() >= host.jobs:
            raise UserError(
                f"The queue is full: {_jobs(host.jobs)} waiting or running, in all servers "
                "together. Try again in a while."
            )

    async def _check_day(self, server: GuildSettings, asker: Requester, pictures: int) -> None:
        now, person = datetime.now(UTC), asker.user_id
        used = await self._store.quotas.pictures_between(person, now - DAY, now)
        _check_day(used, pictures, self._host.pictures_per_day, "")
        if asker.guild_id is not None and server.pictures_per_day is not None:
            used = await self._store.quotas.pictures_between(person, now - DAY, now, asker.guild_id)
            most = server.merged_with(self._host).pictures_per_day
            _check_day(used, pictures, most, " in this server")


def check_recipes(recipes: Sequence[Recipe], limits: LimitSettings) -> None:
    """Raise `UserError`, naming the limit, if a command's recipes ask for too much."""
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


def is_age_restricted(channel: Channel) -> bool:
    """Whether a channel, or that of a thread, is marked so; where that is unknown, it is not."""
    has_mark = isinstance(
        channel, discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread
    )
    return has_mark and channel.is_nsfw()


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


def _check_place(server: GuildSettings, asker: Requester) -> None:
    """A thread counts as its channel."""
    channel = asker.channel
    place = channel.parent_id if isinstance(channel, discord.Thread) else channel.id
    if server.channels and place not in server.channels:
        raise UserError(
            f"In this server I paint only in {formatting.join_mentions(server.channels, '<#{}>')}."
        )


def _check_role(server: GuildSettings, asker: Requester) -> None:
    if server.roles and asker.roles.keys().isdisjoint(server.roles):
        raise UserError(
            "In this server I paint only for people who are "
            f"{formatting.join_mentions(server.roles, '<@&{}>')}. Ask a moderator."
        )


def _check_day(used: Sequence[tuple[datetime, int]], pictures: int, most: int, where: str) -> None:
    """Raise `UserError` if some pictures more, after those `used`, are more than `most`."""
    if pictures > most:
        raise UserError(f"At most {most} pictures a day are allowed for each person{where}.")
    count = sum(each for _, each in used)
    excess = count + pictures - most
    if excess <= 0:
        return
    for when, each in used:
        excess -= each
        if excess <= 0:
            raise UserError(_day_is_over(count, pictures, most, where, when + DAY))


def _day_is_over(count: int, pictures: int, most: int, where: str, ends: datetime) -> str:
    left = max(0, most - count)
    next_ones = "The next one is" if pictures == 1 else f"The next {pictures} are"
    return (
        f"You have asked for {count} picture{'s' * (count != 1)} in the last 24 hours{where}; at "
        f"most {most} are allowed, so {left or 'none'} {'is' if left < 2 else 'are'} left. "
        f"{next_ones} possible {discord.utils.format_dt(ends, 'R')}."
    )


def _too_many_jobs(most: int, where: str) -> str:
    return (
        f"You have {most} job{'s' * (most != 1)} waiting or running{where}, which is the most at a "
        "time. Wait until one is done."
    )


def _jobs(count: int) -> str:
    return "1 job is" if count == 1 else f"{count} jobs are"


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
        raise UserError(
            f"The prompt has {len(prompt)} characters; at most {limit} are allowed here."
        )


def check_models(recipe: Recipe, models: str) -> None:
    """Raise `UserError` if a recipe is for others than the `models` that paint here."""
    if recipe.models != models:
        raise UserError(
            f"That picture was painted by {escape_name(recipe.models)} models; "
            f"now I paint with {models} ones."
        )
