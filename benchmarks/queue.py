"""Measure the queue with 10,000 jobs: its speed, its fairness, and the accuracy of its ETAs.

Fairness and accuracy are measured with a simulated engine, whose work advances a clock. Submission
and the start are measured with a store on this machine's disk.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median

from bot.jobs.job import Job
from bot.scheduling.cost import job_cost, step_cost
from bot.scheduling.queue import GpuQueue, Slice
from bot.storage import Store, open_store
from bot.submission.policy import DAY
from engine.presets import make_recipe
from engine.recipes.recipe import Recipe

SEED = 20_221_024
JOBS, PEOPLE = 10_000, 1_000
SAMPLES = 2_000
"""Number of timed calls of each kind."""
HEAVY_JOBS, LIGHT_PEOPLE = 50, 9
"""Number of jobs of the heavy user, and of users with one job each."""
LOADS, LOAD_JOBS = 20, 60
"""Number of mixed loads whose ETAs are compared with the true times, and of jobs in each."""


def main(arguments: list[str]) -> None:
    """Measure and print a table."""
    argparse.ArgumentParser(prog="python -m benchmarks queue", description=__doc__).parse_args(
        arguments
    )
    asyncio.run(_time_calls())
    _check_fairness()
    _check_announced_times()


async def _time_calls() -> None:
    recipe = make_recipe("a red circle on a blue background", seed=1)
    random = Random(SEED)
    with tempfile.TemporaryDirectory() as name:
        folder, stored = Path(name), []
        async with open_store(folder) as store:
            for number in range(JOBS):
                began = time.perf_counter()
                await _admit(store, number % PEOPLE, recipe)
                stored.append(time.perf_counter() - began)
        began = time.perf_counter()
        async with open_store(folder) as store:
            queue = GpuQueue()
            steps_stored = await store.jobs.steps_stored()
            for record in await store.jobs.list_open():
                queue.put(record.job, steps_stored.get(record.job.id, 0))
            start = time.perf_counter() - began
    numbers = [job.id for job in queue.jobs()]
    units = step_cost(recipe)
    print(f"{len(numbers)} jobs of {PEOPLE} people                  median    slowest")
    _print("admission, the store included", stored[-SAMPLES:])
    new = [Job(JOBS + n, random.randrange(2 * PEOPLE), "", (recipe,)) for n in range(SAMPLES)]
    _print(
        "admission to the queue alone", [_seconds(lambda job=job: queue.put(job)) for job in new]
    )
    choices: list[float] = []
    for _ in range(SAMPLES):
        choices.append(_seconds(queue.dequeue))
        queue.charge(units)
        queue.end_slice()
    _print("choice of the next slice", choices)
    asked = random.choices(numbers, k=SAMPLES)
    _print("position and times of a job", [_seconds(lambda n=n: queue.position(n)) for n in asked])
    print(f"start with {JOBS} stored jobs            {start:.2f} s")


async def _admit(store: Store, author_id: int, recipe: Recipe) -> None:
    """Run the queries with which each job is admitted."""
    now = datetime.now(UTC)
    await store.quotas.usage(author_id, None, now - DAY, now)
    await store.jobs.add(author_id, "a prompt", (recipe,))


def _check_fairness() -> None:
    """Queue the jobs of one heavy user, then one job each of light users."""
    queue = GpuQueue()
    for number in range(HEAVY_JOBS):
        queue.put(_job(number, author=0, steps=130))
    light = [_job(HEAVY_JOBS + n, author=1 + n, steps=130) for n in range(LIGHT_PEOPLE)]
    for job in light:
        queue.put(job)
    run = _work_off(queue)
    # With ideal sharing all advance at the same rate, so the light users' jobs end together.
    ideal = (LIGHT_PEOPLE + 1) * job_cost(light[0])
    firsts = [run.first_slice[job.id] for job in light]
    ends = [run.ended[job.id] / ideal for job in light]
    print(f"one person with {HEAVY_JOBS} jobs, {LIGHT_PEOPLE} with one each:")
    print(f"  first slice of a light one, at the latest     number {max(firsts)}")
    print(f"  end of a light one, against an ideal share    {max(ends):.2f} times at most")


@dataclass
class _Announced:
    job_id: int
    at: float
    end: float


def _check_announced_times() -> None:
    """Compare ETAs with true times in mixed loads, with users who arrive at random times."""
    at_admission: list[float] = []
    updated: list[float] = []
    for load in range(LOADS):
        first, later = _announced_errors(Random(SEED + load))
        at_admission += first
        updated += later
    print(f"announced time until the end, {LOADS} mixed loads of {LOAD_JOBS} jobs:")
    print(f"  median error when the job is accepted         {median(at_admission):.1%}")
    print(f"  median error of all announcements             {median(updated):.1%}")


def _announced_errors(random: Random) -> tuple[list[float], list[float]]:
    """Return relative errors of each job's first ETA, and of its ETAs at all slices."""
    people = [random.choice((1, 1, 1, 2, 5, 10)) for _ in range(LOAD_JOBS)]
    jobs: list[Job] = []
    for author, number in enumerate(people):
        jobs += [_mixed_job(len(jobs) + n, author, random) for n in range(number)]
    jobs = jobs[:LOAD_JOBS]
    random.shuffle(jobs)
    jobs = [Job(n, job.author_id, "", job.recipes) for n, job in enumerate(jobs)]
    work = sum(map(job_cost, jobs))
    arrivals = sorted(random.uniform(0, work) for _ in jobs)
    queue = GpuQueue()
    firsts: list[_Announced] = []
    later: list[_Announced] = []
    coming = list(zip(arrivals, jobs, strict=True))

    def look(clock: float) -> None:
        while coming and coming[0][0] <= clock:
            _, job = coming.pop(0)
            queue.put(job)
            firsts.append(_announced(queue, job.id, clock))
        later.extend(_announced(queue, job.id, clock) for job in queue.jobs())

    run = _work_off(queue, look, lambda: coming[0][0] if coming else None)
    return _errors(firsts, run), _errors(later, run)


def _announced(queue: GpuQueue, job_id: int, clock: float) -> _Announced:
    standing = queue.position(job_id)
    assert standing is not None
    return _Announced(job_id, clock, clock + standing.end)


@dataclass
class _Course:
    first_slice: dict[int, int]
    """Which slice was a job's first, from 1."""
    ended: dict[int, float]
    """By the clock, in units of work."""


def _work_off(
    queue: GpuQueue,
    look: Callable[[float], None] = lambda _: None,
    next_arrival: Callable[[], float | None] = lambda: None,
) -> _Course:
    """Let a simulated engine empty the queue, and call `look` with the clock before each slice."""
    course, clock, left = _Course({}, {}), 0.0, dict[int, int]()
    slices = 0
    while True:
        look(clock)
        if not queue.jobs():
            arrival = next_arrival()
            if arrival is None:
                return course
            clock = max(clock, arrival)
            continue
        turn = queue.dequeue()
        assert isinstance(turn, Slice)
        job, slices = turn.job, slices + 1
        course.first_slice.setdefault(job.id, slices)
        recipe = job.recipes[0]
        steps = left.setdefault(job.id, recipe.steps)
        units = step_cost(recipe)
        for _ in range(min(turn.steps, steps)):
            queue.charge(units)
            clock += units
        left[job.id] = max(0, steps - turn.steps)
        if left[job.id] == 0:
            course.ended[job.id] = clock
        queue.end_slice(finished=left[job.id] == 0)


def _errors(announced: Sequence[_Announced], course: _Course) -> list[float]:
    return [
        abs(each.end - course.ended[each.job_id]) / (course.ended[each.job_id] - each.at)
        for each in announced
    ]


def _mixed_job(number: int, author: int, random: Random) -> Job:
    steps = random.choice((60, 130, 130, 250, 400))
    size = random.choice(((64, 64), (64, 64), (80, 52), (96, 96)))
    return Job(number, author, "", (make_recipe("a circle", seed=1, steps=steps, size=size),))


def _job(number: int, author: int, steps: int) -> Job:
    return Job(number, author, "", (make_recipe("a circle", seed=1, steps=steps),))


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _print(name: str, seconds: Sequence[float]) -> None:
    print(f"  {name:32} {1000 * median(seconds):7.3f} ms {1000 * max(seconds):7.1f} ms")
