"""Measure the queue with 10,000 jobs: its speed, its fairness and the error of its ETAs.

Fairness and ETAs are measured with a simulated engine: it takes no time, and work advances a clock.
Admission and start-up are measured with the store on this machine's disk.
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
from bot.scheduling.cost import remaining_cost, step_cost
from bot.scheduling.queue import GpuQueue
from bot.scheduling.seats import Slice
from bot.storage import Store, open_store
from bot.submission.usage_limits import DAY
from engine.presets import make_recipe
from engine.recipes.recipe import Recipe

SEED = 20_221_024
JOBS, USERS = 10_000, 1_000
SAMPLES = 2_000
"""Number of timed calls of each method."""
HEAVY_JOBS, LIGHT_USERS = 50, 9
LOADS, LOAD_JOBS = 20, 60
"""Number of mixed loads whose ETAs are compared with the true times, and of jobs in each."""


def main(arguments: list[str]) -> None:
    """Measure and print the results."""
    argparse.ArgumentParser(prog="python -m benchmarks queue", description=__doc__).parse_args(
        arguments
    )
    asyncio.run(_time_calls())
    _check_fairness()
    _check_etas()


async def _time_calls() -> None:
    recipe = make_recipe("a red circle on a blue background", seed=1)
    random = Random(SEED)
    with tempfile.TemporaryDirectory() as name:
        folder, stored = Path(name), []
        async with open_store(folder) as store:
            for number in range(JOBS):
                began = time.perf_counter()
                await _admit(store, number % USERS, recipe)
                stored.append(time.perf_counter() - began)
        began = time.perf_counter()
        async with open_store(folder) as store:
            queue = GpuQueue()
            seat = queue.seat()
            steps_done = await store.jobs.steps_stored()
            for record in await store.jobs.list_open():
                queue.put(record.job, steps_done.get(record.job.id, 0))
            start = time.perf_counter() - began
    numbers = [job.id for job in queue.jobs()]
    cost = step_cost(recipe)
    print(f"{len(numbers)} jobs of {USERS} users                   median    slowest")
    _print("admission, the store included", stored[-SAMPLES:])
    new = [Job(JOBS + n, random.randrange(2 * USERS), "", (recipe,)) for n in range(SAMPLES)]
    _print(
        "admission to the queue alone", [_seconds(lambda job=job: queue.put(job)) for job in new]
    )
    choices: list[float] = []
    for _ in range(SAMPLES):
        choices.append(_seconds(seat.dequeue))
        seat.charge(cost)
        seat.end_slice()
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
    """Submit many jobs of one user, then one job of each other user."""
    queue = GpuQueue()
    for number in range(HEAVY_JOBS):
        queue.put(_job(number, author=0, steps=130))
    light = [_job(HEAVY_JOBS + n, author=1 + n, steps=130) for n in range(LIGHT_USERS)]
    for job in light:
        queue.put(job)
    run = _work_off(queue)
    # With ideal sharing all users advance at the same rate, and the light ones end together.
    ideal = (LIGHT_USERS + 1) * remaining_cost(light[0])
    firsts = [run.first_slice[job.id] for job in light]
    ends = [run.ended[job.id] / ideal for job in light]
    print(f"one user with {HEAVY_JOBS} jobs, {LIGHT_USERS} with one each:")
    print(f"  latest first slice of a light user            number {max(firsts)}")
    print(f"  latest end of a light user, ideal share = 1   {max(ends):.2f}")


@dataclass
class _ShownEta:
    job_id: int
    at: float
    end: float


def _check_etas() -> None:
    """Compare the ETAs of jobs that are submitted at random times with their true ends."""
    at_admission: list[float] = []
    updated: list[float] = []
    for load in range(LOADS):
        first, later = _eta_errors(Random(SEED + load))
        at_admission += first
        updated += later
    print(f"announced remaining time, {LOADS} mixed loads of {LOAD_JOBS} jobs:")
    print(f"  median error at submission                    {median(at_admission):.1%}")
    print(f"  median error of all ETAs                      {median(updated):.1%}")


def _eta_errors(random: Random) -> tuple[list[float], list[float]]:
    """Return the relative errors of each job's first ETA, and of the ETAs at every slice."""
    counts = [random.choice((1, 1, 1, 2, 5, 10)) for _ in range(LOAD_JOBS)]
    jobs: list[Job] = []
    for author, number in enumerate(counts):
        jobs += [_mixed_job(len(jobs) + n, author, random) for n in range(number)]
    jobs = jobs[:LOAD_JOBS]
    random.shuffle(jobs)
    jobs = [Job(n, job.author_id, "", job.recipes) for n, job in enumerate(jobs)]
    work = sum(map(remaining_cost, jobs))
    arrivals = sorted(random.uniform(0, work) for _ in jobs)
    queue = GpuQueue()
    firsts: list[_ShownEta] = []
    later: list[_ShownEta] = []
    coming = list(zip(arrivals, jobs, strict=True))

    def look(clock: float) -> None:
        while coming and coming[0][0] <= clock:
            _, job = coming.pop(0)
            queue.put(job)
            firsts.append(_shown_eta(queue, job.id, clock))
        later.extend(_shown_eta(queue, job.id, clock) for job in queue.jobs())

    run = _work_off(queue, look, lambda: coming[0][0] if coming else None)
    return _errors(firsts, run), _errors(later, run)


def _shown_eta(queue: GpuQueue, job_id: int, clock: float) -> _ShownEta:
    position = queue.position(job_id)
    assert position is not None
    return _ShownEta(job_id, clock, clock + position.end)


@dataclass
class _Simulation:
    first_slice: dict[int, int]
    """Number of each job's first slice, from 1."""
    ended: dict[int, float]
    """Time at which each job ended, as the cost of the work done by then."""


def _work_off(
    queue: GpuQueue,
    look: Callable[[float], None] = lambda _: None,
    next_arrival: Callable[[], float | None] = lambda: None,
) -> _Simulation:
    """Empty the queue by a simulated engine; call `look` with the clock before every slice."""
    simulation, clock, left = _Simulation({}, {}), 0.0, dict[int, int]()
    seat = queue.seat()
    slices = 0
    while True:
        look(clock)
        if not queue.jobs():
            arrival = next_arrival()
            if arrival is None:
                return simulation
            clock = max(clock, arrival)
            continue
        current = seat.dequeue()
        assert isinstance(current, Slice)
        job, slices = current.job, slices + 1
        simulation.first_slice.setdefault(job.id, slices)
        recipe = job.recipes[0]
        steps = left.setdefault(job.id, recipe.steps)
        cost = step_cost(recipe)
        for _ in range(min(current.steps, steps)):
            seat.charge(cost)
            clock += cost
        left[job.id] = max(0, steps - current.steps)
        if left[job.id] == 0:
            simulation.ended[job.id] = clock
            seat.finish(job)
        seat.end_slice()


def _errors(etas: Sequence[_ShownEta], simulation: _Simulation) -> list[float]:
    return [
        abs(each.end - simulation.ended[each.job_id]) / (simulation.ended[each.job_id] - each.at)
        for each in etas
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
