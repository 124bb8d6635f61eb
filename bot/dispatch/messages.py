"""What a front and the dispatcher say to each other, as plain values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.jobs.events import NoticeEvent, ProgressEvent, Started
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.loading import ModelLoading
from bot.scheduling.packed_order import PackedOrder
from engine.errors import EngineError
from engine.models.memory import Budget

if TYPE_CHECKING:
    from engine.models.loading import Models


@dataclass(frozen=True)
class Stop:
    """End a job where it is."""

    job_id: int


@dataclass(frozen=True)
class Remove:
    """Forget a job, whose end is stored."""

    job_id: int


@dataclass(frozen=True)
class CancelLater:
    """Store that a job is cancelled, as soon as anything can be stored."""

    job_id: int


@dataclass(frozen=True)
class Call:
    """Call a function with models. `CallResult` has the result."""

    number: int
    function: "Callable[[Models], Any]"
    models: str | None


Order = Stop | Remove | CancelLater | Call


@dataclass(frozen=True)
class Question:
    """What a front wants to know, again and again."""

    front: str
    """Name of the front, of which there is one at a time."""
    jobs: Sequence[int]
    """Ids of the jobs that it waits for. The dispatcher paints those that have not ended."""
    orders: Sequence[Order]
    calls: Sequence[int] = ()
    """Numbers of the calls that it waits for; no other process of the bot ever uses them."""


@dataclass(frozen=True)
class CallResult:
    """What a call returned, or the `error` that it raised."""

    number: int
    result: Any = None
    error: Exception | None = None


@dataclass(frozen=True)
class PainterState:
    """One painter. See `bot.worker.painters.OnePainter`."""

    device: str | None
    budgets: Mapping[str, Budget]
    jobs: Sequence[int]
    is_alive: bool


@dataclass(frozen=True)
class State:
    """What everybody may ask about queue and painters."""

    order: PackedOrder
    throughput: ThroughputEstimator
    loading: ModelLoading
    painters: Sequence[PainterState]
    is_loaded: bool
    failure: EngineError | None
    """Why there are no painters, if that lasts."""
    waiting_bytes: int
    """The size of the pictures that are painted and not stored yet."""


@dataclass(frozen=True)
class Answer:
    """What has happened since the last question."""

    epoch: int
    """Number of the dispatcher: a newer one knows nothing of earlier calls."""
    events: Sequence[Started | NoticeEvent | ProgressEvent]
    """Events of the jobs, of which only the newest progress; what else they tell is stored."""
    ended: Sequence[int]
    """Ids of the jobs that have ended, as the store has it."""
    results: Sequence[CallResult]
    is_behind: bool
    """Whether what is painted can't be stored at the moment."""
    state: State | None
    """Every few seconds; else None."""
