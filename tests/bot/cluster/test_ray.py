"""Painters on real nodes of Ray: what dies or hangs there loses no job and changes no picture."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec

import psutil
import pytest

import bot.cluster.ray_cluster as ray_cluster
from bot.cluster.ray_cluster import RayCluster, RayLine
from bot.config import ClusterSettings
from bot.jobs.events import Finished, ProgressEvent, Started
from bot.jobs.job import Job
from bot.timings import Timings
from tests.bot.cluster.studio import Studio
from tests.harness.painted_alone import is_as_alone, recipe
from tests.harness.ray_head import (
    COMMAND,
    PATIENCE,
    RayHead,
    known_to_this_process,
    running_head,
    wait_until,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
]

QUICK = replace(
    Timings(),
    checkpoint_seconds=0.05,
    pulse_seconds=0.5,
    lost_seconds=8.0,
    orphan_seconds=20.0,
    hire_seconds=0.2,
    retry_seconds=1.0,
)
STEPS = 60


@dataclass
class Node:
    """A machine of the cluster: what `python -m bot.worker` became."""

    program: subprocess.Popen[bytes]

    def processes(self) -> list[psutil.Process]:
        """Return all processes of the node, the command first."""
        first = psutil.Process(self.program.pid)
        return [first, *first.children(recursive=True)]

    def has(self, pid: int) -> bool:
        """Return True if a process belongs to the node, which runs."""
        is_there = self.program.poll() is None
        return is_there and pid in {each.pid for each in self.processes()}

    def signal(self, number: int) -> None:
        """Send a signal to all processes of the node."""
        for each in self.processes():
            each.send_signal(number)


@contextmanager
def node_of(head: RayHead) -> Iterator[Node]:
    """Let a machine with a processor join the cluster."""
    before = len(head.nodes())
    with (head.folder / "node-log").open("w") as log:
        program = subprocess.Popen(
            [*COMMAND, "--address", head.address, "--cpus", "1", "--gpus", "0"],
            env=head.environment,
            cwd=head.folder,
            stdout=log,
            stderr=log,
        )
    node = Node(program)
    try:
        wait_until(lambda: len(head.nodes()) == before + 1)
        yield node
    finally:
        if program.poll() is None:
            for each in node.processes()[::-1]:
                each.kill()
        program.wait(PATIENCE)


class RayStudio(Studio):
    """A studio on a cluster with two painters."""

    def __init__(self, head: RayHead) -> None:
        settings = ClusterSettings(address=head.address, painters=2, gpus=0)
        super().__init__(
            lambda queue: RayCluster(settings, QUICK, head.folder, lambda: queue.closed),
            *(settings, 5),
            timings=QUICK,
            models=(),
        )

    def ready(self) -> list[RayLine]:
        """Return the lines to painters that are ready."""
        lines = [each.line for each in self.painters.all if each.device]
        return [each for each in lines if isinstance(each, RayLine)]

    def line_of(self, job_id: int) -> RayLine:
        """Return the line to the painter that paints a job."""
        self.wait_for(lambda: self._lines_of(job_id))
        return self._lines_of(job_id)[0]

    def _lines_of(self, job_id: int) -> list[RayLine]:
        found = [each for each in self.painters.all if job_id in {job.id for job in each.jobs()}]
        return [each.line for each in found if isinstance(each.line, RayLine)]

    def steps_shown(self, job_id: int) -> int:
        """Return the newest step of a job that people saw."""
        shown = [each for each in list(self.events) if isinstance(each, ProgressEvent)]
        return max((each.step for each in shown if each.job_id == job_id), default=0)

    def finish(self, *job_ids: int) -> list[Finished]:
        """Wait until jobs have ended; each must have ended once, with its own picture."""
        self.wait_for(lambda: {each.job_id for each in self.ends()} >= set(job_ids))
        ends = [each for each in self.ends() if each.job_id in job_ids]
        assert Counter(each.job_id for each in ends) == Counter(job_ids)
        finished = [each for each in ends if isinstance(each, Finished)]
        assert len(finished) == len(ends)
        for each in finished:
            assert all(map(is_as_alone, each.pictures))
        return finished


def pid_of(line: RayLine) -> int:
    return ray_cluster._ray().get(line._actor.pulse.remote())


@pytest.fixture(scope="module")
def head() -> Iterator[RayHead]:
    with running_head() as head, known_to_this_process(head):
        yield head


@pytest.fixture(scope="module")
def nodes(head: RayHead) -> Iterator[list[Node]]:
    with node_of(head) as first, node_of(head) as second:
        yield [first, second]


@pytest.fixture(scope="module")
def studio(head: RayHead, nodes: list[Node]) -> Iterator[RayStudio]:
    assert nodes
    studio = RayStudio(head)
    with studio.open(ready=2):
        yield studio


@pytest.fixture(autouse=True)
def two_painters(studio: RayStudio) -> None:
    studio.wait_for(lambda: len(studio.ready()) == 2)


def job(number: int, seed: int = 1, steps: int = STEPS) -> Job:
    return Job(number, number, "a ring", (recipe(seed, "demo", steps),))


def test_people_see_progress_and_the_same_picture(studio: RayStudio):
    for number in (1, 2, 3):
        studio.queue.put(job(number, number, 20))
    studio.finish(1, 2, 3)
    assert studio.steps_shown(1) > 0
    assert studio.loading.device is not None


def test_a_stop_and_a_cancel_count_before_the_next_step(studio: RayStudio):
    studio.queue.put(job(11, steps=2000))
    studio.queue.put(job(12, steps=2000))
    studio.wait_for(lambda: studio.steps_shown(11) and studio.steps_shown(12))
    studio.queue.stop(11)
    studio.queue.remove(12)
    (stopped,) = studio.finish(11)
    assert stopped.stopped
    assert stopped.pictures[0].steps < 2000
    studio.wait_for(lambda: not any(each.jobs() for each in studio.painters.all))


def test_models_are_called_while_all_paint(studio: RayStudio):
    for number in (21, 22):
        studio.queue.put(job(number, steps=2000))
        studio.line_of(number)
    call = studio.painters.call_with_models(ModelsName())
    assert call.result(PATIENCE) == "demo"
    for number in (21, 22):
        studio.queue.remove(number)


class ModelsName:
    """A call that returns the name of the models."""

    def __call__(self, models: object) -> str:
        return models.name  # type: ignore[attr-defined]


def test_a_painter_that_is_killed_loses_no_job(studio: RayStudio):
    studio.queue.put(job(31, steps=200))
    line = studio.line_of(31)
    studio.wait_for(lambda: studio.steps_shown(31) > 1)
    os.kill(pid_of(line), signal.SIGKILL)
    studio.finish(31)
    studio.wait_for(lambda: len(studio.ready()) == 2)
    assert line not in studio.ready()


def test_a_machine_that_hangs_is_given_up_and_ends_its_painter(
    studio: RayStudio, nodes: list[Node]
):
    studio.queue.put(job(41, steps=200))
    line = studio.line_of(41)
    studio.wait_for(lambda: studio.steps_shown(41) > 1)
    pid = pid_of(line)
    (node,) = [each for each in nodes if each.has(pid)]
    node.signal(signal.SIGSTOP)
    try:
        studio.finish(41)
    finally:
        node.signal(signal.SIGCONT)
    wait_until(lambda: not psutil.pid_exists(pid))
    assert [each for each in studio.events if isinstance(each, Finished)]


def test_a_machine_that_is_told_to_end_loses_no_step(studio: RayStudio, nodes: list[Node]):
    before = studio.counter.steps
    studio.queue.put(job(51, steps=200))
    pid = pid_of(studio.line_of(51))
    studio.wait_for(lambda: studio.steps_shown(51) > 1)
    (node,) = [each for each in nodes if each.has(pid)]
    node.program.terminate()
    studio.finish(51)
    starts = [each for each in studio.events if isinstance(each, Started) and each.job_id == 51]
    assert len(starts) == 2, "it went on elsewhere"
    assert studio.counter.steps - before == 200, "no step was taken twice"
    assert node.program.wait(PATIENCE) == 0
