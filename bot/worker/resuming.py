"""Resuming a picture from its checkpoints, and what users are told if it does not simply go on.

That is so if some are damaged, or if they were made on a device of another kind.
"""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.jobs.job import Job
from bot.jobs.records import StoredCheckpoint
from bot.languages.message import Message
from bot.scheduling.run_kinds import can_be_loaded, goes_on_alike
from engine.errors import CheckpointError

if TYPE_CHECKING:
    from torch import device as torch_device

    from engine.models.painter import Run

log = logging.getLogger(__name__)


def resume_from_newest(
    run: "Run",
    checkpoints: Sequence[StoredCheckpoint],
    device: "torch_device",
    kind: str,
    job: Job,
) -> Message | None:
    """Continue a run at the first checkpoint that can be used, or leave it as it is.

    `device` is that of the run, and `kind` its kind there. Returns the sentence for the user if
    the picture begins again from an earlier step, or may become another one than on one device.
    """
    from engine.checkpoints import load

    used, is_damaged = None, False
    for each in checkpoints:
        if not can_be_loaded(each.runs, kind):
            continue
        try:
            if each.state is None:
                raise CheckpointError("the checkpoint does not have its check sum")
            run.load_state_dict(load(each.state, run.recipe, device))
        except CheckpointError as error:
            cause = {"job": job.id, "steps": each.steps_done, "cause": str(error)}
            log.warning("a checkpoint cannot be used", extra=cause)
            is_damaged = True
        else:
            used = each
            break
    if not checkpoints:
        return None
    number, count = checkpoints[0].picture, len(job.recipes)
    if is_damaged:
        return _damaged_text(number, count, run.steps_done)
    if used is None:
        return _another_type_text(number, count)
    if run.done or run.steps_done == 0 or goes_on_alike(used.runs, kind):
        return None
    return _another_make_text(number, count)


def _another_type_text(number: int, count: int) -> Message:
    if count == 1:
        return Message(
            "The picture was begun on another type of device. Its saved progress can't be used "
            "here, so it is painted again from the beginning."
        )
    return Message(
        "Picture {number} was begun on another type of device. Its saved progress can't be used "
        "here, so it is painted again from the beginning.",
        number=number,
    )


def _another_make_text(number: int, count: int) -> Message:
    if count == 1:
        return Message(
            "The picture continues on another device than before, so it may differ from the "
            "picture of its seed."
        )
    return Message(
        "Picture {number} continues on another device than before, so it may differ from the "
        "picture of its seed.",
        number=number,
    )


def _damaged_text(number: int, count: int, steps: int) -> Message:
    if count == 1 and steps == 0:
        return Message(
            "The saved progress of the picture is damaged, so it continues from the beginning."
        )
    if count == 1:
        return Message(
            "The saved progress of the picture is damaged, so it continues from step {step}.",
            step=steps,
        )
    if steps == 0:
        return Message(
            "The saved progress of picture {number} is damaged, so it continues from the "
            "beginning.",
            number=number,
        )
    return Message(
        "The saved progress of picture {number} is damaged, so it continues from step {step}.",
        number=number,
        step=steps,
    )
