"""Turns are fair by time, and not by steps, when several painters share the engine.

The times that are announced come true then, too.
"""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bot.jobs.job import Job
from bot.scheduling.cost import step_cost, work_kind
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.queue import GpuQueue
from bot.scheduling.seats import Seat, Slice
from engine.presets import make_recipe
from engine.recipes.film import Film
from engine.recipes.glide_recipe import GlideRecipe
from engine.recipes.kinds import AnyRecipe
from engine.recipes.mindalle_recipe import MinDalleRecipe

GLIDE = GlideRecipe(models="glide", seed=1, side=64, prompt="a ring", base_steps=1000)
MINDALLE = MinDalleRecipe(models="mindalle", seed=1, side=64, prompt="a ring")
VQGAN_CLIP = make_recipe("a ring", seed=1, models="demo", steps=10_000)
FILM = replace(VQGAN_CLIP, steps=4, film=Film(frames=1000, steps=1))
SECONDS = {"demo": 0.02, "glide": 3.0, "mindalle": 0.4}
"""How long a step of each takes on this imagined machine, whatever its cost is estimated to be."""
CAMERA_SECONDS = 0.03
"""How much longer a step of `FILM` takes, because the camera moves before it."""


def seconds_of(recipe: AnyRecipe) -> float:
    """Return how long a step of a recipe takes."""
    return SECONDS[recipe.models] + (0 if recipe.film is None else CAMERA_SECONDS)


def paint(
    people: Mapping[int, AnyRecipe], slices: int
) -> tuple[dict[int, float], ThroughputEstimator]:
    """Let the engine paint endless jobs of some people; return the seconds of each."""
    queue, throughput = GpuQueue(slice_steps=5), ThroughputEstimator()
    seat = queue.seat()
    for person, recipe in people.items():
        many = tuple(replace(recipe, seed=seed) for seed in range(200))
        queue.put(Job(person, person, "a ring", many))
    seconds = dict.fromkeys(people, 0.0)
    for _ in range(slices):
        slice_ = seat.dequeue()
        assert isinstance(slice_, Slice)
        recipe = slice_.job.recipes[0]
        for _ in range(slice_.steps):
            taken, cost, kind = seconds_of(recipe), step_cost(recipe), work_kind(recipe)
            seconds[slice_.job.author_id] += taken
            throughput.record(cost, taken, kind)
            seat.charge(cost, slowness=throughput.slowness(kind))
        seat.end_slice()
    return seconds, throughput


def test_three_painters_get_the_same_time():
    seconds, _ = paint({1: VQGAN_CLIP, 2: GLIDE, 3: MINDALLE}, slices=3000)
    assert max(seconds.values()) < 1.2 * min(seconds.values())


def test_films_and_pictures_get_the_same_time():
    people = {n: replace(FILM, seed=n) if n % 2 else replace(VQGAN_CLIP, seed=n) for n in range(60)}
    seconds, _ = paint(people, slices=6000)
    assert max(seconds.values()) < 1.2 * min(seconds.values())


@pytest.mark.parametrize("people", [30, 300])
def test_a_picture_waits_for_one_slice_of_each_film(people: int):
    queue, throughput = GpuQueue(slice_steps=5), ThroughputEstimator()
    seat = queue.seat()
    for person in range(1, people + 1):
        queue.put(Job(person, person, "a ring", (replace(FILM, seed=person),)))
    before = [take_slice(queue, seat, throughput) for _ in range(2 * people + 7)]
    queue.put(Job(0, 0, "a ring", (replace(VQGAN_CLIP, steps=15),)))
    after = [take_slice(queue, seat, throughput) for _ in range(3 * people + 3)]
    assert {job for job, _ in before} == set(range(1, people + 1))
    last = max(number for number, (job, _) in enumerate(after) if job == 0)
    waited = sum(seconds for _, seconds in after[:last])
    fair_turns = 2 * people + 1  # what each other person gets between its three slices, and one
    assert [job for job, _ in after].count(0) == 3
    assert waited <= fair_turns * 5 * (SECONDS["demo"] + CAMERA_SECONDS)


def take_slice(queue: GpuQueue, seat: Seat, throughput: ThroughputEstimator) -> tuple[int, float]:
    """Take the next slice; return its job, and how long it takes."""
    slice_ = seat.dequeue()
    assert isinstance(slice_, Slice)
    recipe, taken = slice_.job.recipes[0], 0.0
    for _ in range(slice_.steps):
        cost, kind = step_cost(recipe), work_kind(recipe)
        taken += seconds_of(recipe)
        throughput.record(cost, seconds_of(recipe), kind)
        seat.charge(cost, slowness=throughput.slowness(kind))
    position = queue.position(slice_.job.id)
    assert position is not None
    if position.end <= position.start:
        seat.finish(slice_.job)
    seat.end_slice()
    return slice_.job.id, taken


def test_one_painter_is_charged_what_its_steps_cost():
    _, throughput = paint({1: VQGAN_CLIP, 2: replace(VQGAN_CLIP, seed=7)}, slices=20)
    assert throughput.slowness("demo") == 1.0
    assert throughput.slowness("never seen") == 1.0


def painted_alone(recipe: AnyRecipe) -> float:
    """Return the seconds that a picture takes on this imagined machine."""
    return recipe.total_steps * SECONDS[recipe.models]


SHORT = replace(VQGAN_CLIP, steps=1000)
QUICK = replace(GLIDE, base_steps=20)
JOBS: dict[int, tuple[AnyRecipe, ...]] = {
    1: (SHORT, replace(SHORT, seed=2)),
    2: (QUICK,),
    3: (MINDALLE, replace(MINDALLE, seed=2), replace(MINDALLE, seed=3)),
    4: (MINDALLE, QUICK, SHORT),
}
"""A job of each person; the last one compares painters."""


@pytest.mark.parametrize("fair", [True, False])
def test_announced_times_come_true_for_painters_of_unlike_speed(fair: bool):
    queue, throughput = GpuQueue(fair=fair, slice_steps=5), ThroughputEstimator()
    for each in (VQGAN_CLIP, GLIDE, MINDALLE):
        throughput.record(step_cost(each), SECONDS[each.models], each.models)
    for person, recipes in JOBS.items():
        queue.put(Job(person, person, "a ring", recipes))
    announced = {person: announced_end(queue, throughput, person) for person in JOBS}
    whole = throughput.seconds(queue.remaining_work(throughput.slowness))
    assert whole == pytest.approx(
        sum(painted_alone(each) for all_ in JOBS.values() for each in all_)
    )
    ends = work_off(queue, throughput)
    for person, end in ends.items():
        # Nobody is told to wait for more than a slice of each other's too little or too much.
        assert announced[person] == pytest.approx(end, abs=5 * SECONDS["glide"], rel=0.05)


def announced_end(queue: GpuQueue, throughput: ThroughputEstimator, person: int) -> float:
    """Return in how many seconds a job is said to be done."""
    position = queue.position(person, throughput.slowness)
    assert position is not None
    end = throughput.seconds(position.end)
    assert end is not None
    return end


def work_off(queue: GpuQueue, throughput: ThroughputEstimator) -> dict[int, float]:
    """Paint `JOBS`; return when each is done."""
    steps = {
        person: [each for each in all_ for _ in range(each.total_steps)]
        for person, all_ in JOBS.items()
    }
    clock, ends, seat = 0.0, dict[int, float](), queue.seat()
    while queue.jobs():
        slice_ = seat.dequeue()
        assert isinstance(slice_, Slice)
        left = steps[slice_.job.id]
        for _ in range(min(slice_.steps, len(left))):
            recipe = left.pop(0)
            clock += SECONDS[recipe.models]
            seat.charge(step_cost(recipe), slowness=throughput.slowness(recipe.models))
        if not left:
            ends[slice_.job.id] = clock
            seat.finish(slice_.job)
        seat.end_slice()
    return ends
