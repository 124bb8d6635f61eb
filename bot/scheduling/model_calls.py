"""Short calls that need the models, made between two steps of the job that is painted.

They do not wait behind a long job, and the job's picture does not depend on them.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bot.errors import RESTARTING, UserError
from bot.scheduling.run_moves import RunMove

if TYPE_CHECKING:
    from engine.models.loading import Models

T = TypeVar("T")


class ModelCall(Generic[T]):
    """A call of `function` with models of a name, made once in the engine thread."""

    def __init__(self, function: "Callable[[Models], T]", models: str) -> None:
        self.function = function
        self.models = models
        self.result: Future[T] = Future()
        """Future of what the function returns or raises."""

    def run(self, find: "Callable[[str], Models]") -> None:
        """Call the function and set the result, unless the result was cancelled before."""
        if not self.result.set_running_or_notify_cancel():
            return
        try:
            result = self.function(find(self.models))
        except BaseException as error:
            self.result.set_exception(error)
        else:
            self.result.set_result(result)

    def cancel(self) -> None:
        """Set a `UserError` as the result, because the program is about to end."""
        if self.result.set_running_or_notify_cancel():
            self.result.set_exception(UserError(RESTARTING))


SeatCall = ModelCall[Any] | RunMove
"""What a painter does between two steps for others than the job that it paints."""
