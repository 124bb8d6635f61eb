"""Post pictures of earlier jobs again, as an ordinary message with the same buttons."""

import asyncio
from dataclasses import dataclass, replace

import discord

from bot.config import PostedRecipes
from bot.errors import UserError
from bot.jobs.history import Entry
from bot.jobs.records import JobRecord
from bot.picture_check import Audience, PictureCheck
from bot.storage import Store
from bot.submission.policy import SubmissionPolicy
from bot.submission.requester import Requester
from bot.submission.sources import allowed_here
from bot.ui import job_text
from bot.ui.attachments import discord_files, result_files
from bot.ui.buttons import result_view
from bot.ui.discord_errors import bounded, is_too_large


@dataclass(frozen=True)
class Reposts:
    """Post the pictures of finished jobs again."""

    _store: Store
    _policy: SubmissionPolicy
    _pictures: PictureCheck
    _posted_recipes: PostedRecipes

    async def post(
        self, requester: Requester, guild: discord.Guild | None, entry: Entry
    ) -> discord.Message:
        """Post a job's pictures in the requester's channel, and return the first message.

        Raises `UserError` if they are not stored any more, or may not be posted there.
        """
        record = await self._store.jobs.get(entry.job_id)
        pictures = await self._store.lifecycle.pictures(entry.job_id)
        if record is None or not pictures:
            raise UserError("I do not keep this picture any more. *Rerun* paints one like it.")
        texts = [prompt.text for recipe in record.job.recipes for prompt in recipe.prompts]
        await self._policy.check_words(requester, record.job.prompt, *texts)
        audience = Audience(requester.guild_id, requester.channel)
        allowed = await allowed_here(self._pictures, audience, record.job, pictures)
        held_back = allowed.held_back_text(requester.guild_id)
        if not allowed.pictures:
            raise UserError(held_back)
        is_spoiler = record.job.spoiler or await self._policy.is_spoiler_place(requester)
        job = replace(record.job, spoiler=is_spoiler)
        limit = guild.filesize_limit if guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
        files = await asyncio.to_thread(
            result_files, job, allowed.pictures, (), limit, self._posted_recipes
        )
        lines = (_headline(record, requester), held_back, *files.notices)
        text = "\n".join(filter(None, lines))
        numbers = [each.number for each in allowed.pictures]
        messages: list[discord.Message] = []
        for group in files.groups:
            is_last = group is files.groups[-1]
            view = result_view(record, numbers) if is_last else discord.utils.MISSING
            try:
                message = await bounded(
                    requester.channel.send(text, files=discord_files(*group), view=view)
                )
            except discord.HTTPException as error:
                if is_too_large(error):
                    raise UserError("This picture is too large for this channel.") from error
                raise UserError(f"I could not post here. Discord says: {error.text}") from error
            await self._store.history.add_repost(entry.job_id, message.channel.id, message.id)
            messages.append(message)
            text = ""
        return messages[0]


def _headline(record: JobRecord, requester: Requester) -> str:
    when = discord.utils.format_dt(record.accepted_at, "D")
    return (
        f"{job_text.headline(record.job)}\n-# From {when} · posted again by <@{requester.user_id}>"
    )
