"""What everybody else sees of the painters, wherever they are: in this program, or on a cluster."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Protocol, TypeVar

from bot.jobs.job import Job
from bot.scheduling.loading import ModelLoading
from engine.models.memory import Budget

if TYPE_CHECKING:
    from engine.models.loading import Models

T = TypeVar("T")


class OnePainter(Protocol):
    """One painter: a device with models, and a seat at the queue."""

    @property
    def device(self) -> str | None:
        """The device that holds the main models, in words; None until they are loaded."""
        ...

    def memory(self, models: str) -> Budget | None:
        """Return the memory for models and a run together; None until they are loaded."""
        ...

    def jobs(self) -> list[Job]:
        """Return the jobs that are painted."""
        ...

    def is_alive(self) -> bool:
        """Return True unless the painter has ended."""
        ...


class Painters(Protocol):
    """All painters, as one."""

    @property
    def all(self) -> Sequence[OnePainter]:
        """The painters, in a lasting order."""
        ...

    @property
    def loaded(self) -> Future[None]:
        """Ends when painting can begin; fails with the reason if it never can."""
        ...

    @property
    def loading(self) -> ModelLoading:
        """How far the models are."""
        ...

    def start(self) -> None:
        """Start the painters, which load the main models."""
        ...

    def call_with_models(
        self, function: "Callable[[Models], T]", models: str | None = None
    ) -> Future[T]:
        """Call `function` with models soon, in a painter; return its future.

        A painter may be in another process: what the function holds and returns must be plain
        values. `models` is the name of the models, by default of the main ones. The future fails
        with a `UserError` if the program ends first.
        """
        ...

    def memory(self, models: str) -> Budget | None:
        """Return the memory for models and a run that each painter has; None until one is ready."""
        ...

    def is_alive(self) -> bool:
        """Return True unless nobody paints any more."""
        ...

    def join(self) -> None:
        """Wait for all painters, which end after the current step once the queue is closed."""
        ...


def least_memory(painters: Sequence[OnePainter], models: str) -> Budget | None:
    """Return the memory for models and a run that each painter has; None until one is ready."""
    found = [each.memory(models) for each in painters]
    known = [each for each in found if each is not None]
    return min(known, key=lambda each: each.bytes, default=None)
