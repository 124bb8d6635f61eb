"""What the page shows, gathered from the services when somebody looks."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata

from bot.host_page.charts import HOUR, WEEK, Chart, Span, charts
from bot.host_page.health import Health
from bot.host_page.kept import Kept
from bot.host_page.vitals import Vitals
from bot.jobs.job import Job
from bot.scheduling.eta import Eta
from bot.services import Services
from bot.storage.overview import FailedJob, Period
from bot.submission.host_decisions import Decisions, HostDecisions
from bot.ui.formatting import one_line
from engine import __version__
from engine.files import MEBIBYTE

MOST_JOBS, MOST_FAILURES = 50, 10
"""Maximum number of waiting jobs, and of failures, that are shown."""
_PROMPT, _CAUSE = 160, 300
_LIBRARIES = ("torch", "discord.py", "SQLAlchemy", "aiohttp")


@dataclass(frozen=True)
class PaintedJob:
    """A job that has begun."""

    id: int
    author_id: int
    prompt: str
    step: int | None
    """Number of steps taken for its current picture; None before the first progress."""
    steps: int
    """Number of steps of that picture."""
    picture: int
    pictures: int
    width: int
    height: int
    """Size of its current picture, 0 before the first progress."""
    eta: Eta | None


@dataclass(frozen=True)
class WaitingJob:
    """A job that has not begun."""

    id: int
    author_id: int
    prompt: str
    eta: Eta | None
    """What was announced."""


@dataclass(frozen=True)
class PainterView:
    """One painter."""

    number: int
    device: str
    state: str
    jobs: tuple[int, ...]
    memory: int | None
    """Bytes for models and a run; None if unknown."""


@dataclass(frozen=True)
class Failure:
    """A job that failed, and why."""

    job: FailedJob
    prompt: str
    cause: str
    """What the log says; "" if it is not known."""


@dataclass(frozen=True)
class View:
    """Everything on the page."""

    now: datetime
    started: datetime
    parts: dict[str, bool]
    is_draining: bool
    decisions: Decisions | None
    """What the host decided; None if the database does not say it."""
    always_blocked: tuple[int, ...]
    """People whom the settings block."""
    painting: tuple[PaintedJob, ...]
    waiting: tuple[WaitingJob, ...]
    waiting_count: int
    work_seconds: float | None
    painters: tuple[PainterView, ...]
    vitals: Vitals
    failures: tuple[Failure, ...] | None
    charts: tuple[Chart, ...]
    """The plots, as far as they are made."""
    sizes: dict[str, int] | None
    """Bytes by kind. This and the failures are None until the database has answered."""
    budget: int
    """Bytes that the database may have; 0 for no limit."""
    versions: dict[str, str]


class Views:
    """Gathers what the page shows."""

    def __init__(
        self,
        services: Services,
        health: Health,
        vitals: Vitals,
        versions: dict[str, str],
    ) -> None:
        self._services = services
        self._health = health
        self._vitals = vitals
        self._versions = versions
        overview = services.store.overview
        self._decisions = Kept(HostDecisions(services.store).get, 0.0)
        self._failures = Kept(lambda: overview.failures(MOST_FAILURES), 5.0)
        self._hour = Kept(lambda: self._periods(HOUR), 30.0)
        self._week = Kept(lambda: self._periods(WEEK), 600.0)
        self._sizes = Kept(overview.sizes, 600.0)

    async def close(self) -> None:
        """Ask the store nothing more."""
        for each in (self._decisions, self._failures, self._hour, self._week, self._sizes):
            await each.close()

    async def get(self) -> View:
        """Return what there is to see now."""
        services, now = self._services, datetime.now(UTC)
        begun = services.queue.begun()
        jobs = services.queue.jobs()
        waiting = [each for each in jobs if each.id not in begun]
        throughput = services.throughput
        work = services.queue.remaining_work(throughput.slowness, throughput.speed)
        return View(
            now=now,
            started=services.started,
            parts=self._health.parts(),
            is_draining=services.queue.draining,
            decisions=await self._decisions.get(),
            always_blocked=services.settings.safety.blocked_people,
            painting=tuple(self._painted(each) for each in jobs if each.id in begun),
            waiting=tuple(self._in_order(waiting)[:MOST_JOBS]),
            waiting_count=len(waiting),
            work_seconds=throughput.seconds(work),
            painters=tuple(self._painters()),
            vitals=self._vitals,
            failures=await self._last_failures(),
            charts=(*await self._plots(HOUR, now), *await self._plots(WEEK, now)),
            sizes=await self._sizes.get(),
            budget=services.settings.storage.disk_mib * MEBIBYTE,
            versions=self._versions,
        )

    async def _last_failures(self) -> tuple[Failure, ...] | None:
        found = await self._failures.get()
        if found is None:
            return None
        return tuple(
            Failure(job, one_line(job.prompt, _PROMPT), one_line(job.cause, _CAUSE))
            for job in found
        )

    async def _plots(self, span: Span, now: datetime) -> Sequence[Chart]:
        periods = await (self._hour if span is HOUR else self._week).get()
        return () if periods is None else charts(span, periods, now)

    async def _periods(self, span: Span) -> Sequence[Period]:
        since = datetime.now(UTC) - span.length
        seconds = int(span.period.total_seconds())
        return await self._services.store.overview.periods(since, seconds)

    def _painted(self, job: Job) -> PaintedJob:
        known = self._services.reporter.progress_of(job.id)
        progress = None if known is None else known.progress
        number = 1 if progress is None else progress.picture
        height, width = (0, 0) if progress is None else progress.pixels.shape[:2]
        return PaintedJob(
            *(job.id, job.author_id, one_line(job.prompt, _PROMPT)),
            step=None if progress is None else progress.step,
            steps=job.recipes[number - 1].total_steps,
            picture=number,
            pictures=len(job.recipes),
            width=width,
            height=height,
            eta=self._services.reporter.announced(job.id),
        )

    def _in_order(self, jobs: Sequence[Job]) -> list[WaitingJob]:
        """Return waiting jobs as they will start, as far as that was announced."""
        announced = self._services.reporter.announced
        found = [
            WaitingJob(job.id, job.author_id, one_line(job.prompt, _PROMPT), announced(job.id))
            for job in jobs
        ]
        last = datetime.max.replace(tzinfo=UTC)
        return sorted(found, key=lambda each: (_start(each.eta) or last, each.id))

    def _painters(self) -> list[PainterView]:
        models = self._services.settings.engine.models
        views: list[PainterView] = []
        for number, each in enumerate(self._services.worker.all, start=1):
            memory, jobs = each.memory(models), tuple(job.id for job in each.jobs())
            state = "paints" if jobs else "has nothing to do"
            if not each.is_alive():
                state = "ended with an error, which is in the log"
            elif each.device is None:
                state = "loads the models"
            views.append(
                PainterView(
                    *(number, each.device or "…", state, jobs),
                    None if memory is None else memory.bytes,
                )
            )
        return views


def _start(eta: Eta | None) -> datetime | None:
    return None if eta is None else eta.start


def read_versions() -> dict[str, str]:
    """Return the versions of the program and of what it stands on."""
    found = {"bot": __version__, "Python": platform.python_version()}
    found |= {name: metadata.version(name) for name in _LIBRARIES}
    return found | {"system": platform.platform(terse=True)}
