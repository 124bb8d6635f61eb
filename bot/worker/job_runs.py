"""The runs of the jobs in the queue: begun with their first slice, suspended if they are too many.

Used by the engine thread only.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError

from bot.jobs.events import Event, Started
from bot.jobs.job import Job
from bot.jobs.records import StoredCheckpoint
from bot.scheduling.seats import Seat
from bot.timings import Timings
from bot.worker.job_run import JobRun
from bot.worker.loaded_models import LoadedModels
from bot.worker.outcomes import Standing
from bot.worker.suspended_run import SuspendedRun

MAX_RESIDENT_RUNS = 32
"""Number of runs that stay on the models' device; others are suspended until their next slice."""


class JobRuns:
    """The runs on `models`, begun from what `load_checkpoints` returns for their jobs.

    `kind` returns the kind of the runs that begin here (`bot.scheduling.run_kinds`), and `device`
    the device, in words.
    `load_checkpoints` is called once for each job. It raises `CancelledError` during shutdown.
    """

    def __init__(
        self,
        models: LoadedModels,
        kind: Callable[[], str],
        device: Callable[[], str],
        publish: Callable[[Event], None],
        load_checkpoints: Callable[[Job], Sequence[StoredCheckpoint]],
        timings: Timings,
    ) -> None:
        self._models = models
        self._kind = kind
        self._device = device
        self._publish = publish
        self._load_checkpoints = load_checkpoints
        self._timings = timings
        self._runs: dict[int, JobRun] = {}
        """Runs by job id, least recently used first."""

    def find(self, job: Job) -> JobRun | None:
        """Return a job's run; None if it has not begun."""
        return self._runs.get(job.id)

    def use(self, job: Job) -> JobRun | Standing | Exception:
        """Return a job's run, which is begun if necessary, or why there is none."""
        run = self._runs.pop(job.id, None)
        if run is None:
            try:
                checkpoints = self._load_checkpoints(job)
            except CancelledError:
                return Standing.WITHDRAWN
            except Exception as error:
                return error
            self._publish(Started(job.id, self._device()))
            run = self._new(job, checkpoints)
        self._runs[job.id] = run
        return run

    def _new(self, job: Job, checkpoints: Sequence[StoredCheckpoint]) -> JobRun:
        models = self._models
        return JobRun(
            *(job, models.get_painter, models.get_judge, checkpoints),
            *(models.budget, self._kind(), self._publish, self._timings),
        )

    def keep_queued(self, seat: Seat) -> None:
        """Drop the runs of jobs that are no longer in the queue, or are painted elsewhere."""
        self._runs = {job_id: run for job_id, run in self._runs.items() if job_id in seat}

    def let_go(self, job: Job) -> SuspendedRun | None:
        """Give a job's run away, for another painter to go on with; return None if it has none."""
        run = self._runs.pop(job.id, None)
        return None if run is None else run.let_go()

    def take_in(self, suspended: SuspendedRun) -> None:
        """Go on with a run that another painter has let go."""
        run = self._new(suspended.job, suspended.checkpoints)
        run.go_on(suspended)
        self._publish(Started(run.job.id, self._device()))
        self._runs[run.job.id] = run

    def suspend_surplus(self, runs: Sequence[JobRun]) -> list[JobRun]:
        """Suspend resident runs that are too many beside these; return the remaining ones."""
        others = [each for each in self._runs.values() if each not in runs and each.is_resident]
        surplus = max(0, len(others) + len(runs) - MAX_RESIDENT_RUNS)
        for each in others[:surplus]:
            each.suspend()
        return others[surplus:]

    def suspend_on(self, models: str) -> None:
        """Suspend all runs on some models."""
        for run in self._runs.values():
            if run.is_resident and run.recipe.models == models:
                run.suspend()

    def save(self) -> None:
        """Publish checkpoints of all steps that are not saved yet."""
        for run in self._runs.values():
            run.save()

    def forget(self) -> None:
        """Drop all runs."""
        self._runs.clear()
