"""Post one of a job's pictures by itself, as an ordinary message with buttons."""

import asyncio
import hashlib
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from weakref import WeakValueDictionary

import discord

from bot.config import PostedRecipes
from bot.errors import UserError
from bot.jobs.job import message_url
from bot.jobs.records import JobRecord, StoredPicture
from bot.languages.message import Message, joined
from bot.picture_check import Audience, PictureCheck
from bot.storage import Store
from bot.submission.policy import SubmissionPolicy
from bot.submission.requester import Requester
from bot.submission.server_languages import ServerLanguages
from bot.submission.sources import allowed_here
from bot.ui.attachment_packer import ResultFiles
from bot.ui.attachments import discord_files
from bot.ui.buttons import picture_view
from bot.ui.discord_errors import CALL_ERRORS, bounded, is_too_large
from bot.ui.result_files import result_files
from bot.ui.taken_text import taken_text

_NONCE = 20
"""Length of what begins a nonce; Discord takes at most 25 characters."""
_GONE = Message(
    "I do not keep this picture any more. Save it from the message with all pictures. *Rerun* "
    "paints others like it."
)


@dataclass(frozen=True)
class Takes:
    """Post pictures that people take out of several, each once in a channel."""

    _store: Store
    _policy: SubmissionPolicy
    _pictures: PictureCheck
    _posted_recipes: PostedRecipes
    _underway: WeakValueDictionary[tuple[int, int, int], asyncio.Lock] = field(
        default_factory=WeakValueDictionary["tuple[int, int, int]", asyncio.Lock], init=False
    )
    """The locks of pictures that are posted at the moment, by job, channel and number."""

    async def take(
        self, requester: Requester, guild: discord.Guild | None, record: JobRecord, number: int
    ) -> Message:
        """Post picture `number` of a job, and return a sentence with a link to it.

        Raises `UserError` if it is not stored any more, or may not be posted there.
        """
        texts = [prompt.text for recipe in record.job.recipes for prompt in recipe.prompts]
        await self._policy.check_words(requester, record.job.prompt, *texts)
        key = (record.job.id, requester.channel.id, number)
        async with self._underway.setdefault(key, asyncio.Lock()):
            posted = await self._store.history.taken(*key)
            if posted is not None and await self._is_there(requester, posted):
                url = message_url(requester.guild_id, requester.channel.id, posted)
                return Message("This picture is posted already: {url}", url=url)
            picture = await self._allowed(requester, record, number)
            limit = guild.filesize_limit if guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
            is_spoiler = record.job.spoiler or await self._policy.is_spoiler_place(requester)
            locale = await ServerLanguages(self._store).locale_for(requester)
            record = replace(record, job=replace(record.job, spoiler=is_spoiler, locale=locale))
            files = await asyncio.to_thread(
                result_files, record.job, (picture,), (), limit, self._posted_recipes
            )
            message = await self._send(requester, record, picture, files, _nonce(*key, posted))
        return Message("Posted: {url}", url=message.jump_url)

    async def _allowed(self, requester: Requester, record: JobRecord, number: int) -> StoredPicture:
        """Return a picture from the store; raise `UserError` if it may not be shown here."""
        stored = await self._store.lifecycle.pictures(record.job.id)
        pictures = [each for each in stored if each.number == number]
        if not pictures:
            raise UserError(_GONE)
        audience = Audience(requester.guild_id, requester.channel)
        allowed = await allowed_here(self._pictures, audience, record.job, pictures)
        if not allowed.pictures:
            raise UserError(joined("", (allowed.held_back_text(requester.guild_id),)))
        return pictures[0]

    async def _is_there(self, requester: Requester, message_id: int) -> bool:
        """Return False, and forget the message, if Discord says that it was deleted."""
        try:
            await bounded(requester.channel.fetch_message(message_id))
        except discord.NotFound:
            await self._store.jobs.remove_post(message_id)
            return False
        except CALL_ERRORS:
            pass  # it may be there
        return True

    async def _send(
        self,
        requester: Requester,
        record: JobRecord,
        picture: StoredPicture,
        files: ResultFiles,
        nonce: str,
    ) -> discord.Message:
        """Send the files of a picture, the first ones with its text and buttons."""
        told = joined("\n", (taken_text(record, picture, requester.user_id), *files.notices))
        text = told.in_language(record.job.language)
        view = picture_view(record, picture.number)
        messages: list[discord.Message] = []
        for group in files.groups or ((),):
            attached, each = discord_files(*group), f"{nonce}-{len(messages)}"
            send = requester.channel.send
            message = await _posted(send(text, files=attached, view=view, nonce=each))
            place, number = message.channel.id, picture.number
            await self._store.history.add_repost(record.job.id, place, message.id, number)
            messages.append(message)
            text, view = "", discord.utils.MISSING
        return messages[0]


async def _posted(sending: Awaitable[discord.Message]) -> discord.Message:
    """Return the message that is sent; raise `UserError` if Discord refuses it."""
    try:
        return await bounded(sending)
    except discord.HTTPException as error:
        if is_too_large(error):
            raise UserError(Message("This picture is too large for this channel.")) from error
        reason = Message("I could not post here. Discord says: {reason}", reason=error.text)
        raise UserError(reason) from error


def _nonce(*parts: int | None) -> str:
    """Return a short text that is the same for the same parts."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:_NONCE]
