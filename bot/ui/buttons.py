"""Buttons under a job's messages: the custom id names the action, the job and maybe the picture.

They hold nothing else, so they work after a restart too. `cogs.buttons` answers them.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import discord
from discord import ui

from bot.jobs.job import Job, JobState
from bot.jobs.records import JobRecord
from bot.languages.catalogue import Language
from bot.languages.message import Message
from engine.models.catalogue import can_start_from_picture
from engine.recipes.kinds import AnyRecipe
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.recipe import Recipe

UNKNOWN = Message("I don't know this button any more. Please run the command again.")
"""Message for a press of a button whose custom id means nothing."""
PER_ROW = 5
"""Maximum number of buttons in a row; set by Discord, as is that of five rows."""


class JobAction(StrEnum):
    """What a button does with its job."""

    STOP = "stop"
    CANCEL = "cancel"
    GO_ON = "go-on"
    RERUN = "rerun"
    VARY = "vary"
    TAKE = "take"
    """Posts one of several pictures by itself."""
    MORE = "more"
    ENLARGE = "enlarge"
    REWORD = "reword"
    RECIPE = "recipe"
    DELETE = "delete"
    """Asks for confirmation."""
    CONFIRM_DELETE = "delete-indeed"


_BUTTON_LABELS: Mapping[JobAction, tuple[str, Message]] = {
    JobAction.STOP: ("⏹️", Message.in_context("button", "Stop here")),
    JobAction.CANCEL: ("✖️", Message.in_context("button", "Cancel")),
    JobAction.GO_ON: ("▶️", Message.in_context("button", "Resume")),
    JobAction.RERUN: ("🔁", Message.in_context("button", "Rerun")),
    JobAction.VARY: ("🎲", Message.in_context("button", "Vary")),
    JobAction.TAKE: ("🖼️", Message.in_context("button", "Take")),
    JobAction.MORE: ("⏩", Message.in_context("button", "More steps")),
    JobAction.ENLARGE: ("🔍", Message.in_context("button", "Enlarge ×2")),
    JobAction.REWORD: ("✏️", Message.in_context("button", "Edit prompt")),
    JobAction.RECIPE: ("📋", Message.in_context("button", "Recipe")),
    JobAction.DELETE: ("🗑️", Message.in_context("button", "Delete")),
    JobAction.CONFIRM_DELETE: ("🗑️", Message.in_context("button", "Delete it")),
}
_FOR_EACH: Mapping[JobAction, str] = {JobAction.VARY: "V", JobAction.TAKE: "U"}
"""What people do with one of several pictures: a row for each, with a button for each picture. The
letters are those that people know from other bots."""
_UNDER_RESULTS: Mapping[JobState, tuple[JobAction, ...]] = {
    JobState.DONE: (
        JobAction.VARY,
        JobAction.RERUN,
        JobAction.MORE,
        JobAction.ENLARGE,
        JobAction.REWORD,
    ),
    # A stopped picture can be resumed instead of given more steps.
    JobState.STOPPED: (
        JobAction.GO_ON,
        JobAction.VARY,
        JobAction.RERUN,
        JobAction.ENLARGE,
        JobAction.REWORD,
    ),
    JobState.FAILED: (JobAction.RERUN, JobAction.REWORD),
}
"""What people make of a result, the most usual first."""
_LAST_ROW = (JobAction.RECIPE, JobAction.DELETE)
"""What makes no picture; a deletion stands apart from what people press often."""
_FROM_A_PICTURE = frozenset((JobAction.VARY, JobAction.TAKE, JobAction.ENLARGE))
"""What is always about one picture."""
_ABOUT_ONE = _FROM_A_PICTURE | {
    JobAction.RERUN,
    JobAction.MORE,
    JobAction.REWORD,
    JobAction.RECIPE,
}
"""What can be about one of a job's pictures."""
_CUSTOM_ID = re.compile(r"job:([a-z-]{1,16}):([1-9][0-9]{0,17})(?::([1-9][0-9]?))?")


@dataclass(frozen=True)
class Press:
    """What a custom id says."""

    action: JobAction
    job_id: int
    number: int | None = None
    """The position among the job's pictures, from 1; None if it is about the whole job."""

    def __str__(self) -> str:
        """Return the custom id, which `parse_custom_id` reads."""
        return f"job:{self.action}:{self.job_id}" + (f":{self.number}" if self.number else "")


def button_view(items: Iterable[ui.Item[Any]]) -> ui.View:
    """Return a view of buttons and menus that a `PersistentItem` answers, by their custom ids.

    The view is stopped: discord.py would keep one that listens for as long as the program runs.
    """
    view = ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    view.stop()
    return view


def parse_custom_id(custom_id: str) -> Press | None:
    """Read a custom id; None if it means nothing."""
    found = _CUSTOM_ID.fullmatch(custom_id)
    if found is None or found[1] not in frozenset(JobAction):
        return None
    action, job_id, number = JobAction(found[1]), int(found[2]), found[3]
    if number is None:
        return Press(action, job_id)
    return Press(action, job_id, int(number)) if action in _ABOUT_ONE else None


def label(action: JobAction) -> Message:
    """Return the label of an action's button."""
    return _BUTTON_LABELS[action][1]


def progress_view(job: Job, *, begun: bool) -> ui.View:
    """Return the buttons of an unfinished job: only one that has begun has a picture."""
    actions = (JobAction.STOP, JobAction.CANCEL) if begun else (JobAction.CANCEL,)
    return _view(_row(job.id, actions, job.language))


def shows_progress(message: discord.Message, job: Job) -> bool:
    """Return True if a message has the buttons of `progress_view` for a job."""
    ids = {
        each.custom_id
        for row in message.components
        if isinstance(row, discord.ActionRow)
        for each in row.children
        if isinstance(each, discord.Button)
    }
    return str(Press(JobAction.CANCEL, job.id)) in ids


def result_view(record: JobRecord, numbers: Sequence[int], best: int | None = None) -> ui.View:
    """Return the buttons under a job's result, which shows the pictures with these numbers.

    `best` is the number of the one that is shown large, None if they are shown alike.
    """
    job = record.job
    return _view(*_rows(record, numbers, best), _row(job.id, _LAST_ROW, job.language))


def main_view(record: JobRecord, numbers: Sequence[int], best: int | None = None) -> ui.View:
    """Return the buttons of `result_view` for another message, without those used rarely."""
    return _view(*_rows(record, numbers, best))


def picture_view(record: JobRecord, number: int) -> ui.View:
    """Return the buttons under one of a job's pictures that someone took."""
    job, actions = record.job, _actions(record, has_pictures=True, number=number)
    actions = [each for each in actions if each in _ABOUT_ONE]
    row = partial(_row, job.id, language=job.language, number=number, numbered=_ABOUT_ONE)
    return _view(row(actions, first=actions[0]), row(_LAST_ROW))


def confirm_delete_view(job_id: int, language: Language) -> ui.View:
    """Return the button that confirms a deletion."""
    return _view(_row(job_id, (JobAction.CONFIRM_DELETE,), language))


def _view(*rows: Sequence[ui.Button[Any]]) -> ui.View:
    """Return a view with rows of buttons."""
    for number, row in enumerate(rows):
        for button in row:
            button.row = number
    return button_view(button for row in rows for button in row)


def _rows(
    record: JobRecord, numbers: Sequence[int], best: int | None = None
) -> list[list[ui.Button[Any]]]:
    """Return the rows of buttons that make something of a result.

    The first button stands out, unless there is one for each of several pictures. What is made of
    the best picture is in one row, and the others can be taken.
    """
    job, actions = record.job, _actions(record, has_pictures=bool(numbers))
    row = partial(_row, job.id, language=job.language, first=actions[0])
    if best is not None:
        others = [each for each in numbers if each != best]
        return [row(actions, number=best), _row_of_numbers(job, JobAction.TAKE, others[:PER_ROW])]
    if len(numbers) > 1:
        varied = [each for each in numbers if _can_vary(job.recipes[each - 1])]
        each_of = {JobAction.VARY: varied, JobAction.TAKE: numbers}
        rows = [_row_of_numbers(job, each, of[:PER_ROW]) for each, of in each_of.items() if of]
        rest = [each for each in actions if each not in _FROM_A_PICTURE]
        return [*rows, row(rest)]
    number = numbers[0] if len(numbers) == 1 < len(job.recipes) else None
    return [row(actions, number=number)]


def _actions(
    record: JobRecord, *, has_pictures: bool, number: int | None = None
) -> list[JobAction]:
    """Return what people can make of a result, or of its picture `number`.

    Only VQGAN-CLIP can go on from a picture, and not every picture can be enlarged.
    """
    actions = _UNDER_RESULTS[record.state if has_pictures else JobState.FAILED]
    without = set[JobAction]()
    recipes = record.job.recipes if number is None else (record.job.recipes[number - 1],)
    if not all(isinstance(each, Recipe) for each in recipes):
        without |= {JobAction.MORE, JobAction.ENLARGE}
    if all(isinstance(each, NetworkRecipe) for each in recipes):
        without.add(JobAction.REWORD)
    if not any(map(_can_vary, recipes)):
        without.add(JobAction.VARY)
    if not all(map(_can_grow, recipes)):
        without.add(JobAction.ENLARGE)
    if any(isinstance(each, Recipe) and each.has_fixed_length for each in recipes):
        without.add(JobAction.MORE)
    return [each for each in actions if each not in without]


def _can_vary(recipe: AnyRecipe) -> bool:
    """Return True if another picture can begin with a picture of this recipe."""
    return _can_grow(recipe) and isinstance(recipe, Recipe) and recipe.enlargement is None


def _can_grow(recipe: AnyRecipe) -> bool:
    """Return True if a picture can be painted larger from where it is."""
    return isinstance(recipe, Recipe) and can_start_from_picture(recipe.models)


def _row(
    job_id: int,
    actions: Sequence[JobAction],
    language: Language,
    *,
    first: JobAction | None = None,
    number: int | None = None,
    numbered: Collection[JobAction] = _FROM_A_PICTURE,
) -> list[ui.Button[Any]]:
    """Return a row of buttons; the one for `first` stands out.

    Those for `numbered` actions are about picture `number`.
    """
    presses = [Press(each, job_id, number if each in numbered else None) for each in actions]
    buttons = [_button(each, language) for each in presses]
    for action, button in zip(actions, buttons, strict=True):
        if action is first:
            button.style = discord.ButtonStyle.primary
        if action is JobAction.CONFIRM_DELETE:
            button.style = discord.ButtonStyle.danger
    return buttons


def _row_of_numbers(job: Job, action: JobAction, numbers: Sequence[int]) -> list[ui.Button[Any]]:
    """Return a row with a button for each of several pictures."""
    buttons = [_button(Press(action, job.id, number), job.language) for number in numbers]
    for number, button in zip(numbers, buttons, strict=True):
        button.label = f"{_FOR_EACH[action]}{number}"
    return buttons


def _button(press: Press, language: Language) -> ui.Button[Any]:
    emoji, text = _BUTTON_LABELS[press.action]
    return ui.Button(label=text.in_language(language), emoji=emoji, custom_id=str(press))
