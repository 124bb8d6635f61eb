"""What a painter has to report, until the bot fetches it."""

import threading

from bot.cluster.messages import Charged, LoadingReport, Logged, Measured, Report, StepTaken
from bot.jobs.events import Checkpoint, NoticeEvent, ProgressEvent, Started

_CAN_WAIT = (
    *(Charged, Measured, StepTaken, Logged, LoadingReport),
    *(Checkpoint, NoticeEvent, ProgressEvent, Started),
)
"""Reports for which the bot need not be woken; it fetches them a little later with others."""


class ReportBox:
    """Reports in their order. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._reports: list[Report] = []
        self._is_urgent = False
        self._changed = threading.Condition()

    def put(self, *reports: Report) -> None:
        """Add reports."""
        with self._changed:
            self._reports += reports
            if not all(isinstance(each, _CAN_WAIT) for each in reports):
                self._is_urgent = True
                self._changed.notify_all()

    def take(self, seconds: float) -> list[Report]:
        """Return all reports since the last call, after `seconds` or as soon as one is urgent."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_urgent, seconds)
            reports, self._reports, self._is_urgent = self._reports, [], False
            return reports
