"""A painter in a process of its own. Whoever starts the process passes its calls on.

It paints on one device, and does nothing else: it knows neither Discord nor the database.
"""

import logging
import os
import threading
import time
from collections.abc import Iterable
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.cluster.messages import (
    CallMade,
    Gone,
    LoadingReport,
    Logged,
    Measured,
    Order,
    Ready,
    Report,
    StepTaken,
)
from bot.cluster.remote_seat import RemoteSeat
from bot.cluster.report_box import ReportBox
from bot.log.fields import fields_of
from bot.log.libraries import choose_levels
from bot.log.texts import Texts
from bot.log.uncaught import log_uncaught
from bot.monitoring import Metrics
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.loading import ModelLoading
from bot.timings import Timings
from bot.worker.engine_worker import EngineWorker
from bot.worker.workplace import Workplace
from engine import __version__
from engine.errors import EngineError
from engine.settings import EngineSettings
from engine.weights.settings import WeightsSettings

if TYPE_CHECKING:
    from torch import device as torch_device

log = logging.getLogger(__name__)


class PainterProcess:
    """A painter at the end of a line to the bot.

    `settings` name its only device. `sharing` is the number of painters, this one included, that
    share the device. `version` is that of the bot: another one's pictures would be others.
    """

    def __init__(
        self,
        version: str,
        settings: EngineSettings,
        weights: WeightsSettings,
        timings: Timings,
        sharing: int = 1,
    ) -> None:
        self._reports = ReportBox()
        self._loading = ModelLoading()
        self._told = LoadingReport(None, {})
        """How far the models are, as it was reported last."""
        self._silence = 0
        """Seconds without a sign of the bot; only those in which this process could run."""
        self._seat = RemoteSeat(self._reports)
        if version != __version__:
            self._reports.put(Gone(_other_version(version)))
            return
        workplace = Workplace(
            *(settings, weights, self._seat, _ReportedThroughput(self._reports, self._seat)),
            *(self._reports.put, self._seat.load_checkpoints, timings, self._loading),
            metrics=_ReportedMetrics(self._reports),
            make_of=_make_of,
            sharing=sharing,
        )
        self._workplace, self._timings = workplace, timings
        self._painter = EngineWorker(workplace)
        self._painter.loaded.add_done_callback(self._on_loaded)
        self._painter.start()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def exchange(self, orders: Iterable[Order], seconds: float) -> list[Report]:
        """Take orders; return what there is to report after `seconds`, or before if it is urgent.

        `Gone` is the last report.
        """
        self.pulse()
        orders = list(orders)
        if orders:
            self._seat.receive(orders)
        reports = self._reports.take(seconds)
        told = LoadingReport(self._loading.downloads, dict(self._loading.verdicts))
        if told != self._told or told.downloads is not None:
            self._told = told
            reports.insert(0, told)
        return [_plain(each) for each in reports]

    def report_log(self) -> None:
        """Pass all lines of this process's log on to the bot, where the host reads them."""
        logging.root.addHandler(_LogReports(self._reports))
        choose_levels("INFO")
        log_uncaught()

    def pulse(self) -> int:
        """Say that the bot lives; return the id of this process."""
        self._silence = 0
        return os.getpid()

    def _on_loaded(self, loaded: Future[None]) -> None:
        try:
            loaded.result()
            self._reports.put(self._ready())
        except CancelledError:
            return
        except EngineError as error:
            self._reports.put(Gone(str(error)))
        except Exception as error:
            log.exception("the models cannot be loaded")
            self._reports.put(Gone(f"{type(error).__name__}: {error}"))

    def _ready(self) -> Ready:
        """Return what the bot should know about this painter, whose thread has the models."""
        from bot.cluster.fingerprint import fingerprint

        settings = self._workplace.settings
        budgets = {name: self._painter.memory(name) for name in settings.all_installed}
        painter = self._painter.models.get_painter(settings.models)
        return Ready(
            device=str(painter.device),
            kind=self._workplace.kind(painter.device),
            budgets={name: each for name, each in budgets.items() if each is not None},
            fingerprint=fingerprint(painter),
        )

    def _watch(self) -> None:
        """End the process when the painter has ended, or the bot was not heard for too long."""
        while self._painter.is_alive():
            time.sleep(1.0)
            self._silence += 1
            if self._silence > self._timings.orphan_seconds:
                log.error("the bot is gone, ending")
                os._exit(1)
        self._reports.put(Gone())


class _ReportedThroughput(ThroughputEstimator):
    """Reports measurements to the bot, which knows how slow work is on all devices of a kind."""

    def __init__(self, reports: ReportBox, seat: RemoteSeat) -> None:
        super().__init__()
        self._reports = reports
        self._seat = seat

    def on(self, make: str) -> ThroughputEstimator:
        del make
        return self

    def record(self, cost: float, seconds: float, kind: str) -> None:
        self._reports.put(Measured(cost, seconds, kind))

    def slowness(self, kind: str) -> float:
        return self._seat.slowness.get(kind, 1.0)


class _ReportedMetrics(Metrics):
    """Reports the steps to the bot, which counts those of all painters."""

    def __init__(self, reports: ReportBox) -> None:
        super().__init__()
        self._reports = reports

    def step_taken(self, kind: str, seconds: float, runs: int) -> None:
        self._reports.put(StepTaken(kind, seconds, runs))


class _LogReports(logging.Handler):
    """Reports lines of the log."""

    def __init__(self, reports: ReportBox) -> None:
        super().__init__()
        self._reports = reports
        self._texts = Texts()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._reports.put(self._report(record))
        except Exception:
            self.handleError(record)

    def _report(self, record: logging.LogRecord) -> Logged:
        text, trace = self._texts.clean(record.getMessage()), ""
        if record.exc_info:
            trace = self._texts.clean_trace(logging.Formatter().formatException(record.exc_info))
        extra = fields_of(record, self._texts.clean)
        return Logged(record.name, record.levelno, text, extra, trace)


def _make_of(device: "torch_device") -> str:
    from bot.cluster.fingerprint import make_among_machines

    return make_among_machines(device)


def _plain(report: Report) -> Report:
    """Return a report whose error is sure to be known to the bot."""
    error: Any = report.error if isinstance(report, CallMade) else None
    if error is None or isinstance(error, EngineError):
        return report
    assert isinstance(report, CallMade)
    return replace(report, error=RuntimeError(f"{type(error).__name__}: {error}"))


def _other_version(version: str) -> str:
    return (
        f"this painter is of version {__version__} and the bot of version {version}: install the "
        "same version on all machines"
    )
