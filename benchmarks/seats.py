"""Measure several painters at one queue: the order of slices, the queue's speed, and real painters.

`order` simulates painters and needs no models. `queue` times the decisions of the queue with 64
seats and 10,000 jobs. `painters` paints with the demo models: two painters with a thread each
against one with a thread, in turn; it needs a machine with nothing else to do. `ray` compares one
painter in this process with one on Ray, and one with two on Ray.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from random import Random
from statistics import median

from benchmarks.lib.seat_simulation import Arrival, Simulation, burst, over_time
from benchmarks.lib.studio import steps_per_second
from bot.jobs.job import Job
from bot.scheduling.cost import step_cost
from bot.scheduling.queue import GpuQueue
from bot.scheduling.run_moves import RunMove
from engine.presets import make_recipe

SEED = 20_221_024
SEATS, JOBS, USERS = 64, 10_000, 1_000
DECISIONS = 5_000
"""Number of timed slices."""


def main(arguments: list[str]) -> None:
    """Measure and print the results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks seats", description=__doc__)
    parts = {
        "order": _print_order,
        "queue": _print_queue,
        "painters": _print_painters,
        "ray": _print_ray,
    }
    parser.add_argument("part", nargs="?", choices=tuple(parts), help="by default the first two")
    chosen = parser.parse_args(arguments).part
    for part in (chosen,) if chosen else ("order", "queue"):
        parts[part]()


def _print_order() -> None:
    print("1,000 jobs of 100 people, 100 to 400 steps of 50 ms, slices of 25 steps:")
    print("painters               load               useful  moved slices   behind  error of ETAs")
    for painters in (1, 2, 8, 64):
        arrivals = burst(1000, 100, Random(SEED))
        _print_outcome(str(painters), "all at once", arrivals, [1.0] * painters)
    slower = [1.0] * 4 + [0.5] * 4
    _print_outcome("4, and 4 half as fast", "all at once", burst(1000, 100, Random(SEED)), slower)
    for painters in (8, 64):
        arrivals = over_time(1000, 100, painters, 0.9, Random(SEED))
        _print_outcome(str(painters), "over time, at 0.9", arrivals, [1.0] * painters)


def _print_outcome(
    painters: str, load: str, arrivals: Sequence[Arrival], speeds: Sequence[float]
) -> None:
    outcome = Simulation(arrivals, speeds).run()
    moved = outcome.moves / outcome.slices
    print(
        f"{painters:23}{load:18} {outcome.useful_share:6.1%} {moved:13.1%} {outcome.lead:8.2f}"
        f" {outcome.eta_error:14.1%}"
    )


def _print_queue() -> None:
    queue, random = GpuQueue(), Random(SEED)
    recipe = make_recipe("a red circle", seed=1, models="demo", steps=400)
    cost = step_cost(recipe)
    seats = [queue.seat() for _ in range(SEATS)]
    times: dict[str, list[float]] = {}

    def timed(name: str, act: Callable[[], object]) -> object:
        began = time.perf_counter()
        result = act()
        times.setdefault(name, []).append(time.perf_counter() - began)
        return result

    for number in range(JOBS):
        job = Job(number, number % USERS, "", (recipe,))
        timed("admission", lambda job=job: queue.put(job))
    for number in range(DECISIONS):
        seat = seats[number % SEATS] if number < SEATS else random.choice(seats)
        if seat.batch:
            for _ in range(25):
                timed("record of a step", lambda seat=seat: seat.charge(cost))
            timed("end of a slice", seat.end_slice)
        while isinstance(call := timed("choice of a slice", seat.poll), RunMove):
            call.cancel()
        if number % 10 == 0:
            job_id = random.randrange(JOBS)
            timed("position of a job", lambda job_id=job_id: queue.position(job_id))
    print(f"{SEATS} seats, {JOBS} jobs of {USERS} users          median      slowest")
    for name, seconds in times.items():
        print(f"  {name:32} {1000 * median(seconds):8.3f} ms {1000 * max(seconds):9.1f} ms")


def _print_ray() -> None:
    print("demo models, 64 x 64, one thread for each painter, steps per second:")
    results = dict[str, list[float]]()
    for _ in range(3):
        for name, painters, address in (
            ("1 painter here", 1, ""),
            ("1 painter on Ray", 1, "local"),
            ("2 painters on Ray", 2, "local"),
        ):
            results.setdefault(name, []).append(steps_per_second(painters, address))
    for name, rates in results.items():
        print(f"  {name:18} {', '.join(f'{rate:.1f}' for rate in rates)}")
    here, one, two = (median(rates) for rates in results.values())
    print(f"  on Ray against here: {one / here:.3f}; two against one: {two / one:.2f} times")


def _print_painters() -> None:
    print("demo models, 64 x 64, one thread for each painter, steps per second:")
    results = dict[int, list[float]]()
    for _ in range(3):
        for painters in (1, 2):
            results.setdefault(painters, []).append(steps_per_second(painters))
    for painters, rates in results.items():
        print(f"  {painters} painter(s): {', '.join(f'{rate:.1f}' for rate in rates)}")
    print(f"  gain: {median(results[2]) / median(results[1]):.2f} times")
