"""What the bot and a painter in another process say to each other, as plain values.

The bot sends orders, and gets reports in the order in which things happened. The events of jobs are
reports too: that of a job's end takes the job out of the queue, so that no end is lost in between.
A painter writes nothing that lasts: only what it reports counts, so one that is thought dead can do
no harm.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.jobs.events import Event
from bot.jobs.job import Job
from bot.jobs.records import StoredCheckpoint
from bot.scheduling.seats import DeviceKind, StopRequest
from bot.worker.suspended_run import SuspendedRun
from engine.models.memory import Budget
from engine.text import Text
from engine.weights.downloads import DownloadProgress

if TYPE_CHECKING:
    from engine.models.loading import Models


@dataclass(frozen=True)
class JobData:
    """A job, and what its run goes on from if the painter does not have it."""

    job: Job
    """Without what concerns people: a painter does not know for whom it paints."""
    is_there: bool = False
    """Whether the painter has the run already."""
    checkpoints: Sequence[StoredCheckpoint] = ()
    """What is stored about the job, newest first for each picture."""
    run: SuspendedRun | None = None
    """The run, if another painter has let it go."""


@dataclass(frozen=True)
class PaintSlice:
    """The order to paint a slice. `SliceEnded` reports its end."""

    leader: JobData
    steps: int
    """Number of steps to take; 0 if the job must only be stopped where it is."""
    companions: Sequence[JobData]
    """Other jobs that may share the steps, in the order of their slices."""
    kept: frozenset[int]
    """Ids of the jobs whose runs are kept after the slice."""
    requests: Mapping[int, StopRequest]
    """Requests that came before, by the ids of the jobs."""
    slowness: Mapping[str, float]
    """How much longer than usual work of each kind takes (`bot.scheduling.cost.work_kind`)."""


@dataclass(frozen=True)
class EndJob:
    """The order to end a job in the slice before its next step."""

    job_id: int
    request: StopRequest


@dataclass(frozen=True)
class MakeCall:
    """The order to call a function with models. `CallMade` has the result."""

    number: int
    function: "Callable[[Models], Any]"
    models: str


@dataclass(frozen=True)
class LetGo:
    """The order to let go of a job's run. The result of `CallMade` is the run."""

    number: int
    job: Job


@dataclass(frozen=True)
class Close:
    """The order to end after the current step, with checkpoints of all that was painted."""


Order = PaintSlice | EndJob | MakeCall | LetGo | Close


@dataclass(frozen=True)
class LoadingReport:
    """How far the models are."""

    downloads: DownloadProgress | None
    verdicts: Mapping[str, Text | None]


@dataclass(frozen=True)
class Ready:
    """The models are loaded: the painter can sit down."""

    device: str
    """The device, as torch names it."""
    kind: DeviceKind
    budgets: Mapping[str, Budget]
    """The memory for models and a run, by the names of the models."""
    fingerprint: str
    """Digest of the first step of a picture: equal for painters of a kind."""


@dataclass(frozen=True)
class Charged:
    """Work was done for a job in the slice."""

    job_id: int
    cost: float
    slowness: float


@dataclass(frozen=True)
class Measured:
    """Work of some cost and kind took `seconds`."""

    cost: float
    seconds: float
    kind: str


@dataclass(frozen=True)
class StepTaken:
    """A step that `runs` pictures shared took `seconds`."""

    kind: str
    seconds: float
    runs: int


@dataclass(frozen=True)
class LeftBatch:
    """A job takes no part in the slice any more."""

    job_id: int
    has_run: bool = True
    """False if its run was not begun here."""


@dataclass(frozen=True)
class SliceEnded:
    """The slice has ended for all jobs that are in it."""


@dataclass(frozen=True)
class CallMade:
    """A call was made, or a run was let go; `error` is what it raised."""

    number: int
    result: Any = None
    error: Exception | None = None


@dataclass(frozen=True)
class Logged:
    """A line for the log."""

    logger: str
    level: int
    text: str
    extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    traceback: str = ""


@dataclass(frozen=True)
class Gone:
    """The painter has ended: `reason` says why it could not go on, "" if it was told to end."""

    reason: str = ""


Report = (
    LoadingReport
    | Ready
    | Charged
    | Measured
    | StepTaken
    | LeftBatch
    | SliceEnded
    | CallMade
    | Logged
    | Gone
    | Event
)
