"""Several painters at one queue: who gets which slice, without an engine."""

import threading
import time
from dataclasses import replace
from itertools import count
from random import Random

import pytest

from benchmarks.lib.seat_simulation import Simulation, burst, over_time
from bot.jobs.job import Job
from bot.scheduling.cost import step_cost
from bot.scheduling.model_calls import ModelCall
from bot.scheduling.queue import GpuQueue
from bot.scheduling.queue_seat import QueueSeat
from bot.scheduling.run_kinds import can_be_loaded, goes_on_alike
from bot.scheduling.run_moves import RunMove
from bot.scheduling.seats import DeviceKind, Slice, StopRequest
from engine.presets import make_recipe

SLICE = 25
RECIPE = make_recipe("a ring", seed=1, models="demo", steps=1000)
NUMBERS = count(1)


@pytest.fixture
def queue() -> GpuQueue:
    return GpuQueue(slice_steps=SLICE)


def put(queue: GpuQueue, author: int, weight: float = 1.0) -> int:
    job = Job(next(NUMBERS), author, "a ring", (RECIPE,), weight=weight)
    queue.put(job)
    return job.id


def take(seat: QueueSeat) -> Slice:
    slice_ = seat.poll()
    assert isinstance(slice_, Slice)
    return slice_


def paint(seat: QueueSeat, steps: int = SLICE) -> int:
    """Take a slice and paint it; return its job."""
    slice_ = take(seat)
    for _ in range(steps):
        seat.charge(step_cost(RECIPE))
    seat.end_slice()
    return slice_.job.id


def until_waiting(seat: QueueSeat) -> None:
    """Wait until the painter of a seat sleeps."""
    while not seat.is_waiting:
        time.sleep(0.001)


def let_go(seat: QueueSeat) -> None:
    """Let go of the runs that others want."""
    while isinstance(call := seat.next_call(), RunMove):
        call.run(lambda job: job)


@pytest.mark.parametrize("fair", [True, False])
def test_jobs_of_one_person_are_painted_at_the_same_time_the_oldest_first(fair: bool):
    queue = GpuQueue(fair=fair)
    first, second = queue.seat(), queue.seat()
    jobs = [put(queue, author=1) for _ in range(3)]
    assert [take(each).job.id for each in (first, second)] == jobs[:2]
    assert [job.id for job in queue.jobs()] == jobs
    assert queue.waiting() == 1


def test_a_slice_counts_from_its_beginning(queue: GpuQueue):
    seats = [queue.seat() for _ in range(3)]
    mine = [put(queue, author=1) for _ in range(3)]
    others = [put(queue, author) for author in (2, 3)]
    assert [take(each).job.id for each in seats] == [mine[0], *others]


def test_who_wanted_nothing_more_gains_no_credit(queue: GpuQueue):
    seats = [queue.seat() for _ in range(2)]
    single = put(queue, author=1)
    busy = [put(queue, author=2) for _ in range(30)]
    assert take(seats[0]).job.id == single
    for _ in range(20):  # meanwhile the other one paints twenty slices
        assert paint(seats[1]) in busy
    more = [put(queue, author=1) for _ in range(10)]
    order = [paint(seats[1]) for _ in range(6)]
    assert sum(each in more for each in order) <= 4


@pytest.mark.parametrize("fair", [True, False])
def test_a_job_stays_with_its_painter(fair: bool):
    queue = GpuQueue(fair=fair)
    first, second = queue.seat(), queue.seat()
    jobs = [put(queue, author) for author in (1, 2)]
    for _ in range(5):
        assert paint(first) == jobs[0]
        assert paint(second) == jobs[1]
    assert paint(second) == jobs[1], "a run must not move while its painter is free"


def test_a_free_painter_takes_the_job_of_a_busy_one_after_that_let_go(queue: GpuQueue):
    first, second = queue.seat(), queue.seat()
    job = put(queue, author=1)
    assert paint(first) == job
    assert second.poll() is None
    other = put(queue, author=2)
    assert take(first).job.id == other
    moved = take(second)
    assert (moved.job.id, job in first) == (job, True)
    assert moved.move is not None
    assert not moved.move.result.done()
    let_go(first)
    assert second.next_call_before(moved.move) is None
    assert moved.move.result.result() is moved.job
    assert (job in first, job in second) == (False, True)


def test_a_painter_that_waits_for_a_run_lets_go_of_others_meanwhile(queue: GpuQueue):
    first, second, third = (queue.seat() for _ in range(3))
    early, late = put(queue, author=1), put(queue, author=2, weight=0.1)
    assert [paint(first), paint(second)] == [early, late]
    put(queue, author=3)
    take(first)
    waiting = take(second)
    assert waiting.job.id == early
    assert waiting.move is not None
    other = take(third)
    assert other.job.id == late
    assert other.move is not None
    call = second.next_call_before(waiting.move)
    assert isinstance(call, RunMove)
    call.run(lambda job: job)
    assert third.next_call_before(other.move) is None
    assert other.move.result.result() is other.job


def test_a_stop_is_served_where_the_run_lives(queue: GpuQueue):
    first, second = queue.seat(), queue.seat()
    jobs = [put(queue, author) for author in (1, 2)]
    assert [paint(first), paint(second)] == jobs
    queue.stop(jobs[0])
    assert take(second).job.id == jobs[1]
    slice_ = take(first)
    assert (slice_.job.id, slice_.steps) == (jobs[0], 0)
    assert first.charge() is StopRequest.STOP


def test_a_stop_of_what_nobody_began_is_served_by_whoever_is_free(queue: GpuQueue):
    first, second = queue.seat(), queue.seat()
    jobs = [put(queue, author) for author in (1, 2, 3)]
    take(first)
    queue.stop(jobs[2])
    slice_ = take(second)
    assert (slice_.job.id, slice_.steps) == (jobs[2], 0)


def test_a_model_call_is_left_to_a_painter_with_nothing_to_do(queue: GpuQueue):
    busy, free = queue.seat(), queue.seat()
    put(queue, author=1)
    take(busy)
    made = list[object]()
    thread = threading.Thread(target=lambda: made.append(free.dequeue()))
    thread.start()
    until_waiting(free)
    call = ModelCall(lambda models: models, "demo")
    queue.put_call(call)
    assert busy.next_call() is None
    thread.join()
    assert made == [call]
    queue.put_call(call)
    assert busy.next_call() is call, "if all are busy, any of them makes it"


def test_others_go_on_with_the_jobs_of_a_painter_that_died(queue: GpuQueue):
    first, second = queue.seat(), queue.seat()
    jobs = [put(queue, author) for author in (1, 2)]
    assert [take(each).job.id for each in (first, second)] == jobs
    queue.stop(jobs[0])
    assert first.leave() == []
    second.end_slice()
    stopped = take(second)
    assert (stopped.job.id, stopped.steps, stopped.move) == (jobs[0], 0, None)
    second.charge()
    second.finish(stopped.job)
    second.end_slice()
    assert paint(second) == jobs[1]


def test_a_painter_that_dies_lets_nobody_wait_for_its_runs(queue: GpuQueue):
    first, second = queue.seat(), queue.seat()
    job = put(queue, author=1)
    paint(first)
    put(queue, author=2)
    take(first)
    moved = take(second)
    assert (moved.job.id, moved.move is not None) == (job, True)
    first.leave()
    assert moved.move is not None
    assert second.next_call_before(moved.move) is None
    assert moved.move.result.result() is None


def test_a_job_that_painters_die_of_is_given_up(queue: GpuQueue):
    seats = [queue.seat() for _ in range(3)]
    job = put(queue, author=1)
    take(seats[0])
    assert seats[0].leave() == []
    assert take(seats[1]).job.id == job
    assert [each.id for each in seats[1].leave()] == [job]
    assert seats[2].poll() is None
    assert job not in queue


def test_a_run_goes_on_only_on_a_device_of_its_kind(queue: GpuQueue):
    fast = DeviceKind("fast", runs="fast")
    first, other, second = (
        queue.seat(fast),
        queue.seat(DeviceKind("slow", "slow")),
        queue.seat(fast),
    )
    job = put(queue, author=1)
    paint(first)
    first.leave()
    assert other.poll() is None
    assert take(second).job.id == job


@pytest.mark.parametrize(
    ("kind", "here", "is_alike", "is_loaded"),
    [
        ("cuda/A", "cuda/A", True, True),
        ("cuda/A", "cuda/B", False, True),
        ("cuda/A", "cuda", True, True),
        ("cuda", "cuda/A", True, True),
        ("cuda/A", "cuda/AB", False, True),
        ("cuda/A", "cpu", False, False),
        ("cuda", "cpu", False, False),
        ("", "cpu", True, True),
    ],
)
def test_where_runs_go_on(kind: str, here: str, is_alike: bool, is_loaded: bool):
    assert goes_on_alike(kind, here) is is_alike
    assert can_be_loaded(kind, here) is is_loaded


def test_after_a_restart_a_run_goes_on_where_it_was_begun(queue: GpuQueue):
    other, same = queue.seat(DeviceKind("b", "cuda/B")), queue.seat(DeviceKind("a", "cuda/A"))
    job = Job(next(NUMBERS), 1, "a ring", (RECIPE,))
    queue.put(job, 10, "cuda/A")
    assert other.poll() is None
    assert take(same).job is job


def test_the_others_begin_anew_if_no_painter_of_the_kind_is_left(queue: GpuQueue):
    first, other = queue.seat(DeviceKind("a", "a")), queue.seat(DeviceKind("b", "b"))
    job = put(queue, author=1)
    paint(first)
    first.leave()
    assert take(other).job.id == job


def kinds_gone(queue: GpuQueue) -> tuple[QueueSeat, int]:
    """Return a painter, and a job that one of another kind began before it left."""
    queue.expect(1)
    first, other = queue.seat(DeviceKind("a", "cuda/A")), queue.seat(DeviceKind("b", "cuda/B"))
    job = put(queue, author=1)
    paint(first)
    first.leave()
    return other, job


def test_a_job_waits_for_a_painter_of_its_kind_without_holding_up_others():
    queue = GpuQueue(slice_steps=SLICE, device_seconds=0.2)
    other, job = kinds_gone(queue)
    assert other.poll() is None
    position = queue.position(job)
    assert position is not None
    assert 0 < position.seconds_kept <= 0.2
    later = put(queue, author=2)
    assert paint(other) == later
    queue.remove(later)
    slice_ = other.dequeue()  # it wakes by itself when the time is over
    assert isinstance(slice_, Slice)
    assert slice_.job.id == job
    position = queue.position(job)
    assert position is not None
    assert position.seconds_kept == 0
    other.end_slice()
    back = queue.seat(DeviceKind("a", "cuda/A"))
    assert back.poll() is None, "it goes on where it went on"


def test_a_job_that_waits_goes_on_with_the_first_painter_of_its_kind(queue: GpuQueue):
    other, job = kinds_gone(queue)
    assert other.poll() is None
    assert take(queue.seat(DeviceKind("a", "cuda/A"))).job.id == job


def test_nobody_waits_once_no_painter_is_expected(queue: GpuQueue):
    other, job = kinds_gone(queue)
    taken = list[object]()
    thread = threading.Thread(target=lambda: taken.append(other.dequeue()))
    thread.start()
    until_waiting(other)
    queue.expect(-1)
    thread.join()
    (slice_,) = taken
    assert isinstance(slice_, Slice)
    assert slice_.job.id == job


def test_a_job_that_waits_is_stopped_where_its_checkpoint_can_be_loaded(queue: GpuQueue):
    other, job = kinds_gone(queue)
    processor = queue.seat(DeviceKind("cpu", "cpu"))
    queue.stop(job)
    assert processor.poll() is None
    slice_ = take(other)
    assert (slice_.job.id, slice_.steps) == (job, 0)


def test_a_job_that_waits_for_its_kind_moves_no_other_run(queue: GpuQueue):
    queue.expect(1)
    first, second = queue.seat(DeviceKind("a", "cuda/A")), queue.seat(DeviceKind("a", "cuda/A"))
    begun, busy = put(queue, author=1), put(queue, author=2)
    assert [paint(each) for each in (first, second, second)] == [begun, busy, busy]
    queue.remove(busy)
    queue.put(Job(next(NUMBERS), 3, "a ring", (RECIPE,)), 10, "cuda/B")
    new = put(queue, author=4)
    call = ModelCall(lambda models: models, "demo")
    queue.put_call(call)
    assert first.poll() is call
    assert take(second).job.id == new


@pytest.mark.parametrize("leaves", ["by itself", "because it does not fit any more"])
def test_a_job_that_leaves_a_batch_is_taken_by_a_painter_without_work(queue: GpuQueue, leaves: str):
    queue.expect(1)
    first, other = queue.seat(DeviceKind("a", "cuda/A")), queue.seat(DeviceKind("a", "cuda/A"))
    jobs = [put(queue, author) for author in (1, 2)]
    kept = Job(next(NUMBERS), 3, "a ring", (RECIPE,))
    queue.put(kept, 10, "cuda/B")
    assert take(first).job.id == jobs[0]
    batch = first.select_batch(2, lambda _: True)
    assert [each.id for each in batch] == jobs
    taken = list[object]()
    thread = threading.Thread(target=lambda: taken.append(other.dequeue()))
    thread.start()
    until_waiting(other)
    if leaves == "by itself":
        first.leave_batch(batch[1])
    else:
        queue.remove(kept.id)  # so that the batch is selected again
        first.select_batch(2, lambda _: False)
    thread.join(5)
    queue.close()
    thread.join()
    (slice_,) = taken
    assert isinstance(slice_, Slice)
    assert slice_.job.id == jobs[1]


def test_announced_times_count_with_all_painters(queue: GpuQueue):
    jobs = [put(queue, author) for author in range(8)]
    alone = queue.position(jobs[-1])
    for _ in range(4):
        take(queue.seat())
    shared, painted = queue.position(jobs[-1]), queue.position(jobs[0])
    assert alone is not None
    assert shared is not None
    assert painted is not None
    assert shared.start == pytest.approx(alone.start / 4)
    assert shared.end == pytest.approx(alone.end / 4)
    assert (painted.start, painted.jobs_ahead) == (0.0, 0)
    new = queue.seat()
    for _ in range(3):
        take(queue.seat())
    position = queue.position(jobs[-1])
    assert position is not None
    assert (position.start, position.jobs_ahead) == (0.0, 0), "a painter is free for it"
    assert position.end == pytest.approx(1000 * step_cost(RECIPE))
    assert take(new).job.id == jobs[-1]


@pytest.mark.parametrize("painters", [2, 8, 64])
def test_a_burst_keeps_all_painters_busy_and_nobody_far_behind(painters: int):
    outcome = Simulation(burst(1000, 100, Random(7)), [1.0] * painters).run()
    assert len(outcome.ends) == 1000
    assert outcome.useful_share >= 0.92
    assert outcome.moves < 0.05 * outcome.slices
    assert outcome.lead <= 2 + 1e-9


@pytest.mark.parametrize("speeds", [[1.0] * 64, [1.0] * 4 + [0.5] * 4])
def test_nobody_is_far_behind_whenever_jobs_come(speeds: list[float]):
    arrivals = over_time(1000, 100, sum(speeds), 0.9, Random(7))
    outcome = Simulation(arrivals, speeds).run()
    assert len(outcome.ends) == 1000
    assert outcome.moves < 0.05 * outcome.slices
    assert outcome.lead <= 2 + 1e-9


def test_one_painter_moves_nothing():
    outcome = Simulation(burst(60, 10, Random(7)), [1.0]).run()
    assert (outcome.moves, len(outcome.ends)) == (0, 60)


def test_jobs_with_few_steps_left_are_charged_for_those(queue: GpuQueue):
    seats = [queue.seat() for _ in range(3)]
    for author, steps in ((1, 1), (1, SLICE), (2, SLICE)):
        recipes = (replace(RECIPE, steps=steps),)
        queue.put(Job(next(NUMBERS), author, "a ring", recipes))
    authors = [take(each).job.author_id for each in seats]
    assert authors == [1, 2, 1]


MOST_BYTES = 10_000
"""More than the order of two jobs takes, and far less than what 600 of them would leave behind."""


def test_painters_that_come_and_go_leave_nothing_behind(queue: GpuQueue):
    put(queue, 1)
    for _ in range(600):
        seat = queue.seat()
        take(seat)
        seat.end_slice()
        seat.leave()
    assert len(queue.snapshot().content) < MOST_BYTES


def test_jobs_that_come_and_go_leave_nothing_behind(queue: GpuQueue):
    seat, long = queue.seat(), put(queue, 0)
    for number in range(600):
        put(queue, 1 + number)
        while (job := take(seat).job).id == long:
            seat.charge(SLICE * step_cost(RECIPE) / 1000)
            seat.end_slice()
        seat.finish(job)
        seat.end_slice()
    assert len(queue.snapshot().content) < MOST_BYTES
