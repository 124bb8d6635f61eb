"""Buttons under a job's messages: the custom id names the action and the job.

They hold nothing else, so they work after a restart too. `cogs.buttons` answers them.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import discord
from discord import ui

from bot.jobs.job import JobState

UNKNOWN = "I don't know this button any more. Please run the command again."
"""Message for a press of a button whose custom id means nothing."""


class JobAction(StrEnum):
    """What a button does with its job."""

    STOP = "stop"
    CANCEL = "cancel"
    GO_ON = "go-on"
    RERUN = "rerun"
    VARY = "vary"
    MORE = "more"
    REWORD = "reword"
    DELETE = "delete"
    """Asks for confirmation."""
    CONFIRM_DELETE = "delete-indeed"


_BUTTON_LABELS: Mapping[JobAction, tuple[str, str]] = {
    JobAction.STOP: ("⏹️", "Stop here"),
    JobAction.CANCEL: ("✖️", "Cancel"),
    JobAction.GO_ON: ("▶️", "Resume"),
    JobAction.RERUN: ("🔁", "Rerun"),
    JobAction.VARY: ("🎲", "Vary"),
    JobAction.MORE: ("⏩", "More steps"),
    JobAction.REWORD: ("✏️", "Edit prompt"),
    JobAction.DELETE: ("🗑️", "Delete"),
    JobAction.CONFIRM_DELETE: ("🗑️", "Delete it"),
}
_UNDER_RESULTS: Mapping[JobState, tuple[JobAction, ...]] = {
    JobState.DONE: (
        JobAction.RERUN,
        JobAction.VARY,
        JobAction.MORE,
        JobAction.REWORD,
        JobAction.DELETE,
    ),
    # A stopped picture can be resumed instead of given more steps.
    JobState.STOPPED: (
        JobAction.GO_ON,
        JobAction.RERUN,
        JobAction.VARY,
        JobAction.REWORD,
        JobAction.DELETE,
    ),
    JobState.FAILED: (JobAction.RERUN, JobAction.REWORD, JobAction.DELETE),
}
_CUSTOM_ID = re.compile(r"job:([a-z-]{1,16}):([1-9][0-9]{0,17})")


def button_view(items: Iterable[ui.Item[Any]]) -> ui.View:
    """Return a view of buttons and menus that a `PersistentItem` answers, by their custom ids.

    The view is stopped: discord.py would keep one that listens for as long as the program runs.
    """
    view = ui.View(timeout=None)
    for item in items:
        view.add_item(item)
    view.stop()
    return view


def parse_custom_id(custom_id: str) -> tuple[JobAction, int] | None:
    """Read the action and the job's id from a custom id; None if it means nothing."""
    found = _CUSTOM_ID.fullmatch(custom_id)
    if found is None or found[1] not in frozenset(JobAction):
        return None
    return JobAction(found[1]), int(found[2])


def label(action: JobAction) -> str:
    """Return the label of an action's button."""
    return _BUTTON_LABELS[action][1]


def progress_view(job_id: int, *, begun: bool) -> ui.View:
    """Return the buttons of an unfinished job: only one that has begun has a picture."""
    return _view(job_id, (JobAction.STOP, JobAction.CANCEL) if begun else (JobAction.CANCEL,))


def result_view(job_id: int, state: JobState) -> ui.View:
    """Return the buttons under the result of a finished job."""
    return _view(job_id, _UNDER_RESULTS[state])


def confirm_delete_view(job_id: int) -> ui.View:
    """Return the button that confirms a deletion."""
    return _view(job_id, (JobAction.CONFIRM_DELETE,))


def _view(job_id: int, actions: Iterable[JobAction]) -> ui.View:
    return button_view(_button(action, job_id) for action in actions)


def _button(action: JobAction, job_id: int) -> ui.Button[Any]:
    emoji, text = _BUTTON_LABELS[action]
    is_final = action is JobAction.CONFIRM_DELETE
    style = discord.ButtonStyle.danger if is_final else discord.ButtonStyle.secondary
    return ui.Button(label=text, emoji=emoji, style=style, custom_id=f"job:{action}:{job_id}")
