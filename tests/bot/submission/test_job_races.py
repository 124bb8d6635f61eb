"""Two cancels, a stop, a restart and the engine's own end, in every order: exactly one outcome.

Store, queue, ledger and control are the real ones; there is no Discord, and the machine plays the
engine, one step at a time.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.config import BotSettings
from bot.delivery.moderation_log import ModerationLog
from bot.delivery.outbox import EventOutbox
from bot.delivery.reporter import Reporter
from bot.errors import UserError
from bot.jobs.events import Event, Failed, Finished, PaintedPicture, Started
from bot.jobs.job import UNFINISHED, Job, JobState
from bot.monitoring import Metrics
from bot.picture_check import PictureCheck
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.loading import ModelLoading
from bot.scheduling.queue import GpuQueue
from bot.scheduling.seats import Seat, Slice, StopRequest
from bot.storage import Store
from bot.submission.control import JobControl
from bot.submission.permissions import Actor
from bot.submission.policy import SubmissionPolicy
from bot.submission.server_languages import ServerLanguages
from bot.submission.submit import JobSubmission
from bot.timings import Timings
from engine.models.memory import Budget
from engine.presets import make_recipe
from tests.harness.stores import Place

pytestmark = pytest.mark.slow

AUTHOR, MODERATOR, STRANGER = Actor(1), Actor(2, is_moderator=True), Actor(3)
RECIPE = make_recipe("a red circle", seed=1, models="demo", steps=10)
PAINTING = PaintedPicture(RECIPE, np.zeros((64, 64, 3), np.uint8), 5, {}, 1.0, 1)
OUTCOME = {
    "cancel": JobState.CANCELLED,
    "done": JobState.DONE,
    "stopped": JobState.STOPPED,
    "failed": JobState.FAILED,
}


class Races(RuleBasedStateMachine):
    """One job, and everything that can end it."""

    runner: ClassVar[asyncio.Runner]
    store: ClassVar[Store]
    job: Job
    outcomes: Counter[str]
    queue: GpuQueue
    seat: Seat
    ledger: EventOutbox
    control: JobControl
    events: list[Event]
    turn: Job | None

    @initialize()
    def accept(self) -> None:
        self.outcomes = Counter()
        self.job = self.run(self.store.jobs.add(AUTHOR.id, "a red circle", (RECIPE,)))
        self.start()

    def start(self) -> None:
        """Make what a start of the program makes, and restore the job."""

        async def make() -> None:
            self.queue = GpuQueue()
            self.seat = self.queue.seat()
            settings, throughput = BotSettings(), ThroughputEstimator()
            check = PictureCheck(settings.safety, self.store, None)
            log = ModerationLog(self.store, Timings(), check, ServerLanguages(self.store).of)
            reporter = Reporter(
                *(self.store, self.queue, throughput, settings.discord),
                *(Timings(), check, log, ModelLoading(), Metrics()),
            )
            self.ledger = EventOutbox(self.store, Timings(), self.queue.hold)
            self.ledger.attach(reporter)
            rules = SubmissionPolicy(settings, self.store, lambda _: Budget(2**40), log)
            intake = JobSubmission(settings, rules, self.store, self.queue, reporter, check, log)
            self.control = JobControl(
                *(self.store, self.queue, reporter, self.ledger, intake, Timings())
            )
            for record in await self.store.jobs.list_open():
                if record.job.id == self.job.id and record.state in UNFINISHED:
                    self.queue.put(record.job)
                    if record.stop_requested:
                        self.queue.stop(record.job.id)

        self.events, self.turn = [], None
        self.run(make())

    def run(self, coroutine):
        return self.runner.run(coroutine)

    def state(self) -> JobState:
        state = self.run(self.store.jobs.state(self.job.id))
        assert state is not None
        return state

    @rule()
    def cancel(self) -> None:
        self.try_to_cancel(AUTHOR)

    @rule()
    def cancel_twice_at_once(self) -> None:
        async def both() -> list[object]:
            tries = (self.control.cancel(self.job.id, each) for each in (AUTHOR, MODERATOR))
            return await asyncio.gather(*tries, return_exceptions=True)

        self.outcomes["cancel"] += self.run(both()).count(None)

    @rule()
    def cancel_and_stop_at_once(self) -> None:
        async def both() -> list[object]:
            cancel = self.control.cancel(self.job.id, AUTHOR)
            stop = self.control.stop(self.job.id, MODERATOR)
            return [*await asyncio.gather(stop, cancel, return_exceptions=True)]

        self.outcomes["cancel"] += self.run(both())[1] is None

    @rule()
    def a_stranger_tries(self) -> None:
        for act in (self.control.cancel, self.control.stop):
            with pytest.raises(UserError, match="Only the person"):
                self.run(act(self.job.id, STRANGER))

    @rule()
    def stop(self) -> None:
        try:
            self.run(self.control.stop(self.job.id, AUTHOR))
        except UserError:
            assert self.state() is not JobState.RUNNING
        else:
            assert self.state() is JobState.RUNNING

    @precondition(lambda self: self.turn is None and self.queue.jobs())
    @rule()
    def the_engine_takes_a_turn(self) -> None:
        turn = self.seat.dequeue()
        assert isinstance(turn, Slice)
        self.turn = turn.job
        self.events.append(Started(turn.job.id))

    @precondition(lambda self: self.turn is not None)
    @rule()
    def the_engine_takes_a_step(self) -> None:
        self.obey(self.seat.charge(1.0))

    @precondition(lambda self: self.turn is not None)
    @rule()
    def the_turn_is_over(self) -> None:
        self.seat.end_slice()
        self.turn = None

    @precondition(lambda self: self.turn is not None)
    @rule()
    def the_engine_is_done(self) -> None:
        self.end(Finished(self.job.id, (PAINTING,), 1.0))

    @precondition(lambda self: self.turn is not None)
    @rule()
    def the_engine_fails(self) -> None:
        self.end(Failed(self.job.id, "It was too dark."))

    @precondition(lambda self: self.events)
    @rule()
    def the_ledger_stores_an_event(self) -> None:
        self.keep(self.events.pop(0))

    @precondition(lambda self: self.events)
    @rule()
    def the_ledger_stores_an_event_while_somebody_cancels(self) -> None:
        event = self.events.pop(0)
        before = self.state()

        async def both() -> list[object]:
            cancel = self.control.cancel(self.job.id, AUTHOR)
            keep = self.ledger.store_event(event)
            return [*await asyncio.gather(keep, cancel, return_exceptions=True)]

        cancelled = self.run(both())[1] is None
        self.outcomes["cancel"] += cancelled
        if not cancelled:
            self.note_end(event, before)

    @rule()
    def restart(self) -> None:
        self.start()

    @invariant()
    def there_is_at_most_one_outcome(self) -> None:
        if not hasattr(self, "job"):
            return
        state = self.state()
        assert self.outcomes.total() == (state not in UNFINISHED)
        assert all(OUTCOME[each] is state for each in self.outcomes.elements())

    def teardown(self) -> None:
        """Let everything come to its end: now there is one outcome, and nothing is left."""
        if not hasattr(self, "job"):
            return
        for _ in range(20):
            while self.events:
                self.keep(self.events.pop(0))
            if self.turn is None and self.queue.jobs():
                self.the_engine_takes_a_turn()
            if self.turn is not None:
                self.obey(self.seat.charge(1.0))
            if self.turn is not None:
                self.the_engine_is_done()
        assert self.outcomes.total() == 1
        assert not self.queue.jobs()
        self.there_is_at_most_one_outcome()
        self.run(self.store.lifecycle.mark_notified(self.job.id))

    def obey(self, wish: StopRequest | None) -> None:
        if wish is StopRequest.STOP:
            self.end(Finished(self.job.id, (PAINTING,), 1.0, stopped=True))
        elif wish is StopRequest.CANCEL:
            self.the_turn_is_over()

    def end(self, event: Event) -> None:
        self.seat.finish(self.job)
        self.seat.end_slice()
        self.turn = None
        self.events.append(event)

    def keep(self, event: Event) -> None:
        before = self.state()
        self.run(self.ledger.store_event(event))
        self.note_end(event, before)

    def note_end(self, event: Event, before: JobState) -> None:
        if before in UNFINISHED and self.state() not in UNFINISHED:
            kind = "failed" if isinstance(event, Failed) else "done"
            is_stop = isinstance(event, Finished) and event.stopped
            self.outcomes["stopped" if is_stop else kind] += 1

    def try_to_cancel(self, person: Actor) -> None:
        try:
            self.run(self.control.cancel(self.job.id, person))
        except UserError:
            assert self.state() not in UNFINISHED
        else:
            self.outcomes["cancel"] += 1


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Open one store for all examples; each has a job of its own in it."""
    with asyncio.Runner() as runner:
        place = Place(tmp_path)
        if request.param == "postgres":
            server = request.getfixturevalue("postgres")
            place = Place(tmp_path, runner.run(server.new_database()))
        context = place.open()
        Races.runner, Races.store = runner, runner.run(context.__aenter__())
        yield
        runner.run(context.__aexit__(None, None, None))


@pytest.mark.usefixtures("opened")
def test_races_have_exactly_one_outcome():
    run_state_machine_as_test(
        Races, settings=settings(max_examples=40, stateful_step_count=15, deadline=None)
    )
