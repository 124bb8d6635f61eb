"""Where the runs of jobs live: on the painter of one seat, or nowhere before the first slice."""

from collections import defaultdict
from collections.abc import Iterable

from bot.scheduling.queued_job import QueuedJob


class Homes:
    """The jobs whose runs live at each seat."""

    def __init__(self) -> None:
        self._jobs: defaultdict[int, dict[int, QueuedJob]] = defaultdict(dict)
        """Jobs by seat and id."""

    def settle(self, queued: QueuedJob, seat: int | None) -> None:
        """Note that a job's run lives at `seat` from now on, or nowhere."""
        if queued.home is not None:
            self._jobs[queued.home].pop(queued.job.id, None)
        queued.home = seat
        if seat is not None:
            self._jobs[seat][queued.job.id] = queued

    def at(self, seat: int) -> Iterable[QueuedJob]:
        """Return the jobs whose runs live at a seat."""
        return self._jobs[seat].values()
