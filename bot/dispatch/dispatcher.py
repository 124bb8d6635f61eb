"""The dispatcher: paints for all fronts, stores what it paints, and answers their questions.

It remembers nothing that the store does not have: after its end another one goes on from there.
"""

import asyncio
import logging
import pickle
import time
from collections.abc import AsyncGenerator, Collection
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import DBAPIError

from bot.config import BotSettings
from bot.dispatch.mailbox import Mailbox
from bot.dispatch.messages import (
    Answer,
    Call,
    CallResult,
    CancelLater,
    Order,
    PainterState,
    Question,
    Remove,
    State,
    Stop,
)
from bot.dispatch.painting import Painting, build_painting
from bot.jobs.events import NoticeEvent, ProgressEvent, Started
from bot.jobs.job import UNFINISHED
from bot.monitoring import Metrics
from bot.storage import Store, open_fenced_store
from bot.tasks import cancel
from bot.timings import Timings
from engine.errors import EngineError, SettingsError

if TYPE_CHECKING:
    from engine.models.loading import Models

log = logging.getLogger(__name__)

STATE_SECONDS = 2.0
"""Seconds between two states that a front is told."""
_LONELY_SECONDS = 60.0
"""Seconds after the last question of any front after which the dispatcher ends."""
_DRAIN_SECONDS = 10.0
"""Seconds that storing the last events may take at the end."""


class Dispatcher:
    """Paints for all fronts. Everything happens in the event loop that made it."""

    def __init__(self, settings: BotSettings, store: Store, painting: Painting, epoch: int) -> None:
        self._models = settings.engine.all_installed
        self._store = store
        self._painting = painting
        self._epoch = epoch
        self._boxes: dict[str, Mailbox] = {}
        self._known: set[int] = set()
        """Ids of the jobs whose end is not stored yet, or whose state is being read."""
        self._is_behind = False
        self._asked_at = time.monotonic()
        self._failed_at: float | None = None

    async def resume(self) -> None:
        """Queue the jobs that have not ended; those without a message come with their front."""
        records = await self._store.jobs.list_open()
        announced = [each.job.id for each in records if each.location and each.state in UNFINISHED]
        await self._queue(announced)

    async def revision(self) -> str:
        """Return the revision of the database."""
        return await self._store.overview.revision()

    async def ask(self, question: Question, seconds: float) -> Answer:
        """Answer a front, after so many seconds, or as soon as there is something urgent."""
        self._asked_at = time.monotonic()
        box = self._boxes.setdefault(question.front, Mailbox())
        box.jobs = frozenset(question.jobs)
        box.expect(question.calls)
        for order in question.orders:
            self._obey(order, box)
        with suppress(DBAPIError):  # the front asks again
            await self._queue(box.jobs - self._known)
        await box.wait(seconds)
        events, ended, results = box.take()
        state = None
        if time.monotonic() >= box.state_at:
            box.state_at = time.monotonic() + STATE_SECONDS
            state = self._state()
        return Answer(self._epoch, events, ended, results, self._is_behind, state)

    async def until_ended(self) -> None:
        """Wait until nobody has asked for a while, or the painters have failed and all were told.

        Raises `SettingsError` if another dispatcher has started, or the database is lost.
        """
        losing = asyncio.create_task(self._store.until_lost())
        try:
            while time.monotonic() < self._asked_at + _LONELY_SECONDS and not self._has_failed:
                await asyncio.wait((losing,), timeout=1.0)
                if losing.done():
                    losing.result()
        finally:
            losing.cancel()

    @property
    def _has_failed(self) -> bool:
        """Whether the painters have failed for so long that the fronts know it."""
        loaded = self._painting.worker.loaded
        if not loaded.done() or loaded.exception() is None:
            return False
        self._failed_at = self._failed_at or time.monotonic()
        return time.monotonic() > self._failed_at + 2 * STATE_SECONDS

    def on_event(self, event: Started | NoticeEvent | ProgressEvent) -> None:
        """Keep an event for the front that waits for the job."""
        for box in self._boxes.values():
            box.on_event(event)

    def on_end(self, job_id: int) -> None:
        """Keep the end of a job, which is stored, for the front that waits for it."""
        self._known.discard(job_id)
        for box in self._boxes.values():
            box.on_end(job_id)

    def on_storage(self, *, is_behind: bool) -> None:
        """Note whether what is painted can't be stored."""
        self._is_behind = is_behind

    async def _queue(self, job_ids: Collection[int]) -> None:
        """Queue jobs, as the store has them; those that have ended are told."""
        if not job_ids:
            return
        self._known |= set(job_ids)
        try:
            jobs = self._store.jobs
            records = {each.job.id: each for each in await jobs.get_all(job_ids)}
            steps, runs = await jobs.steps_stored(), await jobs.runs_stored()
        except BaseException:
            self._known -= set(job_ids)
            raise
        for job_id in sorted(self._known.intersection(job_ids)):  # others were removed meanwhile
            record = records.get(job_id)
            if record is None or record.state not in UNFINISHED:
                self.on_end(job_id)
                continue
            self._painting.queue.put(record.job, steps.get(job_id, 0), runs.get(job_id, ""))
            if record.stop_requested:
                self._painting.queue.stop(job_id)

    def _obey(self, order: Order, box: Mailbox) -> None:
        match order:
            case Stop(job_id):
                self._painting.queue.stop(job_id)
            case Remove(job_id):
                self._painting.queue.remove(job_id)
                self._known.discard(job_id)
            case CancelLater(job_id):
                self._known.add(job_id)
                self._painting.outbox.cancel_later(job_id)
            case Call():
                if box.begin(order.number):
                    self._call(order, box)

    def _call(self, call: Call, box: Mailbox) -> None:
        loop = asyncio.get_running_loop()

        def tell(made: Future[Any]) -> None:
            loop.call_soon_threadsafe(box.on_result, _result(call.number, made))

        made = self._painting.worker.call_with_models(call.function, call.models)
        made.add_done_callback(tell)

    def _state(self) -> State:
        painting = self._painting
        loaded, failure = painting.worker.loaded, None
        if is_loaded := loaded.done():
            failure = _failure(loaded)
        return State(
            painting.queue.snapshot(),
            painting.throughput,
            painting.loading.copy(),
            [
                PainterState(
                    each.device,
                    {
                        name: found
                        for name in self._models
                        if (found := each.memory(name)) is not None
                    },
                    [job.id for job in each.jobs()],
                    each.is_alive(),
                )
                for each in painting.worker.all
            ],
            is_loaded,
            failure,
            painting.outbox.waiting_bytes,
        )


def _result(number: int, made: Future[Any]) -> CallResult:
    """Return what came of a call, in a form that can be sent."""
    error = made.exception()
    if error is not None and not isinstance(error, Exception):
        error = RuntimeError(f"{type(error).__name__}: {error}")
    result = CallResult(number, None if error else made.result(), error)
    try:
        pickle.loads(pickle.dumps(result))
    except Exception as cause:  # it would keep all answers to its front from being sent
        what = error or "a result that cannot be sent"
        return CallResult(number, error=RuntimeError(f"{what} ({type(cause).__name__}: {cause})"))
    return result


def _failure(loaded: Future[None]) -> EngineError | None:
    """Return why the painters cannot load their models, as a sentence."""
    error = loaded.exception()
    if error is None or isinstance(error, EngineError):
        return error
    return SettingsError(f"the painters failed: {error or type(error).__name__}")


@asynccontextmanager
async def open_dispatcher(
    settings: BotSettings, timings: Timings, models: "Models | None" = None
) -> AsyncGenerator[Dispatcher]:
    """Run a dispatcher, which resumes what is open in the store, until the end of the block.

    Another one that is opened later ends this one: `Dispatcher.until_ended` says so.
    """
    url, shards = settings.storage.url, settings.discord.own_shards
    async with open_fenced_store(url, shards, timings.locked_seconds) as (store, epoch):
        painting = build_painting(settings, store, timings, Metrics(), models)
        dispatcher = Dispatcher(settings, store, painting, epoch)
        painting.outbox.attach(dispatcher)
        storing = asyncio.create_task(painting.outbox.run())
        try:
            await dispatcher.resume()
            painting.worker.start()
            yield dispatcher
        finally:
            painting.queue.close()
            painting.outbox.close()
            await asyncio.to_thread(painting.worker.join)
            if not store.is_lost:
                with suppress(TimeoutError):  # events that are not stored are painted again
                    await asyncio.wait_for(painting.outbox.drain(), _DRAIN_SECONDS)
            await cancel(storing)
