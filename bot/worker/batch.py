"""The crew: jobs whose pictures advance in the same steps, for as long as one of them has its turn.

They fit together if models, size and plan are the same, and memory suffices for all. Who of them
takes part is for the queue to say, before every step anew. Used by the engine thread only.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from bot.jobs.job import Job
from bot.worker.job_run import Run
from engine.models.catalogue import find_models
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.memory_estimate import (
    Budget,
    available_memory,
    estimate_fixed,
    estimate_peak,
    estimate_run,
    is_out_of_memory,
)

if TYPE_CHECKING:
    from torch import device

log = logging.getLogger(__name__)


class Room:
    """What has room in a step beside the picture of `lead`, which is awake.

    All together have to fit into `memory`, and into what is free.
    """

    def __init__(self, lead: Run, memory: Budget, device: "device") -> None:
        self._recipe, self._plan = lead.recipe, lead.generation.plan
        self._entry = entry = find_models(lead.recipe.models)
        self._is_bf16 = is_bf16 = memory.is_bf16
        free = available_memory(device) + estimate_fixed(entry, is_bf16=is_bf16)
        taken = estimate_peak(lead.recipe, entry, self._plan, is_bf16=is_bf16)
        self._left = memory.capped(free).bytes - taken

    def take(self, recipe: Recipe) -> bool:
        """Whether a picture fits in; if it does, its room is taken."""
        own = self._recipe
        if (recipe.models, recipe.width, recipe.height) != (own.models, own.width, own.height):
            return False
        needed = estimate_run(recipe, self._entry, self._plan, is_bf16=self._is_bf16)
        if needed > self._left:
            return False
        self._left -= needed
        return True


class Crew:
    """What happens during one turn to those that take part in it."""

    def __init__(self) -> None:
        self._apart = False
        self._unfit: set[int] = set()

    def may_join(self, job: Job) -> bool:
        """Whether a job has not turned out to be unfit."""
        return job.id not in self._unfit

    def suits(self, lead: Run, run: Run) -> bool:
        """Whether both, which are awake, advance in one step; if not, that is noted."""
        from engine.vqgan_clip.batching import can_batch

        if can_batch(lead.generation, run.generation):
            return True
        self.refuse(run.job)
        return False

    def refuse(self, job: Job) -> None:
        """Note that a job cannot take part in this turn."""
        self._unfit.add(job.id)

    def step(self, runs: Sequence[Run]) -> list[Exception | None]:
        """Take a step of each run; say why a job has to end, of each of them.

        What ends one leaves the others alone. Every job is charged with the same share of the time.
        """
        began = time.monotonic()
        errors = self._step(runs)
        seconds = (time.monotonic() - began) / len(runs)
        return [
            _error_of(run.note_step, seconds) if error is None else error
            for run, error in zip(runs, errors, strict=True)
        ]

    def _step(self, runs: Sequence[Run]) -> Sequence[Exception | None]:
        """In one step, unless that has failed in this turn: then one after the other."""
        if len(runs) > 1 and not self._apart:
            from engine.vqgan_clip import loop

            try:
                return loop.step([run.generation for run in runs])
            except Exception as error:
                jobs = {"jobs": [run.job.id for run in runs]}
                if isinstance(error, MemoryError | RuntimeError) and is_out_of_memory(error):
                    log.warning("memory ran out in a common step, going on singly", extra=jobs)
                else:
                    log.exception("a common step failed, going on singly", extra=jobs)
            self._apart = True
        return [_error_of(run.step) for run in runs]


def _error_of(act: Callable[..., None], *details: object) -> Exception | None:
    try:
        act(*details)
    except Exception as error:
        return error
    return None
