"""Buttons under a job's messages: what is made of a job, its command line, and deletion.

Custom ids are not trusted: the job must exist, and the message must be one of its own.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import discord

from bot.client import BotCog
from bot.delivery.removal import remove_job
from bot.errors import UserError
from bot.jobs.job import UNFINISHED, JobState
from bot.jobs.records import JobRecord
from bot.languages.message import Message
from bot.services import Services
from bot.submission.deletion import deletable_channels
from bot.submission.permissions import Actor, check_permissions
from bot.submission.requester import Requester
from bot.ui import buttons, queue_text
from bot.ui.base import PersistentButton
from bot.ui.buttons import JobAction, Press, confirm_delete_view
from bot.ui.command_text import command_text
from bot.ui.job_text import CANCELLED
from bot.ui.reader_language import private_language
from bot.ui.responses import defer, respond, show_form, update_response
from cogs.job_forms import (
    FromPicture,
    MoreForm,
    PromptForm,
    VaryForm,
    queue_from_picture,
    respond_queued,
)

_ELSEWHERE = Message(
    "That button belongs to another picture. If this one was posted just now, try again."
)
_STOPPED = {
    JobState.STOPPED: Message("Stopped. I'm posting the picture as it is now."),
    JobState.DONE: Message("It finished before it could stop, so you get the whole picture."),
    JobState.CANCELLED: Message("It was cancelled at the same time, so there's no picture."),
    JobState.FAILED: Message("It failed before it could stop."),
}
_STOPS = Message("It will stop as soon as it can. I'll post the picture as it is then.")


class JobButton(PersistentButton, template=r"(?s:job:.*)"):
    """Does something with a job. The template takes ids that mean nothing, to answer those too."""

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Do what the button says."""
        press = buttons.parse_custom_id(self.custom_id)
        if press is None or interaction.message is None:
            raise UserError(buttons.UNKNOWN)
        await _ACTIONS[press.action](_PressedJob(interaction, interaction.message, press))


class Buttons(BotCog):
    """Answer the buttons under a job's messages."""

    BUTTON = JobButton


class _PressedJob:
    """The job whose button was pressed, with what its buttons do."""

    def __init__(
        self, interaction: discord.Interaction[Any], message: discord.Message, press: Press
    ) -> None:
        self._interaction = interaction
        self._message = message
        self._job_id = press.job_id
        self._number = press.number
        self._services: Services = interaction.client.services
        self._person = Actor.of_interaction(interaction)
        self._language = private_language(interaction)

    async def stop(self) -> None:
        """Stop the job, and say how it ended."""
        await defer(self._interaction)
        await self._record()
        await self._services.control.stop(self._job_id, self._person)
        end = await self._services.control.wait_for_end(self._job_id)
        await respond(self._interaction, _STOPS if end is None else _STOPPED[end])

    async def cancel(self) -> None:
        """Cancel the job."""
        await defer(self._interaction)
        await self._record()
        await self._services.control.cancel(self._job_id, self._person)
        await respond(self._interaction, CANCELLED)

    async def rerun(self) -> None:
        """Queue the job, or its picture, again with other seeds."""
        await self._follow_up(partial(self._services.followups.rerun, number=self._number))

    async def resume(self) -> None:
        """Queue the steps that a stopped job has left."""
        await self._follow_up(self._services.followups.resume)

    async def vary(self) -> None:
        """Vary a picture of the job, after asking which if the button does not say it."""
        if self._number is not None:
            await defer(self._interaction)
            await self._from_picture(self._services.followups.vary, self._number)
            return
        record = await self._editable_record()
        numbers = await self._numbers(record)
        if len(numbers) == 1:
            await defer(self._interaction)
            await self._from_picture(self._services.followups.vary, numbers[0])
        else:
            await show_form(
                self._interaction, VaryForm(self._message, record, numbers, self._language)
            )

    async def enlarge(self) -> None:
        """Queue a picture of the job again, twice as large."""
        await defer(self._interaction)
        await self._from_picture(self._services.followups.enlarge, self._number or 1)

    async def take(self) -> None:
        """Post a picture of the job by itself."""
        if self._number is None:
            raise UserError(buttons.UNKNOWN)
        await defer(self._interaction)
        record = await self._editable_record()
        requester = Requester.of_interaction(self._interaction)
        guild = self._interaction.guild
        told = await self._services.takes.take(requester, guild, record, self._number)
        await respond(self._interaction, told)

    async def ask_for_steps(self) -> None:
        """Ask how many more steps to paint."""
        record = await self._editable_record()
        numbers = await self._numbers(record) if self._number is None else [self._number]
        limits = await self._services.policy.limits(self._interaction.guild_id)
        await show_form(self._interaction, MoreForm(record, numbers, limits.steps, self._language))

    async def ask_for_prompt(self) -> None:
        """Ask for another prompt."""
        record = await self._editable_record()
        longest = self._services.settings.limits.prompt_length
        await show_form(
            self._interaction, PromptForm(record, longest, self._number, self._language)
        )

    async def show_recipe(self) -> None:
        """Show the command that paints the job, or its picture, again."""
        await defer(self._interaction)
        record = await self._record()
        requester, tree = Requester.of_interaction(self._interaction), self._interaction.client.tree
        await self._services.policy.check_place(requester)
        line = await self._services.command_lines.write(tree, record, self._number, requester)
        text, files = command_text(line.text, line.notices, self._language)
        await update_response(self._interaction, text, files)

    async def ask_to_delete(self) -> None:
        """Show the button that deletes the job's pictures."""
        await defer(self._interaction)
        record = await self._record()
        await self._check_may_delete(record)
        is_moderator = self._person.id != record.job.author_id
        text = queue_text.confirm_delete_text(record.job, is_moderator=is_moderator)
        view = confirm_delete_view(self._job_id, self._language)
        await update_response(self._interaction, text, view=view)

    async def delete(self) -> None:
        """Delete the job's pictures; the button is in a message that only one person sees."""
        await defer(self._interaction, in_place=True)
        record = await self._services.control.job(self._job_id)
        await self._check_may_delete(record)
        places = await self._channels(record)
        if self._interaction.channel_id not in places:
            raise UserError(_ELSEWHERE)
        allowed = await deletable_channels(self._interaction, record, places)
        await self._services.moderation_log.deleted(record, self._person.id)
        client, store = self._interaction.client, self._services.store
        removal = await remove_job(client, store, record, allowed)
        place = record.location
        has_thread = place is not None and place.has_thread and place.post_id in allowed
        text = queue_text.deleted_text(
            removal.deleted, removal.undeleted, kept=removal.kept > 0, has_thread=has_thread
        )
        await update_response(self._interaction, text)

    async def _follow_up(
        self, queue: Callable[[Requester, JobRecord], Awaitable[discord.Message]]
    ) -> None:
        await defer(self._interaction)
        record = await self._editable_record()
        requester = Requester.of_interaction(self._interaction)
        await respond_queued(self._interaction, await queue(requester, record))

    async def _from_picture(self, queue: FromPicture, number: int) -> None:
        record = await self._editable_record()
        await queue_from_picture(self._interaction, self._message, record, number, queue)

    async def _check_may_delete(self, record: JobRecord) -> None:
        await self._services.control.require_owner(record.job.id, self._person)
        if record.state in UNFINISHED:
            raise UserError(Message("This job hasn't finished yet. Cancel it instead."))
        if record.notified_at is None:
            raise UserError(Message("This job is still being posted. Try again in a minute."))

    async def _channels(self, record: JobRecord) -> set[int]:
        """Return the channels that hold messages about a job."""
        place = record.location
        posts = await self._services.store.jobs.posts(record.job.id)
        own: set[int] = set() if place is None else {place.channel_id, place.post_id}
        return own | {post.channel_id for post in posts if post.channel_id is not None}

    async def _numbers(self, record: JobRecord) -> list[int]:
        """Return the numbers of the job's stored pictures, or of all if none is stored."""
        pictures = await self._services.store.lifecycle.pictures(record.job.id)
        return [each.number for each in pictures] or list(range(1, len(record.job.recipes) + 1))

    async def _editable_record(self) -> JobRecord:
        """Return the job, if the person may ask for pictures like its own."""
        check_permissions(Requester.of_interaction(self._interaction))
        record = await self._record()
        author_id, guild_id = record.job.author_id, self._interaction.guild_id
        await self._services.edits.check_may_edit_of(author_id, guild_id, self._interaction.user.id)
        if record.state in UNFINISHED:
            raise UserError(Message("This job hasn't finished yet."))
        return record

    async def _record(self) -> JobRecord:
        """Return the job; raise `UserError` unless the message is one of the job's."""
        record = await self._services.store.jobs.by_message(self._message.id)
        if record is None or record.job.id != self._job_id:
            await self._services.control.job(self._job_id)
            raise UserError(_ELSEWHERE)
        return record


_ACTIONS: Mapping[JobAction, Callable[[_PressedJob], Awaitable[None]]] = {
    JobAction.STOP: _PressedJob.stop,
    JobAction.CANCEL: _PressedJob.cancel,
    JobAction.GO_ON: _PressedJob.resume,
    JobAction.RERUN: _PressedJob.rerun,
    JobAction.VARY: _PressedJob.vary,
    JobAction.TAKE: _PressedJob.take,
    JobAction.ENLARGE: _PressedJob.enlarge,
    JobAction.MORE: _PressedJob.ask_for_steps,
    JobAction.REWORD: _PressedJob.ask_for_prompt,
    JobAction.RECIPE: _PressedJob.show_recipe,
    JobAction.DELETE: _PressedJob.ask_to_delete,
    JobAction.CONFIRM_DELETE: _PressedJob.delete,
}
