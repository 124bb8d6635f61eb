"""Buttons under a job's messages: what each does stands in its custom id, with the job's number.

They hold nothing else, so that they outlive the program. What they do is the matter of a cog: a
press is the client's event `job_button`, with the interaction and what was pressed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from re import Match
from typing import Any, Self

import discord
from discord import ui

from bot.jobs.job import JobState
from bot.ui.responses import mark_handled

EVENT = "job_button"
"""What a press is called: listeners are named `on_job_button`."""


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
    """Asks once more."""
    CONFIRM_DELETE = "delete-indeed"


@dataclass(frozen=True)
class ButtonPress:
    """What somebody wants of a job, if their custom id is to be believed."""

    action: JobAction
    job_id: int


_BUTTON_LABELS: Mapping[JobAction, tuple[str, str]] = {
    JobAction.STOP: ("⏹️", "Stop here"),
    JobAction.CANCEL: ("✖️", "Cancel"),
    JobAction.GO_ON: ("▶️", "Go on"),
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
    # Going on is what more steps are to a picture that has not had all of its own.
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


class JobButton(ui.DynamicItem[ui.Button[Any]], template=r"(?s:job:.*)"):
    """Does something with a job. Ids that mean nothing are taken too, so that they are answered."""

    def __init__(self, button: ui.Button[Any], press: ButtonPress | None) -> None:
        super().__init__(button)
        self._press = press

    @classmethod
    def of(cls, action: JobAction, job_id: int) -> Self:
        """A new button."""
        emoji, text = _BUTTON_LABELS[action]
        is_final = action is JobAction.CONFIRM_DELETE
        style = discord.ButtonStyle.danger if is_final else discord.ButtonStyle.secondary
        custom_id = f"job:{action}:{job_id}"
        button: ui.Button[Any] = ui.Button(
            label=text, emoji=emoji, style=style, custom_id=custom_id
        )
        return cls(button, ButtonPress(action, job_id))

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], item: ui.Item[Any], match: Match[str], /
    ) -> Self:
        """The button that was pressed, from what Discord says of it."""
        assert isinstance(item, ui.Button)
        return cls(item, _press(match[0]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Say that it was pressed."""
        mark_handled(interaction)
        interaction.client.dispatch(EVENT, interaction, self._press)


def label(action: JobAction) -> str:
    """What a button says."""
    return _BUTTON_LABELS[action][1]


def progress_view(job_id: int, *, begun: bool) -> ui.View:
    """What can be done with a job that has not ended: only one that has begun has a picture."""
    return _view(job_id, (JobAction.STOP, JobAction.CANCEL) if begun else (JobAction.CANCEL,))


def result_view(job_id: int, state: JobState) -> ui.View:
    """What can be done with a job that ended with a message of its own."""
    return _view(job_id, _UNDER_RESULTS[state])


def confirm_delete_view(job_id: int) -> ui.View:
    """The button that deletes indeed."""
    return _view(job_id, (JobAction.CONFIRM_DELETE,))


def _view(job_id: int, actions: Iterable[JobAction]) -> ui.View:
    view = ui.View(timeout=None)
    for action in actions:
        view.add_item(JobButton.of(action, job_id))
    return view


def _press(custom_id: str) -> ButtonPress | None:
    found = _CUSTOM_ID.fullmatch(custom_id)
    if found is None or found[1] not in frozenset(JobAction):
        return None
    return ButtonPress(JobAction(found[1]), int(found[2]))
