"""Messages about a job, sent and edited until Discord accepts or refuses them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

import discord
from discord import ui
from discord.utils import MISSING

from bot.delivery.calls import ARCHIVED, TOO_OLD, UNKNOWN_MESSAGE, RefusedError, until_accepted
from bot.delivery.removal import delete_message
from bot.jobs.job import Job
from bot.languages.message import Message, in_language
from bot.timings import Timings
from bot.ui.attachments import Attachment, discord_files


@dataclass(frozen=True)
class JobMessage:
    """The content of a message about a job."""

    text: Message | str
    """Put into the language of those who read the channel."""
    files: Sequence[Attachment] = ()
    view: ui.View | None = None


class JobMessages:
    """Sends, edits and deletes messages about one job.

    Temporary failures are repeated for ever. All methods raise `RefusedError`, and those that show
    files `TooLargeError`.
    """

    def __init__(self, client: discord.Client, job: Job, timings: Timings) -> None:
        self._client = client
        self._job = job
        self._timings = timings
        self._direct_id: int | None = None
        """The channel for direct messages to the author, once it is known."""

    async def show(
        self,
        channel_id: int,
        shown_id: int | None,
        message: JobMessage,
        nonce: str,
        *,
        mention: bool = False,
        replaceable: Collection[int] = (UNKNOWN_MESSAGE, ARCHIVED, TOO_OLD),
    ) -> int:
        """Edit a message, or send another one if there is none; return its id.

        Another one also takes the place of a message that can't be edited any more, if Discord's
        code for the reason is in `replaceable`.
        """
        if shown_id is not None:
            try:
                await self.edit(channel_id, shown_id, message)
                return shown_id
            except RefusedError as error:
                if error.code not in replaceable:
                    raise
        return await self.send(channel_id, message, nonce, mention=mention)

    async def edit(self, channel_id: int, message_id: int, message: JobMessage) -> None:
        """Replace the whole content of a message; that pings nobody."""
        shown = self._channel(channel_id).get_partial_message(message_id)
        text = self._text_in(channel_id, message)

        async def edit() -> None:
            files = discord_files(*message.files)  # each call uses them up
            await shown.edit(content=text, attachments=files, view=message.view)

        await until_accepted(edit, self._job.id, self._timings)

    async def send(
        self, channel_id: int, message: JobMessage, nonce: str, *, mention: bool = False
    ) -> int:
        """Send a message and return its id; Discord sends none twice with the same nonce.

        With `mention` it pings the job's author, whom its text names. It pings nobody else.
        """
        pinged = [discord.Object(self._job.author_id)] if mention else False
        mentions = discord.AllowedMentions(
            everyone=False, roles=False, replied_user=False, users=pinged
        )
        text = self._text_in(channel_id, message)

        async def send() -> discord.Message:
            return await self._channel(channel_id).send(
                text,
                files=discord_files(*message.files),
                nonce=nonce,
                view=message.view or MISSING,
                allowed_mentions=mentions,
            )

        return (await until_accepted(send, self._job.id, self._timings)).id

    async def delete(self, channel_id: int, message_id: int) -> None:
        """Delete a message, if it is still there."""
        delete = partial(delete_message, self._client, channel_id, message_id)
        try:
            await until_accepted(delete, self._job.id, self._timings)
        except RefusedError as error:
            if error.code != UNKNOWN_MESSAGE:
                raise

    async def direct_channel(self) -> int:
        """Return the id of the channel for direct messages to the author."""
        author = discord.Object(self._job.author_id)
        create = partial(self._client.create_dm, author)
        self._direct_id = (await until_accepted(create, self._job.id, self._timings)).id
        return self._direct_id

    def _text_in(self, channel_id: int, message: JobMessage) -> str:
        is_direct = channel_id == self._direct_id
        language = self._job.author_language if is_direct else self._job.language
        return in_language(message.text, language)

    def _channel(self, channel_id: int) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(channel_id, guild_id=self._job.guild_id)
