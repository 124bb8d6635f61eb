"""The buttons under a job's messages: stop, cancel, go on, rerun, vary, more steps, edit, delete.

What a custom id says is checked: there is such a job, and the message is one of its own.
"""

from typing import Any

import discord
from discord import ui
from discord.ext import commands

from bot.client import PaintingBot
from bot.delivery.removal import remove_job
from bot.errors import UserError
from bot.jobs.job import UNFINISHED, JobState
from bot.jobs.records import JobRecord
from bot.services import Services
from bot.submission.permissions import Actor
from bot.submission.recipes import prompt_of
from bot.submission.requester import Requester
from bot.ui import buttons, queue_text
from bot.ui.buttons import ButtonPress, JobAction, JobButton
from bot.ui.forms import FORM_SECONDS, words_input
from bot.ui.responses import all_errors, defer, respond, show_form, update_response
from bot.ui.uploads import pictures_in, read_posted
from engine.recipes.recipe import MAX_STEPS

_UNKNOWN = "I do not know this button."
_ELSEWHERE = "That button belongs to another picture. If this one was posted just now, try again."
_STOPPED = {
    JobState.STOPPED: "Stopped: the picture is posted as it stands.",
    JobState.DONE: "It was done before it could stop, and the whole picture is posted.",
    JobState.CANCELLED: "It was cancelled at the same time, so there is no picture.",
    JobState.FAILED: "It failed before it could stop.",
}
_STOPS = "It stops as soon as it can, and the picture is posted as it stands then."
_ALL = "0"
"""The value that stands for all pictures."""
_MOST_DIGITS = 6
_LONGEST_INPUT = 4000


class Buttons(commands.Cog):
    """Do what buttons under a job's messages say."""

    def __init__(self, bot: PaintingBot) -> None:
        self._bot = bot
        self._services = bot.services

    async def cog_load(self) -> None:
        """Have buttons answered, those of earlier runs of the program too."""
        self._bot.add_dynamic_items(JobButton)

    async def cog_unload(self) -> None:
        """Leave them alone again."""
        self._bot.remove_dynamic_items(JobButton)

    @commands.Cog.listener()
    async def on_job_button(
        self, interaction: discord.Interaction, press: ButtonPress | None
    ) -> None:
        """Do what a button says."""
        async with all_errors(interaction):
            if press is None or interaction.message is None:
                raise UserError(_UNKNOWN)
            if press.action in (JobAction.VARY, JobAction.MORE, JobAction.REWORD):
                await self._open_modal(interaction, interaction.message, press)
                return
            await defer(interaction, in_place=press.action is JobAction.CONFIRM_DELETE)
            match press.action:
                case JobAction.STOP:
                    await self._stop(interaction, interaction.message, press)
                case JobAction.CANCEL:
                    await self._cancel(interaction, interaction.message, press)
                case JobAction.DELETE:
                    await self._ask_to_delete(interaction, interaction.message, press)
                case JobAction.CONFIRM_DELETE:
                    await self._delete(interaction, press)
                case _:
                    await self._again(interaction, interaction.message, press)

    async def _stop(
        self, interaction: discord.Interaction, message: discord.Message, press: ButtonPress
    ) -> None:
        record = await self._record(message, press)
        control, person = self._services.control, Actor.of_interaction(interaction)
        await control.stop(record.job.id, person)
        end = await control.wait_for_end(record.job.id)
        await respond(interaction, _STOPS if end is None else _STOPPED[end])

    async def _cancel(
        self, interaction: discord.Interaction, message: discord.Message, press: ButtonPress
    ) -> None:
        record = await self._record(message, press)
        await self._services.control.cancel(record.job.id, Actor.of_interaction(interaction))
        await respond(interaction, "Cancelled.")

    async def _again(
        self, interaction: discord.Interaction, message: discord.Message, press: ButtonPress
    ) -> None:
        """Rerun a job, or go on with it."""
        record = await self._require_editable_job(interaction, message, press)
        asker, again = Requester.of_interaction(interaction), self._services.followups
        act = again.rerun if press.action is JobAction.RERUN else again.resume
        await respond(interaction, queue_text.queued_text((await act(asker, record)).jump_url))

    async def _open_modal(
        self, interaction: discord.Interaction, message: discord.Message, press: ButtonPress
    ) -> None:
        """Ask what is not known yet, if there is something, and do it."""
        record = await self._require_editable_job(interaction, message, press)
        numbers = [
            each.number for each in await self._services.store.lifecycle.pictures(record.job.id)
        ]
        numbers = numbers or list(range(1, len(record.job.recipes) + 1))
        match press.action:
            case JobAction.VARY if len(numbers) == 1:
                await defer(interaction)
                await _vary(self._services, interaction, message, record, numbers[0])
            case JobAction.VARY:
                form = _VaryForm(self._services, message, record, numbers)
                await show_form(interaction, form)
            case JobAction.MORE:
                limits = await self._services.policy.limits(interaction.guild_id)
                form = _MoreForm(self._services, record, numbers, limits.steps)
                await show_form(interaction, form)
            case _:
                await show_form(interaction, _WordsForm(self._services, record))

    async def _ask_to_delete(
        self, interaction: discord.Interaction, message: discord.Message, press: ButtonPress
    ) -> None:
        record = await self._record(message, press)
        await self._check_may_delete(interaction, record)
        view = buttons.confirm_delete_view(record.job.id)
        await update_response(interaction, queue_text.confirm_delete_text(record.job), view=view)

    async def _delete(self, interaction: discord.Interaction, press: ButtonPress) -> None:
        """Delete a job's pictures; its button stands in a message that only one person sees."""
        record = await self._services.control.job(press.job_id)
        await self._check_may_delete(interaction, record)
        if interaction.channel_id not in await self._channels(record):
            raise UserError(_ELSEWHERE)
        removed = await remove_job(interaction.client, self._services.store, record)
        has_thread = record.location is not None and record.location.has_thread
        text = queue_text.deleted_text(removed.messages, removed.undeleted, has_thread=has_thread)
        await update_response(interaction, text)

    async def _check_may_delete(self, interaction: discord.Interaction, record: JobRecord) -> None:
        person = Actor.of_interaction(interaction)
        await self._services.control.require_owner(record.job.id, person)
        if record.state in UNFINISHED:
            raise UserError("This job has not ended: cancel it instead.")
        if record.notified_at is None:
            raise UserError("This job is still being posted. Try again in a minute.")

    async def _channels(self, record: JobRecord) -> set[int | None]:
        """Where there are messages about a job."""
        place = record.location
        posts = await self._services.store.jobs.posts(record.job.id)
        own = set() if place is None else {place.channel_id, place.post_id}
        return own | {post.channel_id for post in posts} - {None}

    async def _require_editable_job(
        self, interaction: discord.Interaction, message: discord.Message, press: ButtonPress
    ) -> JobRecord:
        """The job of a button, if the person may have something like its pictures."""
        record = await self._record(message, press)
        author_id, guild_id = record.job.author_id, interaction.guild_id
        await self._services.edits.check_may_edit_of(author_id, guild_id, interaction.user.id)
        if record.state in UNFINISHED:
            raise UserError("This job has not ended yet.")
        return record

    async def _record(self, message: discord.Message, press: ButtonPress) -> JobRecord:
        """The job of a button; raises `UserError` unless its message is one of the job's."""
        record = await self._services.store.jobs.by_message(message.id)
        if record is None or record.job.id != press.job_id:
            await self._services.control.job(press.job_id)
            raise UserError(_ELSEWHERE)
        return record


class _JobForm(ui.Modal):
    """A form about a job's pictures."""

    def __init__(self, services: Services, record: JobRecord, action: JobAction) -> None:
        super().__init__(title=buttons.label(action), timeout=FORM_SECONDS)
        self.services = services
        self.record = record

    def ask(self, text: str, component: ui.Item[Any]) -> None:
        """Add a question."""
        self.add_item(ui.Label(text=text, component=component))

    def open_for(self, numbers: list[int], *others: discord.SelectOption) -> ui.Select[Any]:
        """Add the question which picture is meant, or one of `others`; the first one, if any."""
        recipes = self.record.job.recipes
        options = [
            discord.SelectOption(
                label=f"Picture {number}",
                value=str(number),
                description=f"seed {recipes[number - 1].seed}",
            )
            for number in numbers
        ]
        select: ui.Select[Any] = ui.Select(custom_id="which", options=[*others, *options])
        select.options[0].default = True
        self.ask("Which picture?", select)
        return select


class _VaryForm(_JobForm):
    """Which of several pictures to vary."""

    def __init__(
        self, services: Services, message: discord.Message, record: JobRecord, numbers: list[int]
    ) -> None:
        super().__init__(services, record, JobAction.VARY)
        self._message = message
        self._which = self.open_for(numbers)

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Vary it."""
        async with all_errors(interaction):
            await defer(interaction)
            number = _number(self._which) or 1
            await _vary(self.services, interaction, self._message, self.record, number)


class _MoreForm(_JobForm):
    """How many more steps, and of which picture."""

    def __init__(
        self, services: Services, record: JobRecord, numbers: list[int], limit: int
    ) -> None:
        super().__init__(services, record, JobAction.MORE)
        most = limit - max(recipe.total_steps for recipe in record.job.recipes)
        if most < 1:
            raise UserError(f"This picture has had all of the {limit} steps that are allowed here.")
        self._steps: ui.TextInput[Any] = ui.TextInput(
            custom_id="steps",
            default=str(min(record.job.recipes[0].steps, most)),
            max_length=_MOST_DIGITS,
        )
        self.ask(f"How many more steps? At most {most}", self._steps)
        everything = discord.SelectOption(label="All of them", value=_ALL)
        self._which = self.open_for(numbers, everything) if len(numbers) > 1 else None
        self._only = None if len(record.job.recipes) == 1 else numbers[0]

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Have them painted."""
        async with all_errors(interaction):
            await defer(interaction)
            typed = self._steps.value.strip()
            steps = int(typed) if typed.isascii() and typed.isdecimal() else 0
            if not 1 <= steps <= MAX_STEPS:
                raise UserError("Say how many steps as a whole number, such as 100.")
            number = self._only if self._which is None else _number(self._which)
            asker = Requester.of_interaction(interaction)
            message = await self.services.followups.add_steps(asker, self.record, number, steps)
            await respond(interaction, queue_text.queued_text(message.jump_url))


class _WordsForm(_JobForm):
    """Other words for a picture."""

    def __init__(self, services: Services, record: JobRecord) -> None:
        super().__init__(services, record, JobAction.REWORD)
        words = prompt_of(record.job.recipes[0])[:_LONGEST_INPUT]
        limit = max(services.settings.limits.prompt_length, len(words))
        self._words = words_input("prompt", limit)
        self._words.default = words
        self.ask("What should the picture show?", self._words)

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Have it painted."""
        async with all_errors(interaction):
            await defer(interaction)
            asker = Requester.of_interaction(interaction)
            message = await self.services.followups.edit_prompt(
                asker, self.record, self._words.value
            )
            await respond(interaction, queue_text.queued_text(message.jump_url))


async def _vary(
    services: Services,
    interaction: discord.Interaction,
    message: discord.Message,
    record: JobRecord,
    number: int,
) -> None:
    """Vary one of a job's pictures, which is kept, or else still in the message."""
    pictures = await services.store.lifecycle.pictures(record.job.id)
    content = next((each.content for each in pictures if each.number == number), None)
    if content is None:
        content = await _posted(services, message, number)
    asker = Requester.of_interaction(interaction)
    queued = await services.followups.vary(asker, record, number, content)
    await respond(interaction, queue_text.queued_text(queued.jump_url))


async def _posted(services: Services, message: discord.Message, number: int) -> bytes:
    """A job's picture from its message."""
    files = pictures_in(message)
    if number > len(files):
        raise UserError("I do not have this picture any more. Attach it to `/edit` instead.")
    limit, hosts = services.settings.limits.image_mib, services.upload_hosts
    return await read_posted(message, files[number - 1], limit, hosts)


def _number(which: ui.Select[Any]) -> int | None:
    """The picture that was chosen; None for all."""
    chosen = which.values[0] if which.values else which.options[0].value
    return int(chosen) if chosen.isascii() and chosen.isdecimal() and chosen != _ALL else None


async def setup(bot: PaintingBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Buttons(bot))
