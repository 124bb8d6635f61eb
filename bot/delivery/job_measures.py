"""What is measured about a job as people see it: its wait, and how true its announced end was."""

from datetime import UTC, datetime

from bot.jobs.job import JobState
from bot.jobs.records import JobRecord
from bot.monitoring import Metrics
from bot.scheduling.eta import Eta


class JobMeasures:
    """Measures one job, as it stands in the store when its report begins."""

    def __init__(self, metrics: Metrics, record: JobRecord) -> None:
        self._metrics = metrics
        self._accepted_at = record.accepted_at
        self._has_begun = record.state is not JobState.QUEUED
        self._announced_end: datetime | None = None

    def on_start(self) -> None:
        """Note that the job is painted; only the first time counts."""
        if not self._has_begun:
            self._has_begun = True
            self._metrics.job_began((datetime.now(UTC) - self._accepted_at).total_seconds())

    def on_eta(self, eta: Eta | None) -> None:
        """Note what people are told; only the first end counts."""
        if self._announced_end is None and eta is not None:
            self._announced_end = eta.end

    def on_end(self, record: JobRecord) -> None:
        """Note the end, and by how much it differs from the announced one if it came by itself."""
        self._metrics.job_ended(record.state.value)
        if record.state is JobState.DONE and self._announced_end and record.ended_at:
            self._metrics.job_announced((record.ended_at - self._announced_end).total_seconds())
