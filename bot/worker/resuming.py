"""Resuming a picture from its stored checkpoints, and what users are told if some are damaged."""

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bot.jobs.records import StoredCheckpoint
from bot.languages.message import Message
from engine.errors import CheckpointError

if TYPE_CHECKING:
    from torch import device as torch_device

    from engine.models.painter import Run

log = logging.getLogger(__name__)


def resume_from_newest(
    run: "Run", checkpoints: Iterable[StoredCheckpoint], device: "torch_device", job_id: int
) -> bool:
    """Continue a run at the first intact checkpoint, or leave it as it is if there is none.

    `device` is that of the run. Returns True if a checkpoint before that one is damaged.
    """
    from engine.checkpoints import load

    is_damaged = False
    for each in checkpoints:
        try:
            if each.state is None:
                raise CheckpointError("the checkpoint does not have its check sum")
            run.load_state_dict(load(each.state, run.recipe, device))
        except CheckpointError as error:
            cause = {"job": job_id, "steps": each.steps_done, "cause": str(error)}
            log.warning("a checkpoint cannot be used", extra=cause)
            is_damaged = True
        else:
            break
    return is_damaged


def checkpoint_fallback_text(number: int, count: int, steps: int) -> Message:
    """Return the sentence for users whose picture resumes behind a damaged checkpoint."""
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
