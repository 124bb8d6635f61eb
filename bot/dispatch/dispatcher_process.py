"""The dispatcher in a process of its own."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from bot.config import BotSettings
from bot.dispatch.dispatcher import Dispatcher, open_dispatcher
from bot.dispatch.messages import Answer, Question
from bot.log import log_start, set_up_logging
from bot.timings import Timings
from engine import __version__
from engine.errors import EngineError
from engine.models.idle_threads import let_idle_threads_sleep

log = logging.getLogger(__name__)

_READY_SECONDS = 30.0
"""Seconds that a question waits for a dispatcher that is starting."""
_TOLD_SECONDS = 5.0
"""Seconds after which a dispatcher ends that could not start, because all have heard why."""


class DispatcherProcess:
    """Runs a dispatcher in a thread; questions come in other ones. It calls `end` at its end.

    It has no coroutines: Ray would then call everything in one event loop.
    """

    def __init__(self, settings: BotSettings, timings: Timings, end: Callable[[], None]) -> None:
        set_up_logging(settings.log, (settings.storage.url,))
        let_idle_threads_sleep()
        self._settings, self._timings, self._end = settings, timings, end
        self._loop = asyncio.new_event_loop()
        self._ready: Future[Dispatcher] = Future()
        threading.Thread(target=self._run, name="dispatcher", daemon=True).start()

    def version(self) -> str:
        """Return the version of the program that the dispatcher runs."""
        return __version__

    def ask(self, question: Question, seconds: float) -> Answer | EngineError:
        """Answer a front, or return why there can be no dispatcher."""
        try:
            dispatcher = self._ready.result(_READY_SECONDS)
        except EngineError as error:
            return error
        asking = dispatcher.ask(question, seconds)
        return asyncio.run_coroutine_threadsafe(asking, self._loop).result()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(_dispatch(self._settings, self._timings, self._ready))
        except Exception as error:
            if isinstance(error, EngineError):
                log.error("the dispatcher ends", extra={"cause": str(error)})
            else:
                log.exception("the dispatcher failed")
            if not self._ready.done():
                self._ready.set_exception(error)
                time.sleep(_TOLD_SECONDS)
        self._end()


async def _dispatch(settings: BotSettings, timings: Timings, ready: Future[Dispatcher]) -> None:
    """Run a dispatcher until it ends."""
    async with open_dispatcher(settings, timings) as dispatcher:
        log_start("dispatcher", settings, await dispatcher.revision())
        ready.set_result(dispatcher)
        await dispatcher.until_ended()
