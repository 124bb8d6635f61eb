"""One painter in another process, which dies or is told to end at the worst moments."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.cluster.line import PainterLostError
from bot.cluster.messages import Close, JobData, Logged, Order, PaintSlice, Report
from bot.cluster.painter_process import PainterProcess
from bot.cluster.ray_cluster import RayCluster
from bot.cluster.remote_seat import RemoteSeat
from bot.cluster.report_box import ReportBox
from bot.config import ClusterSettings
from bot.jobs.events import Failed, Finished
from bot.jobs.job import Job
from bot.jobs.records import StoredCheckpoint
from bot.scheduling.run_moves import RunMove
from bot.scheduling.seats import Slice
from engine.checkpoints import dump
from engine.painters import begin
from engine.settings import EngineSettings
from engine.weights.settings import WeightsSettings
from tests.bot.cluster.studio import TIMINGS, Studio, ThreadCluster, ThreadLine
from tests.harness.bot_harness import PATIENCE
from tests.harness.painted_alone import is_as_alone, painter_of, recipe

pytestmark = pytest.mark.slow

STEPS = 6


class BadLine(ThreadLine):
    """A line on which `change` sees all reports, and which hides until it is used that it broke."""

    def __init__(self, process: PainterProcess, change: Callable[["BadLine", list[Report]], None]):
        super().__init__(process, "")
        self._change = change
        self.is_silent = False
        self.on_settle: Callable[[], None] = lambda: None

    @property
    def broken(self) -> str:
        return ""

    def check(self) -> None:
        if self.is_silent:
            raise PainterLostError("it does not answer")

    def exchange(self, orders: Sequence[Order], seconds: float) -> Sequence[Report]:
        reports = list(super().exchange(orders, seconds))
        self._change(self, reports)
        return reports

    def settle(self) -> None:
        self.on_settle()


class BadCluster(ThreadCluster):
    """A cluster with bad lines."""

    def __init__(self, change: Callable[[BadLine, list[Report]], None]) -> None:
        super().__init__(1)
        self.change = change
        self.bad: list[BadLine] = []

    def hire(self, settings: EngineSettings, weights: WeightsSettings, timings: Any) -> BadLine:
        line = super().hire(settings, weights, timings)
        self.bad.append(BadLine(line.process, self.change))
        self.prepare(self.bad[-1])
        return self.bad[-1]

    prepare: Callable[[BadLine], None] = staticmethod(lambda _: None)


@contextmanager
def studio(
    change: Callable[[BadLine, list[Report]], None] = lambda *_: None,
    prepare: Callable[[BadLine], None] = lambda _: None,
    *,
    deterministic: bool = True,
    made: list[Studio] | None = None,
    painters: int = 1,
    idle_minutes: float = 0.0,
) -> Iterator[tuple[Studio, BadCluster]]:
    cluster = BadCluster(change)
    cluster.prepare = prepare
    settings = ClusterSettings(
        address="local", painters=painters, gpus=0, idle_minutes=idle_minutes
    )
    opened = Studio(
        lambda _: cluster, settings, deterministic=deterministic, models=("demo-pyramid",)
    )
    if made is not None:
        made.append(opened)
    with opened.open(ready=1):
        yield opened, cluster


def job(number: int, *, seed: int = 1) -> Job:
    return Job(number, number, "a ring", (recipe(seed, steps=STEPS),))


def checkpoint(of: Job, steps: int) -> StoredCheckpoint:
    """Return the checkpoint of a job after some steps."""
    (wanted,) = of.recipes
    run = begin(painter_of(wanted.models), wanted)
    for _ in range(steps):
        run.step()
    return StoredCheckpoint(1, steps, 1.0, dump(run.state_dict(), wanted))


def test_the_end_of_a_job_is_not_lost_with_its_painter():
    dies = True

    def die_before_the_end(line: BadLine, reports: list[Report]) -> None:
        nonlocal dies
        ends = [number for number, each in enumerate(reports) if isinstance(each, Finished)]
        if ends and dies:
            dies = False
            del reports[ends[0] :]
            line.lose()

    with studio(die_before_the_end) as (opened, _):
        opened.queue.put(job(1))
        opened.wait_for(opened.ends)
        opened.wait_for(lambda: not opened.queue.jobs())
    (end,) = opened.ends()
    assert isinstance(end, Finished)
    assert not dies
    assert all(map(is_as_alone, end.pictures))


def test_a_call_that_finds_its_painter_dead_is_made_by_another():
    with studio() as (opened, cluster):
        cluster.bad[0].is_silent = True
        call = opened.painters.call_with_models(name_of)
        assert call.result(PATIENCE) == "demo"
        assert len(cluster.bad) == 2


def name_of(models: Any) -> str:
    return models.name


def test_nobody_waits_for_a_run_whose_painter_is_found_dead():
    with studio() as (opened, cluster):
        cluster.bad[0].is_silent = True
        move = RunMove(job(1))
        with opened.queue._changed:
            opened.queue._state.ask_for(move, 0)
        assert move.result.result(PATIENCE) is None


def test_a_painter_that_is_lost_while_it_sits_down_leaves_no_seat():
    made: list[Studio] = []
    lost: list[BadLine] = []

    def prepare(line: BadLine) -> None:
        def lose() -> None:
            if not lost:
                lost.append(line)
                made[0].painters.all[0].lose("its machine is gone")

        line.on_settle = lose

    with studio(prepare=prepare, made=made) as (opened, cluster):
        assert lost == cluster.bad[:1]
        assert len(opened.queue._state.open_seats) == 1


def test_a_job_that_never_came_to_its_companions_slice_goes_on_from_its_checkpoint():
    first, second = job(1), job(2, seed=2)
    with studio(deterministic=False) as (opened, _):
        opened.checkpoints = {1: [checkpoint(first, STEPS)], 2: [checkpoint(second, 4)]}
        opened.queue.hold(True)
        opened.queue.put(first, STEPS)
        opened.queue.put(second, 4)
        opened.queue.hold(False)
        opened.wait_for(lambda: len(opened.ends()) == 2)
        opened.wait_for(lambda: not opened.queue.jobs())
    assert all(isinstance(each, Finished) for each in opened.ends())
    assert opened.counter.steps == STEPS - 4, "no step was taken twice"


def test_who_waits_beside_a_stopped_job_goes_on_from_its_checkpoint():
    first, second = job(1), job(2, seed=2)
    with studio(deterministic=False) as (opened, _):
        opened.checkpoints = {1: [checkpoint(first, 2)], 2: [checkpoint(second, 4)]}
        opened.queue.hold(True)
        opened.queue.put(first, 2)
        opened.queue.put(second, 4)
        opened.queue.stop(1)
        opened.queue.hold(False)
        opened.wait_for(lambda: len(opened.ends()) == 2)
    assert opened.counter.steps == STEPS - 4, "no step was taken twice"


def test_a_companion_that_cannot_be_loaded_ends_alone():
    with studio(deterministic=False) as (opened, _):
        load = opened.load

        def load_but_two(wanted: Job) -> Sequence[StoredCheckpoint]:
            if wanted.id == 2:
                raise ValueError("its checkpoints are damaged")
            return load(wanted)

        opened.painters._workplace.load_checkpoints = load_but_two
        opened.queue.hold(True)
        opened.queue.put(job(1))
        opened.queue.put(job(2, seed=2))
        opened.queue.hold(False)
        opened.wait_for(lambda: len(opened.ends()) == 2)
        opened.wait_for(lambda: not opened.queue.jobs())
    ends = {each.job_id: type(each) for each in opened.ends()}
    assert ends == {1: Finished, 2: Failed}


def test_no_line_of_a_log_ends_a_painter(caplog: pytest.LogCaptureFixture):
    is_told = False

    def tell(_: BadLine, reports: list[Report]) -> None:
        nonlocal is_told
        if not is_told:
            is_told = True
            fields: dict[str, str | int | float] = {"message": "twice", "asctime": "now", "job": 7}
            reports.append(Logged("painter", logging.WARNING, "100 % done", fields))

    with studio(tell) as (opened, cluster):
        opened.queue.put(job(1))
        opened.wait_for(opened.ends)
        assert len(cluster.bad) == 1
    (record,) = [each for each in caplog.records if each.name == "painter"]
    assert record.getMessage() == "100 % done"
    assert (vars(record)["job"], vars(record)["painter"]) == (7, 0)


def test_what_was_ordered_before_the_end_is_not_dropped():
    seat = RemoteSeat(ReportBox())
    order = PaintSlice(JobData(job(1)), 2, (), frozenset({1}), {}, {})
    seat.receive([order, Close()])
    task = seat.dequeue()
    assert isinstance(task, Slice)
    assert task.job == job(1)
    assert seat.closed
    assert seat.dequeue() is None


class Panic(BaseException):
    """What a library in another language raises."""


def panic(_: Any) -> None:
    raise Panic("index out of range")


def test_a_call_that_panics_is_answered_and_painting_goes_on():
    with studio() as (opened, _):
        call = opened.painters.call_with_models(panic)
        with pytest.raises(RuntimeError, match="index out of range"):
            call.result(PATIENCE)
        opened.queue.put(job(1))
        opened.wait_for(opened.ends)


def test_a_painter_that_finds_no_room_is_not_waited_for_without_jobs():
    lines: list[BadLine] = []

    def have_room_for_one(line: BadLine, reports: list[Report]) -> None:
        if line not in lines[:1]:
            reports.clear()

    prepare = lines.append
    with studio(have_room_for_one, prepare, painters=2, idle_minutes=1e-6) as (opened, _):
        opened.queue.hold(True)
        for number in (1, 2):
            opened.queue.put(job(number, seed=number))
        opened.wait_for(lambda: len(lines) == 2)
        opened.queue.hold(False)
        opened.wait_for(lambda: len(opened.ends()) == 2)
        opened.wait_for(lambda: len(opened.painters.all) == 1)
        assert opened.painters.all[0].line is lines[0]


def test_the_program_ends_though_the_cluster_cannot_be_left():
    def fail() -> None:
        raise ConnectionError("its head is gone")

    with studio() as (opened, cluster):
        opened.queue.put(job(1))
        opened.wait_for(opened.ends)
        cluster.close = fail
    for line in cluster.bad:
        line.cut()


@pytest.mark.parametrize(
    ("share", "gpus", "painters"),
    [(1.0, 4, 4), (0.5, 4, 8), (0.3, 3, 9), (0.1, 2, 20), (0.6, 3, 3)],
)
def test_no_more_painters_are_wanted_than_have_room_on_single_gpus(
    share: float, gpus: int, painters: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    ray = SimpleNamespace(cluster_resources=lambda: {"GPU": float(gpus)})
    monkeypatch.setattr("bot.cluster.ray_cluster._ray", lambda: ray)
    settings = ClusterSettings(address="10.0.0.1:6379", gpus=share)
    assert RayCluster(settings, TIMINGS, tmp_path, lambda: False).places() == painters
