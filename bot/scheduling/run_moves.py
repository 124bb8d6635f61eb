"""A run that moves from one painter to another, between two steps.

The painter that has it is asked for it as for a model call. It lets go of the run, and only then
does the other one get it: no run is ever painted by two.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from bot.jobs.job import Job


class RunMove:
    """The move of a job's run away from the painter that has it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.result: Future[Any] = Future()
        """Future of the run, in a form that does not depend on the device; None if there is none,
        because it was not begun or its painter died."""

    def run(self, let_go: Callable[[Job], Any]) -> None:
        """Let go of the run by `let_go(job)`, unless it is too late."""
        if not self.result.set_running_or_notify_cancel():
            return
        try:
            self.result.set_result(let_go(self.job))
        except BaseException as error:
            self.result.set_exception(error)

    def cancel(self) -> None:
        """Let the run go nowhere, unless it is on its way already."""
        self.result.cancel()
