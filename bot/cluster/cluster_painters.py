"""The painters on a cluster: hired as devices appear, given up when they do not answer."""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from bot.cluster.cluster import Cluster, ClusterError
from bot.cluster.line import PainterLostError
from bot.cluster.messages import Ready
from bot.cluster.remote_painter import RemotePainter
from bot.config import ClusterSettings
from bot.scheduling.loading import ModelLoading
from bot.scheduling.model_calls import ModelCall
from bot.scheduling.queue import GpuQueue
from bot.worker.painters import least_memory
from bot.worker.workplace import Workplace
from engine.models.memory import Budget

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.models.loading import Models

T = TypeVar("T")

log = logging.getLogger(__name__)

CLOSE_SECONDS = 60.0
"""Seconds that the last steps and their checkpoints may take when the program ends."""
_MINUTE = 60.0


class ClusterPainters:
    """The painters at `queue` on a cluster. See `bot.worker.painters.Painters`."""

    def __init__(
        self, workplace: Workplace, queue: GpuQueue, settings: ClusterSettings, cluster: Cluster
    ) -> None:
        self._workplace = workplace
        self._queue = queue
        self._settings = settings
        self._cluster = cluster
        self._numbers = count()
        self._painters: list[RemotePainter] = []
        self._fingerprints: dict[str, str] = {}
        """What painters of each kind paint in their first step, by the name of the kind."""
        self._dead = 0
        """Number of painters that were ready, died, and have no successor yet."""
        self._retry_at = 0.0
        """Monotonic time before which nobody is hired, because a painter could not begin."""
        self._closed = threading.Event()
        self._lock = threading.Lock()
        """Held when `loaded` is set or the dead are counted: painters are ready at any time."""
        self.loaded: Future[None] = Future()
        """Ends when the first painter is ready; fails if there is no cluster."""
        self._thread = threading.Thread(target=self._run, name="cluster")

    @property
    def all(self) -> Sequence[RemotePainter]:
        """The painters that live, in the order in which they were hired."""
        return [each for each in self._painters if each.is_alive()]

    @property
    def loading(self) -> ModelLoading:
        """How far the models are."""
        return self._workplace.loading

    def start(self) -> None:
        """Connect to the cluster, and hire painters."""
        self.loaded.set_running_or_notify_cancel()  # cancelling it must not cancel loading
        self._queue.expect(1)  # as long as the program runs
        self._thread.start()

    def call_with_models(
        self, function: "Callable[[Models], T]", models: str | None = None
    ) -> Future[T]:
        """Call `function` with models soon, in a painter; return its future."""
        call = ModelCall(function, models or self._workplace.settings.models)
        self._queue.put_call(call)
        return call.result

    def memory(self, models: str) -> Budget | None:
        """Return the memory for models and a run that each painter has; None until one is ready."""
        return least_memory(self.all, models)

    def is_alive(self) -> bool:
        """Return True unless no painters are hired any more."""
        return self._thread.ident is None or self._thread.is_alive()

    def join(self) -> None:
        """Wait for all painters, which end after the current step once the queue is closed."""
        self._closed.set()
        if self._thread.ident is None:
            return
        self._thread.join()
        until = time.monotonic() + CLOSE_SECONDS
        for each in self.all:
            each.join(max(0.0, until - time.monotonic()))
            each.lose("")
        try:
            self._cluster.close()
        except Exception:  # what was painted is still to be stored
            log.exception("the cluster cannot be left")

    def _run(self) -> None:
        if not self._open():
            return
        while not self._queue.closed:
            try:
                self._look()
            except Exception:
                log.exception("the cluster cannot be asked")
            self._closed.wait(self._workplace.timings.hire_seconds)

    def _open(self) -> bool:
        """Connect to the cluster, as often as necessary; return False if that is in vain."""
        while not self._queue.closed:
            try:
                self._cluster.open()
            except ClusterError as error:
                self.loaded.set_exception(error)
                return False
            except Exception as error:
                log.warning("the cluster cannot be reached", extra={"cause": str(error)})
                self._closed.wait(self._workplace.timings.cluster_pause)
            else:
                return True
        self.loaded.set_exception(CancelledError())
        return False

    def _look(self) -> None:
        """Hire painters for places that have none, and let painters go that are not needed.

        A painter that waits for work exchanges no messages, so that its loss is noticed here.
        """
        for each in self.all:
            if each.line.broken:
                each.lose(each.line.broken)
        alive = self.all
        for each in self._painters:
            if each not in alive:
                self.loading.devices.pop(each.number, None)
                with self._lock:
                    self._dead += bool(each.lost) and each.device is not None
        self._painters = list(alive)
        for each in self.all:
            if each.line.is_leaving():
                each.close()
        self._let_idle_go()
        if time.monotonic() >= self._retry_at:
            for _ in range(self._wanted() - len(self._painters)):
                self._hire()

    def _wanted(self) -> int:
        """Return the number of painters that there should be."""
        most = self._settings.painters or self._cluster.places()
        if not self._settings.idle_minutes:
            return most
        return min(most, max(1, len(self._queue.jobs())))

    def _let_idle_go(self) -> None:
        """Let painters end that had nothing to do for long, but the last one.

        Those that wait for room come first: each of them may be what a new machine is started for.
        """
        limit = self._settings.idle_minutes * _MINUTE
        spare = len(self.all) - self._wanted()
        idle = [each for each in self.all if each.is_idle or each.waits_for_room]
        idle.sort(key=lambda each: (each.is_idle, each.idle_since))
        for each in idle[: max(0, spare)]:
            if limit and time.monotonic() - each.idle_since > limit:
                log.info("a painter is not needed", extra={"painter": each.number})
                if each.is_idle:
                    each.close()
                else:
                    each.lose("")

    def _hire(self) -> None:
        place = self._workplace
        line = self._cluster.hire(place.settings, place.weights, place.timings)
        painter = RemotePainter(place, self._queue, line, next(self._numbers), self._approve)
        self._painters = [*self._painters, painter]
        painter.ready.add_done_callback(lambda ready: self._on_ready(painter, ready))
        painter.start()

    def _approve(self, ready: Ready) -> None:
        """Note what painters of a kind paint; raise `PainterLostError` if this one differs."""
        known = self._fingerprints.setdefault(ready.kind.name, ready.fingerprint)
        if known != ready.fingerprint:
            raise PainterLostError(
                f"its first step of a picture differs from that of other painters on "
                f"{ready.kind.name}: its weights, its versions or its device are not theirs"
            )

    def _on_ready(self, painter: RemotePainter, ready: Future[Ready]) -> None:
        if ready.exception() is not None:
            if not painter.lost:  # it was not needed any more
                return
            self._retry_at = time.monotonic() + self._workplace.timings.retry_seconds
            return
        self.loading.devices[painter.number] = painter.device or ""
        log.info("a painter is ready", extra={"painter": painter.number, "device": painter.device})
        with self._lock:
            if self._dead:
                self._dead -= 1
                self._workplace.metrics.painter_restarted()
            if not self.loaded.done():
                self.loaded.set_result(None)
