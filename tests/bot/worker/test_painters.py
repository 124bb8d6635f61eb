"""Several painters of one program: whoever paints a picture, it is the same, and none is lost."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random

import pytest
import torch

from bot.config import WeightsSettings
from bot.jobs.events import (
    Failed,
    Finished,
    NoticeEvent,
    Started,
)
from bot.jobs.job import Job
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.loading import ModelLoading
from bot.scheduling.queue import GpuQueue
from bot.scheduling.seats import DeviceKind
from bot.timings import Timings
from bot.worker.job_run import JobRun
from bot.worker.job_runs import JobRuns
from bot.worker.local_painters import LocalPainters
from bot.worker.suspended_run import SuspendedRun
from bot.worker.workplace import Workplace
from engine.models.catalogue import CATALOGUE
from engine.settings import EngineSettings
from tests.harness.bot_harness import PATIENCE, demo_models
from tests.harness.kept_events import KeptEvents
from tests.harness.painted_alone import PIXELS, is_as_alone, recipe

pytestmark = pytest.mark.slow


class Studio(KeptEvents):
    """Painters on CPUs, and a store that keeps what they publish."""

    def __init__(self, painters: int, slice_steps: int = 2, *, deterministic: bool = True) -> None:
        super().__init__()
        settings = EngineSettings(
            device=("cpu",) * painters,
            threads=1,
            more_models=PIXELS,
            deterministic=deterministic,
        )
        self.queue = GpuQueue(slice_steps=slice_steps)
        self.loading = ModelLoading()
        timings = replace(Timings(), checkpoint_seconds=0.02)
        self.painters = LocalPainters(
            Workplace(
                *(settings, WeightsSettings(), self.queue, ThroughputEstimator()),
                *(self.publish, self.load, timings, self.loading),
            ),
            self.queue,
            demo_models(),
        )


@contextmanager
def studio(painters: int, slice_steps: int = 2, *, deterministic: bool = True) -> Iterator[Studio]:
    opened = Studio(painters, slice_steps, deterministic=deterministic)
    opened.painters.start()
    opened.painters.loaded.result(PATIENCE)
    try:
        yield opened
    finally:
        opened.queue.close()
        opened.painters.join()


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the jobs whose runs go from one painter to another."""
    seen, take_in = list[int](), JobRuns.take_in

    def counted(runs: JobRuns, suspended: SuspendedRun) -> None:
        seen.append(suspended.job.id)
        take_in(runs, suspended)

    monkeypatch.setattr(JobRuns, "take_in", counted)
    return seen


@pytest.mark.parametrize("seed", range(2))
def test_pictures_are_the_same_whoever_paints_them(seed: int):
    random, wanted = Random(seed), dict[int, Job]()
    with studio(painters=3) as opened:
        for number in range(1, 31):
            models = "demo" if number % 10 == 0 else random.choice(PIXELS)
            recipes = tuple(
                recipe(random.randrange(3), models, random.choice((1, 3, 5, 7)))
                for _ in range(random.choice((1, 1, 2)))
            )
            weight = random.choice((0.5, 1.0, 2.0))
            job = wanted[number] = Job(
                number, random.randrange(5), "a ring", recipes, weight=weight
            )
            opened.queue.put(job)
            if random.random() < 0.15:
                opened.queue.stop(random.randint(1, number))
            if random.random() < 0.1 and opened.queue.remove(gone := random.randint(1, number)):
                del wanted[gone]
            time.sleep(random.choice((0.0, 0.0, 0.02)))
        opened.wait_for(lambda: not opened.queue.jobs())
        opened.wait_for(lambda: {each.job_id for each in opened.ends()} >= set(wanted))
    ends = [each for each in opened.ends() if each.job_id in wanted]
    assert dict(Counter(each.job_id for each in ends)) == dict.fromkeys(wanted, 1)
    for end in ends:
        assert isinstance(end, Finished)
        assert end.stopped or len(end.pictures) == len(wanted[end.job_id].recipes)
        assert all(map(is_as_alone, end.pictures))


def test_a_run_that_moves_goes_on_as_if_it_had_stayed(moves: list[int]):
    with studio(painters=2, slice_steps=1) as opened:
        for number in range(1, 8):
            made = recipe(number, steps=12 if number < 4 else 4)
            opened.queue.put(Job(number, number, "a ring", (made,)))
        opened.wait_for(lambda: len(opened.ends()) == 7)
    assert moves, "no run moved"
    starts = Counter(each.job_id for each in opened.events if isinstance(each, Started))
    assert starts == {number: 1 + moves.count(number) for number in range(1, 8)}
    for end in opened.ends():
        assert isinstance(end, Finished)
        assert all(map(is_as_alone, end.pictures))


def test_jobs_that_share_steps_on_several_painters_end_once():
    with studio(painters=2, deterministic=False) as opened:
        for number in range(1, 25):
            made = recipe(number, "demo-pyramid", steps=3 + number % 4)
            opened.queue.put(Job(number, number % 5, "a ring", (made,)))
            if number % 6 == 0:
                opened.queue.stop(number - 3)
        opened.wait_for(lambda: len(opened.ends()) >= 24)
    assert Counter(each.job_id for each in opened.ends()) == Counter(range(1, 25))
    assert all(isinstance(each, Finished) for each in opened.ends())


def test_others_go_on_when_a_painter_dies(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    after_step, died = JobRun.after_step, threading.Event()

    def dying(run: JobRun, seconds: float) -> Exception | None:
        if run.job.id == 1 and len(opened.checkpoints.get(1, ())) >= 2 and not died.is_set():
            died.set()
            raise SystemError("the driver is gone")
        return after_step(run, seconds)

    monkeypatch.setattr(JobRun, "after_step", dying)
    with studio(painters=2) as opened:
        for number in range(1, 5):
            opened.queue.put(Job(number, number, "a ring", (recipe(number, steps=12),)))
        opened.wait_for(lambda: len(opened.ends()) == 4)
        assert died.is_set()
        assert opened.painters.is_alive()
        assert sorted(each.is_alive() for each in opened.painters.all) == [False, True]
    assert "a painter died" in caplog.text
    for end in opened.ends():
        assert isinstance(end, Finished)
        assert all(map(is_as_alone, end.pictures))


def test_a_picture_whose_kind_of_painter_died_goes_on_elsewhere_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
):
    after_step, died = JobRun.after_step, list[str]()

    def dying(run: JobRun, seconds: float) -> Exception | None:
        if len(opened.checkpoints.get(1, ())) >= 2 and not died:
            died.append(threading.current_thread().name)
            raise SystemError("the driver is gone")
        return after_step(run, seconds)

    def kind(*_: object) -> DeviceKind:
        name = threading.current_thread().name
        return DeviceKind(name, f"cpu/{name}")

    monkeypatch.setattr(JobRun, "after_step", dying)
    monkeypatch.setattr(Workplace, "kind", kind)
    with studio(painters=2) as opened:
        opened.queue.put(Job(1, 1, "a ring", (recipe(1, steps=12),)))
        opened.wait_for(opened.ends)
    (end,) = opened.ends()
    assert isinstance(end, Finished)
    assert all(map(is_as_alone, end.pictures))
    (notice,) = [each for each in opened.events if isinstance(each, NoticeEvent)]
    assert "another device than before" in notice.text
    kinds = {each.runs for each in opened.checkpoints[1]}
    assert kinds == {"cpu/engine", "cpu/engine 1"}


def test_a_job_that_painters_die_of_ends_with_a_sentence(monkeypatch: pytest.MonkeyPatch):
    after_step = JobRun.after_step

    def dying(run: JobRun, seconds: float) -> Exception | None:
        if run.job.id == 1:
            raise SystemError("the driver is gone")
        return after_step(run, seconds)

    monkeypatch.setattr(JobRun, "after_step", dying)
    with studio(painters=3) as opened:
        for number in (1, 2):
            opened.queue.put(Job(number, number, "a ring", (recipe(number),)))
        opened.wait_for(lambda: len(opened.ends()) == 2)
        assert opened.painters.is_alive()
    ends = {each.job_id: type(each) for each in opened.ends()}
    assert ends == {1: Failed, 2: Finished}


async def test_a_model_call_is_made_while_all_paint():
    with studio(painters=2) as opened:
        for number in (1, 2, 3):
            made = recipe(number, steps=400)
            opened.queue.put(Job(number, number, "a ring", (made,)))
        opened.wait_for(lambda: all(each.jobs() for each in opened.painters.all))
        call = opened.painters.call_with_models(lambda models: models.name)
        assert await asyncio.wait_for(asyncio.wrap_future(call), PATIENCE) == "demo"
        for number in (1, 2, 3):
            opened.queue.remove(number)


def test_painters_of_cpus_share_memory_and_have_the_same_threads():
    with studio(painters=2) as opened:
        threads = set[int]()

        def note(_: object) -> None:
            threads.add(torch.get_num_threads())
            time.sleep(0.02)

        calls = [opened.painters.call_with_models(note) for _ in range(8)]
        for each in calls:
            each.result(PATIENCE)
        assert threads == {1}
        assert opened.loading.device == "cpu, cpu"
        shared = opened.painters.memory("demo")
    with studio(painters=1) as alone:
        whole = alone.painters.memory("demo")
    assert shared is not None
    assert whole is not None
    assert shared.bytes < 0.7 * whole.bytes
    assert "demo" in CATALOGUE


def test_a_device_that_is_not_there_keeps_the_program_from_starting():
    opened = Studio(painters=1)
    settings = EngineSettings(device=("cpu", "cuda:99"), threads=1)
    workplace = replace(opened.painters._workplace, settings=settings)
    painters = LocalPainters(workplace, opened.queue, demo_models())
    painters.start()
    with pytest.raises(Exception, match="cuda:99"):
        painters.loaded.result(PATIENCE)
    opened.queue.close()
    painters.join()
