"""Errands: what needs the models for a moment, between two steps of whatever job runs.

Nobody who asks for one waits behind a long job, and no job notices.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

from bot.errors import RESTARTING, UserError

if TYPE_CHECKING:
    from engine.models.loading import Models

T = TypeVar("T")


class ModelCall(Generic[T]):
    """Something to do with the models, once, in the engine thread."""

    def __init__(self, act: "Callable[[Models], T]") -> None:
        self._act = act
        self.result: Future[T] = Future()
        """What `act` returned or raised."""

    def run(self, models: "Models") -> None:
        """Do it, unless nobody waits for it any more; whatever it raises is its result."""
        if not self.result.set_running_or_notify_cancel():
            return
        try:
            result = self._act(models)
        except BaseException as error:
            self.result.set_exception(error)
        else:
            self.result.set_result(result)

    def cancel(self) -> None:
        """Tell whoever waits that the program is about to end."""
        if self.result.set_running_or_notify_cancel():
            self.result.set_exception(UserError(RESTARTING))
