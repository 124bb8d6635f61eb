"""A cluster of Ray. Only this module and `bot.dispatch.ray_link` use Ray.

A painter is an actor that holds one device. Ray never repeats what it did: a painter that fails is
given up, its jobs go on elsewhere from their checkpoints, and another one is hired.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bot.cluster.cluster import ClusterError
from bot.cluster.line import PainterLostError
from bot.cluster.messages import Order, Report
from bot.cluster.own_head import OwnHead, token_file
from bot.config import ClusterSettings
from bot.timings import Timings
from bot.worker.ray_environment import TOKEN_PATH_VARIABLE, import_ray, ray_environment
from bot.worker.ray_head import Address, find_head, tell_version
from engine import __version__
from engine.errors import SettingsError
from engine.settings import EngineSettings
from engine.weights.settings import WeightsSettings

log = logging.getLogger(__name__)

_WAIT_SECONDS = 1.0
"""Seconds after which a thread that waits for an answer looks whether the line was cut."""
_ROUNDING = 1e-6
"""Share of a painter that may be missing on a GPU, since shares such as a tenth are not exact."""
_FRESH_SECONDS = 1.0
"""Seconds after an answer in which a painter is believed to live."""
_JOINING = threading.Lock()
"""Ray has one connection for the whole process, and two threads must not open it at once."""


class RayCluster:
    """A cluster of Ray. See `bot.cluster.cluster.Cluster`.

    `folder` is where a token is made if there is none. `is_closed` says that the program ends.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        timings: Timings,
        folder: Path,
        is_closed: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._timings = timings
        self._folder = folder
        self._is_closed = is_closed
        self._head = OwnHead() if settings.address == "local" else None
        self._has_joined = False
        """Whether this has connected the process to Ray."""
        self._lines: list[RayLine] = []
        self._pulse = threading.Thread(target=self._keep_pulse, name="pulse", daemon=True)

    def open(self) -> None:
        """Connect to Ray, or start it."""
        try:
            if self._head is not None:
                token = token_file(os.environ, self._folder)
                if token is not None:
                    os.environ[TOKEN_PATH_VARIABLE] = str(token)
            self._has_joined = join_cluster(self._settings, self._head)
        except SettingsError as error:
            raise ClusterError(str(error)) from error
        self._pulse.start()

    def places(self) -> int:
        """Return the number of painters that the GPUs of the cluster have room for."""
        ray = _ray()
        gpus = int(ray.cluster_resources().get("GPU", 0.0))
        return gpus * self._painters_of_gpu() if self._settings.gpus else 0

    def hire(
        self, settings: EngineSettings, weights: WeightsSettings, timings: Timings
    ) -> "RayLine":
        """Return the line to a new painter, which is started as soon as there is room."""
        from bot.cluster.ray_actor import RayPainter

        gpus, cpus = self._settings.gpus, self._settings.cpus
        weights = weights.model_copy(update={"folder": weights.folder.absolute()})
        own = (
            {"device": "cuda:0"} if gpus else {"device": "cpu", "threads": settings.threads or cpus}
        )
        sharing = self._painters_of_gpu() if gpus else self._painters_beside()
        make = (
            _ray()
            .remote(RayPainter)
            .options(
                num_gpus=gpus, num_cpus=cpus, max_restarts=0, max_task_retries=0, max_concurrency=3
            )
        )
        actor = make.remote(__version__, settings.model_copy(update=own), weights, timings, sharing)
        line = RayLine(actor, self._timings, self._is_closed)
        self._lines = [each for each in self._lines if not each.broken] + [line]
        return line

    def _painters_of_gpu(self) -> int:
        """Return how many painters one GPU has room for; none uses parts of two."""
        return int(1 / self._settings.gpus + _ROUNDING)

    def _painters_beside(self) -> int:
        """Return how many painters on processors a machine of the cluster has at most."""
        ray = _ray()
        nodes = [each for each in ray.nodes() if each["Alive"]]
        most = max((each["Resources"].get("CPU", 1.0) for each in nodes), default=1.0)
        return max(1, min(self._settings.painters, int(most / self._settings.cpus)))

    def close(self) -> None:
        """End all painters, the connection, and the head if it was started here."""
        for each in self._lines:
            each.cut()
        try:
            if self._has_joined:
                _ray().shutdown()
        finally:
            if self._head is not None:
                self._head.stop()

    def _keep_pulse(self) -> None:
        """Tell all painters that the bot lives, and give up those that do not answer."""
        while not self._is_closed():
            for each in self._lines:
                each.pulse()
            time.sleep(self._timings.pulse_seconds)


def join_cluster(settings: ClusterSettings, head: OwnHead | None = None) -> bool:
    """Connect this process to Ray; start `head` before, if it is given.

    Returns False if it is connected already, such as because Ray has started it. Raises
    `SettingsError` if this can never succeed; any other error may pass.
    """
    os.environ.update(ray_environment(os.environ))
    ray = import_ray()
    with _JOINING:
        if ray.is_initialized():
            return False
        address = Address.parse(settings.address) if head is None else head.address
        if head is not None:
            head.start()
        find_head(address)
        tell_version(address)
        ray.init(
            address=str(address),
            namespace=settings.namespace,
            configure_logging=False,
            log_to_driver=False,
        )
    return True


class RayLine:
    """The line to a painter that is an actor of Ray. See `bot.cluster.line.Line`."""

    def __init__(self, actor: Any, timings: Timings, is_closed: Callable[[], bool]) -> None:
        self._actor = actor
        self._timings = timings
        self._is_closed = is_closed
        self._limit = timings.loading_seconds
        self._answered_at: float | None = None
        """Monotonic time of the last sign of life; None before the first."""
        self._pulse: Any = None
        self._cut_because: str | None = None
        self.place = ""
        self.node = ""
        """The id of the painter's machine, as Ray calls it; "" until it answers."""

    @property
    def broken(self) -> str:
        """Why the line was cut; "" if it was not."""
        return self._cut_because or ""

    def exchange(self, orders: Sequence[Order], seconds: float) -> Sequence[Report]:
        """Send orders, and return what there is to report."""
        if self._answered_at is None:
            self.place, self.node = self._get(self._actor.where.remote())
        return self._get(self._actor.exchange.remote(orders, seconds))

    def _get(self, answer: Any) -> Any:
        """Wait for an answer, however long it takes until the painter counts as lost."""
        ray = _ray()
        while True:
            if self._cut_because is not None:
                raise PainterLostError(self._cut_because)
            if self._answered_at is None and self._is_closed():
                raise PainterLostError("the program ends")
            try:
                if ray.wait([answer], timeout=_WAIT_SECONDS)[0]:
                    found = ray.get(answer)
                    self._answered_at = time.monotonic()
                    return found
            except Exception as error:
                raise PainterLostError(_cause(error)) from error

    def check(self) -> None:
        """Raise `PainterLostError` if the painter does not answer now."""
        if self._cut_because is not None:
            raise PainterLostError(self._cut_because)
        if self._answered_at is None or time.monotonic() - self._answered_at > _FRESH_SECONDS:
            self._get(self._actor.pulse.remote())

    def settle(self) -> None:
        """Expect quick answers from now on."""
        self._limit = self._timings.lost_seconds

    def is_leaving(self) -> bool:
        """Return True if the painter's machine is being drained."""
        from ray._private.state import state  # the only way to ask for that, which Ray Serve uses

        return bool(self.node) and self.node in state.get_draining_nodes()

    def pulse(self) -> None:
        """Tell the painter that the bot lives; cut the line if it has not answered for long."""
        ray = _ray()
        if self._answered_at is None or self.broken:
            return
        try:
            if self._pulse is not None and ray.wait([self._pulse], timeout=0)[0]:
                ray.get(self._pulse)
                self._pulse, self._answered_at = None, time.monotonic()
            self._pulse = self._pulse or self._actor.pulse.remote()
        except Exception as error:
            self._cut(_cause(error))
        if time.monotonic() - self._answered_at > self._limit:
            self._cut(f"it has not answered for {self._limit:g} seconds")

    def cut(self) -> None:
        """End the painter at once, if it lives, and the line."""
        self._cut("it was given up")

    def _cut(self, reason: str) -> None:
        if self._cut_because is None:
            self._cut_because = reason
            threading.Thread(target=self._kill, name="kill", daemon=True).start()

    def _kill(self) -> None:
        """End the painter; that waits for Ray's head, which may be out of reach."""
        ray = _ray()
        try:
            ray.kill(self._actor)
        except Exception as error:
            log.debug("a painter cannot be ended", extra={"cause": str(error)})


def _ray() -> Any:
    """Return Ray, which is imported when it is needed first, and whose types say little."""
    return import_ray()


def _cause(error: Exception) -> str:
    """Return what happened to a painter in one line, without the traceback that Ray adds."""
    first, *_ = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {first}"
