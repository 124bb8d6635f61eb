"""A front: what a process of the bot knows of the dispatcher, and what it asks of it."""

import asyncio
import logging

from bot.config import BotSettings
from bot.delivery.outbox import Listener
from bot.dispatch.far_painters import FarPainters
from bot.dispatch.link import Link
from bot.dispatch.messages import Answer, Call, CancelLater, Order, Question, Remove, State, Stop
from bot.dispatch.painting import Painting
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.loading import ModelLoading
from bot.scheduling.queue_copy import QueueCopy
from bot.storage import Store
from engine.errors import SettingsError

log = logging.getLogger(__name__)

ASK_SECONDS = 0.5
"""Seconds between two questions, if nothing urgent happens."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
"""Seconds between two attempts to reach a dispatcher that does not answer."""


class Front:
    """The queue, the painters and the events of the dispatcher, as one process sees them."""

    def __init__(self, settings: BotSettings, store: Store, link: Link) -> None:
        self._name = settings.discord.shards
        self._store = store
        self._link = link
        self._orders: list[Order] = []
        """Orders that the dispatcher has not confirmed."""
        self._epoch: int | None = None
        self._listener: Listener | None = None
        self._asking = asyncio.Lock()
        self._is_ending = False
        self.queue = QueueCopy(
            lambda job_id: self._orders.append(Stop(job_id)),
            lambda job_id: self._orders.append(Remove(job_id)),
            fair=settings.queue.order == "fair",
            slice_steps=settings.queue.slice_steps,
        )
        self.throughput, self.loading = ThroughputEstimator(), ModelLoading()
        self.worker = FarPainters(self.queue, self.loading, self._orders.append)
        self.waiting_bytes = 0
        """The size of the pictures that the dispatcher has painted and not stored yet."""

    @property
    def painting(self) -> Painting:
        """What this process uses as if it painted itself."""
        return Painting(self.queue, self.throughput, self.loading, self, self.worker)

    def attach(self, listener: Listener) -> None:
        """Set who is told of events; call it before `run`."""
        self._listener = listener

    async def run(self) -> None:
        """Ask the dispatcher until `drain` or cancelled."""
        pause = _FIRST_PAUSE
        while not self._is_ending:
            try:
                await self._ask(ASK_SECONDS)
                pause = _FIRST_PAUSE
                continue
            except Exception as error:
                if isinstance(error, SettingsError) and not self.worker.loaded.done():
                    self.worker.loaded.set_exception(error)  # which ends the program
                cause = {"cause": _cause(error)}
                log.warning("the dispatcher does not answer, trying again", extra=cause)
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)

    def cancel_later(self, job_id: int) -> None:
        """Have a job cancelled as soon as that can be stored."""
        self._orders.append(CancelLater(job_id))
        self.queue.expect_end(job_id)

    def close(self) -> None:
        """Answer calls that wait; painting goes on."""
        self.worker.close()

    async def drain(self) -> None:
        """Tell the dispatcher of the last jobs and orders."""
        self._is_ending = True
        try:
            await self._ask(0.0)
        except Exception as error:  # the next start tells it the same
            log.warning("the dispatcher does not answer", extra={"cause": _cause(error)})
        await self._link.close()

    async def _ask(self, seconds: float) -> None:
        async with self._asking:
            await self._ask_once(seconds)

    async def _ask_once(self, seconds: float) -> None:
        sent = self._orders.copy()
        question = Question(self._name, self.queue.own_jobs(), sent, self.worker.calls)
        answer = await self._link.ask(question, seconds)
        del self._orders[: len(sent)]
        if answer.epoch != self._epoch:
            self._epoch = answer.epoch
            orders = (*sent, *self._orders)
            self.worker.lose({each.number for each in orders if isinstance(each, Call)})
        self._tell(answer)
        if answer.state is not None:
            await self._adopt(answer.state)

    def _tell(self, answer: Answer) -> None:
        """Pass on what has happened."""
        for result in answer.results:
            self.worker.answer(result)
        if self._listener is None:
            return
        for event in answer.events:
            self._listener.on_event(event)
        for job_id in answer.ended:
            self.queue.ended(job_id)
            self._listener.on_end(job_id)
        self._listener.on_storage(is_behind=answer.is_behind)

    async def _adopt(self, state: State) -> None:
        """Take over the state, with jobs of other processes from the store."""
        loading = state.loading
        self.loading.downloads, self.loading.devices = loading.downloads, loading.devices
        self.loading.verdicts, self.waiting_bytes = loading.verdicts, state.waiting_bytes
        self.throughput.adopt(state.throughput)
        self.worker.adopt(state)
        unknown = self.queue.unknown(state.order.job_ids)
        records = await self._store.jobs.get_all(unknown) if unknown else ()
        try:
            self.queue.adopt(state.order, {each.job.id: each.job for each in records})
        except KeyError:  # a job was deleted meanwhile
            log.debug("the order of the jobs is not known yet")


def _cause(error: Exception) -> str:
    """Return what went wrong in one line, without the traceback that Ray adds."""
    return f"{type(error).__name__}: {error}".partition("\n")[0]
