"""A store in memory of what painters publish."""

import time
from collections.abc import Callable, Sequence

from bot.jobs.events import Checkpoint, Event, Failed, Finished
from bot.jobs.job import Job
from bot.jobs.records import StoredCheckpoint
from engine.checkpoints import dump
from tests.harness.bot_harness import PATIENCE


class KeptEvents:
    """Keeps the events of jobs, and their checkpoints, as the program does."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.checkpoints: dict[int, list[StoredCheckpoint]] = {}

    def publish(self, event: Event) -> None:
        """Keep an event."""
        if isinstance(event, Checkpoint):
            state = event.state
            content = state if isinstance(state, bytes) else dump(dict(state), event.recipe)
            made = event.picture, event.steps_done, event.seconds, content, event.runs
            stored = StoredCheckpoint(*made)
            self.checkpoints.setdefault(event.job_id, []).insert(0, stored)
        self.events.append(event)

    def load(self, job: Job) -> Sequence[StoredCheckpoint]:
        """Return the checkpoints of a job, newest first."""
        return list(self.checkpoints.get(job.id, ()))

    def ends(self) -> list[Finished | Failed]:
        """Return how jobs ended."""
        return [each for each in list(self.events) if isinstance(each, Finished | Failed)]

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until a condition is true."""
        until = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.005)
