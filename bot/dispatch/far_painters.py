"""The painters of the dispatcher, as a front sees them."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import count
from secrets import randbits
from typing import TYPE_CHECKING, Any, TypeVar

from bot.dispatch.messages import Call, CallResult, PainterState, State
from bot.errors import RESTARTING, UserError
from bot.jobs.job import Job
from bot.scheduling.loading import ModelLoading
from bot.scheduling.queue_copy import QueueCopy
from bot.worker.painters import least_memory
from engine.models.memory import Budget

if TYPE_CHECKING:
    from engine.models.loading import Models

T = TypeVar("T")

_NUMBER_BITS = 62
"""Bits of a number that no other process of the bot has chosen, nor this one before its restart."""


class FarPainter:
    """One painter, as the dispatcher told last. See `bot.worker.painters.OnePainter`."""

    def __init__(self, state: PainterState, queue: QueueCopy) -> None:
        self._state = state
        self._queue = queue

    @property
    def device(self) -> str | None:
        """The device that holds the main models, in words; None until they are loaded."""
        return self._state.device

    def memory(self, models: str) -> Budget | None:
        """Return the memory for models and a run together; None until they are loaded."""
        return self._state.budgets.get(models)

    def jobs(self) -> list[Job]:
        """Return the jobs that are painted."""
        return [each for each in self._queue.jobs() if each.id in self._state.jobs]

    def is_alive(self) -> bool:
        """Return True unless the painter has ended."""
        return self._state.is_alive


class FarPainters:
    """All painters of the dispatcher. See `bot.worker.painters.Painters`.

    `send` is called with each model call.
    """

    def __init__(
        self, queue: QueueCopy, loading: ModelLoading, send: Callable[[Call], None]
    ) -> None:
        self._queue = queue
        self._send = send
        self._numbers = count(randbits(_NUMBER_BITS))
        self._is_closed = False
        self._calls: dict[int, Future[Any]] = {}
        self.all: Sequence[FarPainter] = ()
        self.loading = loading
        self.loaded: Future[None] = Future()
        """Ends when painting can begin; fails with the reason if it never can."""

    def start(self) -> None:
        """Do nothing: the dispatcher has started its painters."""
        self.loaded.set_running_or_notify_cancel()

    def call_with_models(
        self, function: "Callable[[Models], T]", models: str | None = None
    ) -> Future[T]:
        """Call `function` with models soon, in a painter; return its future."""
        number, result = next(self._numbers), Future[Any]()
        result.set_running_or_notify_cancel()
        if self._is_closed:
            result.set_exception(UserError(RESTARTING))
            return result
        self._calls[number] = result
        self._send(Call(number, function, models))
        return result

    def memory(self, models: str) -> Budget | None:
        """Return the memory for models and a run that each painter has; None until one is ready."""
        return least_memory(self.all, models)

    def is_alive(self) -> bool:
        """Return True unless nobody paints any more."""
        return not self.all or any(each.is_alive() for each in self.all)

    def join(self) -> None:
        """Do nothing: the painters go on for other processes, and for the next start of this."""

    def close(self) -> None:
        """End all calls, because the program ends."""
        self._is_closed = True
        self.lose(set())

    @property
    def calls(self) -> Sequence[int]:
        """Numbers of the calls that are not answered yet."""
        return list(self._calls)

    def adopt(self, state: State) -> None:
        """Take over what the dispatcher told."""
        self.all = [FarPainter(each, self._queue) for each in state.painters]
        if state.is_loaded and not self.loaded.done():
            if state.failure is not None:
                self.loaded.set_exception(state.failure)
            else:
                self.loaded.set_result(None)

    def answer(self, result: CallResult) -> None:
        """End a call."""
        if (call := self._calls.pop(result.number, None)) is None:
            return
        if result.error is not None:
            call.set_exception(result.error)
        else:
            call.set_result(result.result)

    def lose(self, kept: set[int]) -> None:
        """End calls that nobody answers any more, but those with the numbers in `kept`."""
        for number in self._calls.keys() - kept:
            self._calls.pop(number).set_exception(UserError(RESTARTING))
