"""Forms that job buttons open: which picture, how many more steps, which prompt."""

from collections.abc import Awaitable, Callable
from typing import Any

import discord
from discord import ui

from bot.errors import UserError
from bot.jobs.records import JobRecord
from bot.languages.catalogue import Language
from bot.languages.message import Message
from bot.services import Services
from bot.submission.followups import FollowupJobs
from bot.submission.job_messages import message_with_pictures
from bot.submission.private_answers import answer_queued
from bot.submission.requester import Requester
from bot.submission.submit import Queued
from bot.ui.base import Form
from bot.ui.filenames import result_number
from bot.ui.forms import WHICH_PICTURE, words_input
from bot.ui.job_text import reading_text
from bot.ui.responses import defer
from bot.ui.uploads import Upload, pictures_in
from engine.editing.followups import words_of
from engine.recipes.checks import MAX_STEPS

FromPicture = Callable[[Requester, JobRecord, int, bytes], Awaitable[discord.Message]]
"""Queues a job that starts from a job's picture with this number."""
_ALL = "0"
"""Option value for all pictures."""
_MAX_DIGITS = 6
"""Maximum length of a number of steps, in characters."""
_MAX_INPUT = 4000
"""Maximum length of a text field, in characters; set by Discord."""


class _JobForm(Form):
    """A form about a job's pictures."""

    def __init__(self, record: JobRecord, title: Message, language: Language) -> None:
        super().__init__(title, language)
        self.record = record

    def ask_which(self, numbers: list[int], *others: discord.SelectOption) -> ui.Select[Any]:
        """Ask which picture is meant; `others` are options before the pictures."""
        recipes = self.record.job.recipes
        options = [
            discord.SelectOption(
                label=_picture_label(number).in_language(self.language),
                value=str(number),
                description=_seed_label(recipes[number - 1].seed).in_language(self.language),
            )
            for number in numbers
        ]
        select: ui.Select[Any] = ui.Select(custom_id="which", options=[*others, *options])
        select.options[0].default = True
        self.ask(WHICH_PICTURE, select)
        return select


class VaryForm(_JobForm):
    """Asks which of several pictures to vary."""

    def __init__(
        self,
        message: discord.Message,
        record: JobRecord,
        numbers: list[int],
        language: Language,
    ) -> None:
        super().__init__(record, Message.in_context("form", "Vary"), language)
        self._message = message
        self._which = self.ask_which(numbers)

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Vary it."""
        await defer(interaction)
        number = _number(self._which) or 1
        vary = interaction.client.services.followups.vary
        await queue_from_picture(interaction, self._message, self.record, number, vary)


class MoreForm(_JobForm):
    """Asks how many more steps to paint, and of which picture."""

    def __init__(
        self, record: JobRecord, numbers: list[int], limit: int, language: Language
    ) -> None:
        super().__init__(record, Message.in_context("form", "More steps"), language)
        most = limit - max(recipe.total_steps for recipe in record.job.recipes)
        if most < 1:
            raise UserError(
                Message(
                    "This picture already has the {limit} steps that are allowed here.",
                    limit=limit,
                )
            )
        self._steps: ui.TextInput[Any] = ui.TextInput(
            custom_id="steps",
            default=str(min(record.job.recipes[0].steps, most)),
            max_length=_MAX_DIGITS,
        )
        how_many = Message.in_context("field", "How many more steps? At most {most}", most=most)
        self.ask(how_many, self._steps)
        every_one = Message.in_context("entry", "All of them").in_language(language)
        everything = discord.SelectOption(label=every_one, value=_ALL)
        self._which = self.ask_which(numbers, everything) if len(numbers) > 1 else None
        self._only = None if len(record.job.recipes) == 1 else numbers[0]

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Queue the steps."""
        await defer(interaction)
        typed = self._steps.value.strip()
        steps = int(typed) if typed.isascii() and typed.isdecimal() else 0
        if not 1 <= steps <= MAX_STEPS:
            raise UserError(Message("Enter the number of steps as a whole number, such as 100."))
        number = self._only if self._which is None else _number(self._which)
        followups: FollowupJobs = interaction.client.services.followups
        requester = Requester.of_interaction(interaction)
        await respond_queued(
            interaction, await followups.add_steps(requester, self.record, number, steps)
        )


class PromptForm(_JobForm):
    """Asks for another prompt for a picture."""

    def __init__(
        self, record: JobRecord, longest: int, number: int | None, language: Language
    ) -> None:
        super().__init__(record, Message.in_context("form", "Edit prompt"), language)
        self._number = number
        prompt = words_of(record.job.recipes[0])[:_MAX_INPUT]
        self._prompt = words_input("prompt", max(longest, len(prompt)))
        self._prompt.default = prompt
        self.ask(Message.in_context("field", "What should the picture show?"), self._prompt)

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        """Queue the picture."""
        await defer(interaction)
        followups: FollowupJobs = interaction.client.services.followups
        requester = Requester.of_interaction(interaction)
        prompt = self._prompt.value
        message = await followups.edit_prompt(requester, self.record, prompt, self._number)
        notice = reading_text(prompt)
        await answer_queued(interaction, Queued(message, notice))


async def queue_from_picture(
    interaction: discord.Interaction[Any],
    message: discord.Message,
    record: JobRecord,
    number: int,
    queue: FromPicture,
) -> None:
    """Queue a job that starts from one of a job's pictures."""
    content = await _picture(interaction, message, record, number)
    requester = Requester.of_interaction(interaction)
    await respond_queued(interaction, await queue(requester, record, number, content))


async def _picture(
    interaction: discord.Interaction[Any], message: discord.Message, record: JobRecord, number: int
) -> bytes:
    """Return one of a job's pictures from the store, or else from the job's messages."""
    services: Services = interaction.client.services
    pictures = await services.store.lifecycle.pictures(record.job.id)
    content = next((each.content for each in pictures if each.number == number), None)
    if content is not None:
        return content
    message = await message_with_pictures(interaction.client, services.store, message)
    files = (each for each in pictures_in(message) if result_number(each.filename) == number)
    file = next(files, None)
    if file is None:
        raise UserError(
            Message("I don't have this picture any more. Attach it to `/edit` instead.")
        )
    async with services.files.turn(interaction.user.id) as turn:
        return await turn.fetch(Upload(file, message))


async def respond_queued(interaction: discord.Interaction[Any], message: discord.Message) -> None:
    """Tell a person when a job that a button queued will be ready."""
    await answer_queued(interaction, Queued(message))


def _picture_label(number: int) -> Message:
    return Message.in_context("entry", "Picture {number}", number=number)


def _seed_label(seed: int) -> Message:
    return Message.in_context("entry", "seed {seed}", seed=seed)


def _number(which: ui.Select[Any]) -> int | None:
    """Return the number of the chosen picture; None for all."""
    chosen = which.values[0] if which.values else which.options[0].value
    return int(chosen) if chosen.isascii() and chosen.isdecimal() and chosen != _ALL else None
