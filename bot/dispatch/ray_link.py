"""The dispatcher as an actor of Ray, which starts it once for all processes and keeps it alive.

It is detached: it outlives the process that came first. If it dies, Ray starts it again, and it
goes on from the store. If nobody needs it any more, it ends for good.
"""

import asyncio
from typing import Any

from bot.cluster.ray_cluster import join_cluster
from bot.config import BotSettings
from bot.dispatch.dispatcher_process import DispatcherProcess
from bot.dispatch.messages import Answer, Question
from bot.timings import Timings
from bot.worker.ray_environment import import_ray
from engine import __version__
from engine.errors import EngineError, SettingsError

_NAME = "dispatcher"
_ANSWER_SECONDS = 60.0
"""Seconds after which a question counts as lost."""
_FRONTS = 256
"""Number of questions that are answered at the same time."""


class RayDispatcher(DispatcherProcess):
    """The process of the dispatcher as Ray starts it."""

    def __init__(self, settings: BotSettings, timings: Timings) -> None:
        ray = import_ray()
        own: Any = ray.get_runtime_context().current_actor
        super().__init__(settings, timings, lambda: ray.kill(own, no_restart=True))


class RayLink:
    """The line to the dispatcher on a cluster. See `bot.dispatch.link.Link`."""

    def __init__(self, settings: BotSettings, timings: Timings) -> None:
        self._settings = settings.model_copy(update={"token": None, "host_token": None})
        self._timings = timings
        self._actor: Any = None

    async def ask(self, question: Question, seconds: float) -> Answer:
        """Ask the dispatcher, which is started if there is none."""
        if self._actor is None:
            self._actor = await asyncio.to_thread(self._find)
        try:
            asked = self._actor.ask.remote(question, seconds)
            answer = await asyncio.wait_for(asyncio.wrap_future(asked.future()), _ANSWER_SECONDS)
            if isinstance(answer, EngineError):
                raise answer
            return answer
        except Exception:
            self._actor = None
            raise

    async def close(self) -> None:
        """Leave the cluster."""
        self._actor = None  # a call of it would start a cluster of its own
        ray = import_ray()
        if ray.is_initialized():
            await asyncio.to_thread(ray.shutdown)

    def _find(self) -> Any:
        """Return the dispatcher, which is started if there is none.

        Raises `SettingsError` if it belongs to another version of the program.
        """
        join_cluster(self._settings.cluster)
        ray = import_ray()
        make = ray.remote(RayDispatcher).options(
            name=_NAME,
            namespace=self._settings.cluster.namespace,
            lifetime="detached",
            get_if_exists=True,
            max_restarts=-1,
            max_task_retries=0,
            num_cpus=0,
            max_concurrency=_FRONTS,
        )
        actor = make.remote(self._settings, self._timings)
        if (other := ray.get(actor.version.remote(), timeout=_ANSWER_SECONDS)) != __version__:
            raise SettingsError(
                f"other processes of the bot run version {other}, this one {__version__}: end all "
                "of them, wait a minute, and start them with the same program"
            )
        return actor
