"""A copy of a queue that is in another process: asked here, changed there."""

from collections.abc import Callable, Collection, Mapping

from bot.jobs.job import Job
from bot.scheduling.packed_order import PackedOrder, unpack
from bot.scheduling.queue import GpuQueue


class QueueCopy(GpuQueue):
    """What a process knows of the queue that it shares with others.

    Changes are seen here at once, and `ask_to_stop` and `ask_to_remove` pass them on, with the id
    of the job. The order of the others comes with `adopt`, a little later.
    """

    def __init__(
        self,
        ask_to_stop: Callable[[int], None],
        ask_to_remove: Callable[[int], None],
        *,
        fair: bool,
        slice_steps: int,
    ) -> None:
        super().__init__(fair=fair, slice_steps=slice_steps)
        self._ask_to_stop = ask_to_stop
        self._ask_to_remove = ask_to_remove
        self._own: dict[int, tuple[Job, int, str]] = {}
        """The arguments of `put`, by the id of the job, until the job has ended."""
        self._ending = set[int]()
        """Ids of jobs that are not painted any more, until their end is stored."""
        self._gone = set[int]()
        """Ids of jobs that are gone here, until the other process has heard of it."""

    def put(self, job: Job, steps_done: int = 0, runs: str = "") -> None:
        """Add a job of this process; it is painted once the other process hears of it."""
        with self._changed:
            self._own[job.id] = job, steps_done, runs
            if job.id not in self._state.jobs:
                super().put(job, steps_done, runs)

    def remove(self, job_id: int) -> bool:
        """Remove a job, of this process or another one."""
        self._ask_to_remove(job_id)
        return self.ended(job_id)

    def stop(self, job_id: int) -> bool:
        """Ask the painters to end a job where it is."""
        self._ask_to_stop(job_id)
        return super().stop(job_id)

    def expect_end(self, job_id: int) -> None:
        """Note that a job that is removed here ends soon."""
        with self._changed:
            self._ending.add(job_id)

    def own_jobs(self) -> list[int]:
        """Return the ids of the jobs of this process that have not ended."""
        with self._changed:
            return [*self._own, *self._ending]

    def ended(self, job_id: int) -> bool:
        """Note that a job has ended; return True if it was here."""
        with self._changed:
            self._own.pop(job_id, None)
            self._ending.discard(job_id)
            self._gone.add(job_id)
            return super().remove(job_id)

    def unknown(self, job_ids: Collection[int]) -> list[int]:
        """Return those of the ids whose jobs are not in this copy."""
        with self._changed:
            return [each for each in job_ids if each not in self._state.jobs]

    def adopt(self, order: PackedOrder, others: Mapping[int, Job]) -> None:
        """Take over the order of the other process, with jobs that this copy does not have.

        Raises `KeyError` if a job is in neither.
        """
        with self._changed:
            known = {job_id: each.job for job_id, each in self._state.jobs.items()}
            unpack(order, self._state, {**known, **others}.__getitem__)
            self._gone &= self._state.jobs.keys()
            for job_id in self._gone:
                super().remove(job_id)
            for job_id, own in self._own.items():
                if job_id not in self._state.jobs:  # the other process has not heard of it yet
                    super().put(*own)
