"""Show pictures of earlier jobs again: in a channel, or in a direct message.

In a channel it is an ordinary result with buttons. A direct message is a copy for one person.
"""

import asyncio
from dataclasses import dataclass, replace

import discord
from discord import ui

from bot.config import PostedRecipes
from bot.delivery.held_back import Allowed
from bot.errors import UserError
from bot.jobs.job import WITH_PICTURES, Job
from bot.jobs.records import JobRecord, best_of
from bot.languages.message import Message, in_language, joined
from bot.picture_check import Audience, PictureCheck
from bot.recent_keys import RecentKeys
from bot.storage import Store
from bot.submission.policy import SubmissionPolicy
from bot.submission.requester import Requester
from bot.submission.server_languages import ServerLanguages
from bot.submission.sources import allowed_here
from bot.ui import job_text
from bot.ui.attachments import discord_files
from bot.ui.buttons import result_view
from bot.ui.channels import is_age_restricted
from bot.ui.discord_errors import bounded, is_too_large
from bot.ui.formatting import with_small_print
from bot.ui.result_files import result_files

_NOT_KEPT = Message("I do not keep this picture any more. *Rerun* paints one like it.")
_DIRECT_CLOSED = Message(
    "I can't send you a direct message. Allow direct messages from members of this server in its "
    "privacy settings, then react again."
)
_AGE_RESTRICTED = Message("Pictures of an age-restricted channel stay there, so I send no copy.")
_CLOSED = 50007
"""Discord's code for a person who accepts no direct messages from the bot."""


@dataclass(frozen=True)
class Reposts:
    """Post the pictures of finished jobs again."""

    _store: Store
    _policy: SubmissionPolicy
    _pictures: PictureCheck
    _posted_recipes: PostedRecipes
    _tried: RecentKeys
    """Persons, with the message, who asked for a copy lately."""
    _sent: RecentKeys
    """Persons, with the message, who got a copy lately."""

    async def post(
        self, requester: Requester, guild: discord.Guild | None, job_id: int
    ) -> discord.Message:
        """Post a job's pictures in the requester's channel, and return the first message.

        Raises `UserError` if they are not stored any more, or may not be posted there.
        """
        record = await self._store.jobs.get(job_id)
        if record is None:
            raise UserError(_NOT_KEPT)
        await self._policy.check_words(requester, *_texts(record))
        allowed = await self._allowed(record, requester)
        is_spoiler = record.job.spoiler or await self._policy.is_spoiler_place(requester)
        locale = await ServerLanguages(self._store).locale_for(requester)
        record = replace(record, job=replace(record.job, spoiler=is_spoiler, locale=locale))
        limit = guild.filesize_limit if guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
        held_back = allowed.held_back_text(requester.guild_id)
        text = joined("\n", (_headline(record, requester), held_back))
        best = best_of(record.job, allowed.pictures)
        numbers = [each.number for each in allowed.pictures]
        view = result_view(record, numbers, None if best is None else best.number)
        return await self._send(requester.channel, record.job, allowed, text, limit, view)

    async def send_copy(
        self, client: discord.Client, requester: Requester, message: discord.PartialMessage
    ) -> None:
        """Send a copy of the pictures of a message's job to a person, once in a while.

        Raises `UserError` if they may not have it, or accept no direct messages.
        """
        record, key = await self._store.jobs.by_post(message.id), (message.id, requester.user_id)
        if record is None or record.state not in WITH_PICTURES:
            return
        if key in self._sent or not self._tried.add(key):
            return
        await self._policy.check_words(requester, *_texts(record))
        if is_age_restricted(requester.channel):
            raise UserError(_AGE_RESTRICTED)
        allowed = await self._allowed(record, requester)
        copy_text = job_text.copy_text(record.job, message.jump_url)
        text = joined("\n", (copy_text, allowed.held_back_text(requester.guild_id)))
        direct = await _direct_channel(client, requester.user_id)
        limit = discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
        job = replace(record.job, locale=_own_locale(requester, record.job))
        await self._send(direct, job, allowed, text, limit)
        self._sent.add(key)

    async def _allowed(self, record: JobRecord, requester: Requester) -> Allowed:
        """Return the pictures of a job that may be shown to a requester in their channel.

        Raises `UserError` if there is none.
        """
        pictures = await self._store.lifecycle.pictures(record.job.id)
        if not pictures:
            raise UserError(_NOT_KEPT)
        audience = Audience(requester.guild_id, requester.channel)
        allowed = await allowed_here(self._pictures, audience, record.job, pictures)
        if not allowed.pictures:
            raise UserError(joined("", (allowed.held_back_text(requester.guild_id),)))
        return allowed

    async def _send(
        self,
        channel: discord.abc.Messageable,
        job: Job,
        allowed: Allowed,
        text: Message,
        limit: int,
        view: ui.View = discord.utils.MISSING,
    ) -> discord.Message:
        """Send a job's pictures in messages of up to `limit` bytes; return the first message.

        They are in the language of `job`.
        """
        files = await asyncio.to_thread(
            result_files, job, allowed.pictures, (), limit, self._posted_recipes
        )
        content = in_language(joined("\n", (text, *files.notices)), job.language)
        messages: list[discord.Message] = []
        for group in files.groups or ((),):
            try:
                sent = await bounded(channel.send(content, files=discord_files(*group), view=view))
            except discord.HTTPException as error:
                raise UserError(_refusal(error)) from error
            await self._store.history.add_repost(job.id, sent.channel.id, sent.id)
            messages.append(sent)
            content, view = "", discord.utils.MISSING
        return messages[0]


def _own_locale(requester: Requester, job: Job) -> str | None:
    """Return the language of what only a requester gets, as far as known."""
    known = job.author_locale if requester.user_id == job.author_id else None
    return requester.own_locale or known or requester.locale


def _texts(record: JobRecord) -> list[str]:
    """Return all words that a job's pictures were painted from."""
    words = [prompt.text for recipe in record.job.recipes for prompt in recipe.prompts]
    return [record.job.prompt, *words]


async def _direct_channel(client: discord.Client, user_id: int) -> discord.DMChannel:
    try:
        return await bounded(client.create_dm(discord.Object(user_id)))
    except discord.HTTPException as error:
        raise UserError(_refusal(error)) from error


def _refusal(error: discord.HTTPException) -> Message:
    if is_too_large(error):
        return Message("This picture is too large for this channel.")
    if error.code == _CLOSED:
        return _DIRECT_CLOSED
    return Message("I could not post here. Discord says: {reason}", reason=error.text)


def _headline(record: JobRecord, requester: Requester) -> Message:
    when = discord.utils.format_dt(record.accepted_at, "D")
    again = Message(
        "From {date} · posted again by {person}", date=when, person=f"<@{requester.user_id}>"
    )
    return with_small_print(job_text.headline(record.job), again)
