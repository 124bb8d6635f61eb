"""What one painter reports about its work: passed on to the queue, the store, the log."""

import logging
from collections.abc import Callable
from dataclasses import replace

from bot.cluster.messages import (
    Charged,
    LeftBatch,
    LoadingReport,
    Logged,
    Measured,
    Report,
    SliceEnded,
    StepTaken,
)
from bot.cluster.painter_orders import PainterOrders
from bot.jobs.events import Checkpoint, Failed, Finished, NoticeEvent, ProgressEvent, Started
from bot.jobs.job import Job
from bot.scheduling.queue_seat import QueueSeat
from bot.worker.workplace import Workplace


class PainterReports:
    """Acts on the reports of painter `number` on a device. Only one thread uses this."""

    def __init__(
        self,
        workplace: Workplace,
        orders: PainterOrders,
        number: int,
        device: Callable[[], str | None],
    ) -> None:
        self._workplace = workplace
        self._orders = orders
        self._number = number
        self._device = device

    def hear(self, report: Report, seat: QueueSeat | None) -> None:
        """Act on a report of a painter, which has no seat before its models are loaded."""
        place = self._workplace
        match report:
            case LoadingReport(downloads, verdicts):
                place.loading.downloads = downloads
                place.loading.verdicts.update(verdicts)
            case Logged():
                self._log(report)
            case StepTaken(kind, seconds, runs):
                place.metrics.step_taken(kind, seconds, runs)
            case _:
                assert seat is not None
                self._hear_of_slice(report, seat)

    def _hear_of_slice(self, report: Report, seat: QueueSeat) -> None:
        """Act on what happened in a slice. The end of a job is one report, which comes whole."""
        match report:
            case Measured(cost, seconds, kind):
                throughput = self._workplace.throughput.on(seat.kind.name)
                throughput.record(cost, seconds, kind)
            case Charged(job_id, cost, slowness):
                if (job := _in_batch(seat, job_id)) is not None:
                    seat.charge(cost, job=job, slowness=slowness)
            case LeftBatch(job_id, has_run):
                if not has_run:
                    self._orders.forget_run(job_id)
                if (job := _in_batch(seat, job_id)) is not None:
                    seat.leave_batch(job)
            case SliceEnded():
                seat.end_slice()
            case Finished(job_id) | Failed(job_id):
                if (job := _in_batch(seat, job_id)) is not None:
                    seat.finish(job)
                self._workplace.publish(report)
            case Started():
                device = self._device() or report.device  # which is not alone in the cluster
                self._workplace.publish(replace(report, device=device))
            case NoticeEvent() | ProgressEvent() | Checkpoint():
                self._workplace.publish(report)
            case _:
                raise TypeError(f"{type(report).__name__} is no report about work")

    def _log(self, report: Logged) -> None:
        """Write a line into the log as if it came from here."""
        logger = logging.getLogger(report.logger)
        if logger.isEnabledFor(report.level):
            own = {
                "name": report.logger,
                "levelno": report.level,
                "levelname": logging.getLevelName(report.level),
                "msg": report.text,
                "exc_text": report.traceback,
                "painter": self._number,
            }
            logger.handle(logging.makeLogRecord({**report.extra, **own}))


def _in_batch(seat: QueueSeat, job_id: int) -> Job | None:
    """Return a job in the slice, even if it was cancelled meanwhile; None if it is not in it."""
    return next((each.job for each in seat.batch if each.job.id == job_id), None)
