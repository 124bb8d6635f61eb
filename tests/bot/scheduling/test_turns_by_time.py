"""Turns are fair by time, and not by steps, when several painters share the engine.

The times that are announced come true then, too.
"""

from dataclasses import replace

import pytest

from bot.jobs.job import Job
from bot.scheduling.cost import step_cost
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.queue import GpuQueue, Slice
from engine.presets import make_recipe
from engine.recipes.glide_recipe import GlideRecipe
from engine.recipes.kinds import AnyRecipe
from engine.recipes.mindalle_recipe import MinDalleRecipe

GLIDE = GlideRecipe(models="glide", seed=1, side=64, prompt="a ring", base_steps=1000)
MINDALLE = MinDalleRecipe(models="mindalle", seed=1, side=64, prompt="a ring")
VQGAN_CLIP = make_recipe("a ring", seed=1, models="demo", steps=10_000)
SECONDS = {"demo": 0.02, "glide": 3.0, "mindalle": 0.4}
"""How long a step of each takes on this imagined machine, whatever its cost is estimated to be."""


def paint(
    people: dict[int, AnyRecipe], slices: int
) -> tuple[dict[int, float], ThroughputEstimator]:
    """Let the engine paint endless jobs of some people; return the seconds of each."""
    queue, throughput = GpuQueue(slice_steps=5), ThroughputEstimator()
    for person, recipe in people.items():
        many = tuple(replace(recipe, seed=seed) for seed in range(200))
        queue.put(Job(person, person, "a ring", many))
    seconds = dict.fromkeys(people, 0.0)
    for _ in range(slices):
        slice_ = queue.dequeue()
        assert isinstance(slice_, Slice)
        recipe = slice_.job.recipes[0]
        for _ in range(slice_.steps):
            taken, cost = SECONDS[recipe.models], step_cost(recipe)
            seconds[slice_.job.author_id] += taken
            throughput.record(cost, taken, recipe.models)
            queue.charge(cost, slowness=throughput.slowness(recipe.models))
        queue.end_slice()
    return seconds, throughput


def test_three_painters_get_the_same_time():
    seconds, _ = paint({1: VQGAN_CLIP, 2: GLIDE, 3: MINDALLE}, slices=3000)
    assert max(seconds.values()) < 1.2 * min(seconds.values())


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
    clock, ends = 0.0, dict[int, float]()
    while queue.jobs():
        slice_ = queue.dequeue()
        assert isinstance(slice_, Slice)
        left = steps[slice_.job.id]
        for _ in range(min(slice_.steps, len(left))):
            recipe = left.pop(0)
            clock += SECONDS[recipe.models]
            queue.charge(step_cost(recipe), slowness=throughput.slowness(recipe.models))
        if not left:
            ends[slice_.job.id] = clock
            queue.finish(slice_.job)
        queue.end_slice()
    return ends
