"""The batch: the runs that share the steps of one slice.

They have the same models, size and memory plan, and fit into memory together. The queue selects
them before each step. Used by the engine thread only.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.jobs.job import Job
from bot.scheduling.cost import step_cost
from bot.worker.job_run import JobRun
from engine.models.catalogue import find_entry
from engine.models.memory import Budget, available_memory, estimate_fixed, is_out_of_memory
from engine.painters import can_share_steps, estimate_peak, estimate_run, plan_of, take_shared_step
from engine.recipes.kinds import AnyRecipe

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepResult:
    """What one step did for one run."""

    run: JobRun
    cost: float
    """Cost of the work done; 0 if the step failed."""
    error: Exception | None
    """The error that ends the job; None if it goes on."""


class StepBatch:
    """The batch of one slice, which fits into the memory of its models and what is free.

    `memory` returns the budget for models of a name.
    """

    def __init__(self, memory: Callable[[str], Budget]) -> None:
        self.runs: list[JobRun] = []
        """Runs that take the next step, the leader (whose slice it is) first."""
        self._memory = memory
        self._free_bytes: int | None = None
        """Memory that is left beside the reserved runs; None before the first reservation."""
        self._excluded: set[int] = set()
        self._batching_failed = False

    def start_step(self, leader: JobRun) -> None:
        """Begin the batch of the next step with a resident run."""
        self.runs = [leader]
        self._free_bytes = None

    def reserve(self, job: Job, recipe: AnyRecipe) -> bool:
        """Reserve memory for a picture of a job; return False if it cannot share the step."""
        leader = self.runs[0]
        shape = (leader.recipe.models, leader.recipe.width, leader.recipe.height)
        if job.id in self._excluded or (recipe.models, recipe.width, recipe.height) != shape:
            return False
        if self._free_bytes is None:
            self._free_bytes = self._free_beside(leader)
        plan, memory = plan_of(leader.run), self._memory(recipe.models)
        needed = estimate_run(recipe, plan, is_bf16=memory.is_bf16, is_cuda=memory.is_cuda)
        if needed > self._free_bytes:
            return False
        self._free_bytes -= needed
        return True

    def add(self, run: JobRun) -> bool:
        """Add a resident run; exclude it and return False if it cannot share a step."""
        if not can_share_steps(self.runs[0].run, run.run):
            self.exclude(run.job)
            return False
        self.runs.append(run)
        return True

    def exclude(self, job: Job) -> None:
        """Keep a job out of the batch for the rest of the slice."""
        self._excluded.add(job.id)

    def step(self) -> list[StepResult]:
        """Take one step of each run.

        An error ends only its own job. Each job is charged an even share of the time.
        """
        costs = [step_cost(run.recipe) for run in self.runs]
        began = time.monotonic()
        errors = self._step_runs()
        seconds = (time.monotonic() - began) / len(self.runs)
        results: list[StepResult] = []
        for run, cost, failed in zip(self.runs, costs, errors, strict=True):
            error = failed or run.after_step(seconds)
            results.append(StepResult(run, 0.0 if error else cost, error))
        return results

    def _step_runs(self) -> Sequence[Exception | None]:
        """Take a shared step; after one has failed, take single steps until the slice ends."""
        if len(self.runs) > 1 and not self._batching_failed:
            try:
                return take_shared_step([each.run for each in self.runs])
            except Exception as error:
                self._log_failure(error)
            self._batching_failed = True
        return [run.step() for run in self.runs]

    def _log_failure(self, error: Exception) -> None:
        jobs = {"sharing": [run.job.id for run in self.runs]}
        if isinstance(error, MemoryError | RuntimeError) and is_out_of_memory(error):
            log.warning("memory ran out in a shared step, taking single steps", extra=jobs)
        else:
            log.error("a shared step failed, taking single steps", extra=jobs, exc_info=error)

    def _free_beside(self, leader: JobRun) -> int:
        """Return the bytes that the leader leaves for other runs."""
        memory, entry = self._memory(leader.recipe.models), find_entry(leader.recipe.models)
        kind = {"is_bf16": memory.is_bf16, "is_cuda": memory.is_cuda}
        free = available_memory(leader.device) + estimate_fixed(entry, **kind)
        taken = estimate_peak(leader.recipe, plan_of(leader.run), **kind)
        return memory.capped(free).bytes - taken
