"""Turns are fair by time, and not by steps, when several painters share the engine."""

from dataclasses import replace

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
