"""Runs of stories: what they show when, and that they can be shared, stopped and resumed."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from engine import Generation, Models, Recipe, make_recipe
from engine.demo.judge import Judge
from engine.editing.enlarging import enlarged
from engine.editing.followups import reworded, variation_of, with_extra_steps
from engine.models.tensors import to_picture
from engine.recipes.edit import ImagePrompt
from engine.vqgan_clip import checkpoints, loop
from engine.vqgan_clip.schedules import learning_rate
from tests.harness.bot_harness import encoded

CIRCLE, SQUARE = "a red circle on a blue background", "a green square on a yellow background"
SEED = 181721538
"""Seed of a story whose chapters are both right."""


def small(prompt: str = f"{CIRCLE} ^ {SQUARE}", **changes: Any) -> Recipe:
    """Make a recipe that is painted quickly."""
    return make_recipe(prompt, **{"seed": 1, "size": (32, 32), "steps": 8, "cutouts": 2} | changes)


def finish(run: Generation) -> torch.Tensor:
    while not run.done:
        run.step()
    return run.image()


def weights(recipe: Recipe, models: Models) -> list[list[float]]:
    """Return the weights of the prompts in each step."""
    run, found = Generation(recipe, models), list[list[float]]()
    for step in range(recipe.total_steps):
        run.steps_done = step
        found += loop.schedules(run).prompts.tolist()
    return found


@pytest.mark.slow
def test_a_picture_shows_each_chapter_at_its_end(models: Models):
    white = "draw me a white square against black"
    run = Generation(
        make_recipe(f"{white} ^ draw me a green circle against black", seed=SEED), models
    )
    judge, ends = Judge(), (run.recipe.steps // 2, run.recipe.steps)
    for steps, expected in zip(ends, (("white", "square"), ("green", "circle")), strict=True):
        while run.steps_done < steps:
            run.step()
        verdict = judge.verdict(np.asarray(to_picture(run.image())))
        assert verdict.matches(*expected, "black").all_right


def test_weights_go_from_chapter_to_chapter(models: Models):
    found = weights(small("a | b:-0.5 ^ c", fade=0.5, more=(2,)), models)
    first, last = [2 / 3, -1 / 3, 0], [0, 0, 1]
    half = [1 / 3, -1 / 6, 0.5]
    expected = [*[first] * 5, half, *[last] * 4]
    assert found == [pytest.approx(each) for each in expected]


def test_pictures_to_resemble_count_in_every_chapter(models: Models):
    likes = (ImagePrompt(encoded(to_picture(torch.zeros(1, 3, 8, 8))), 1.0),)
    found = weights(small("a ^ b:3", fade=0.0, image_prompts=likes), models)
    assert found[0] == pytest.approx([0.5, 0, 0.5])
    assert found[-1] == pytest.approx([0, 0.75, 0.25])


@pytest.mark.parametrize("steps", [3, 5, 7])
def test_a_run_that_is_resumed_in_any_chapter_ends_in_the_same_bytes(models: Models, steps: int):
    recipe = small(fade=0.5)
    run = Generation(recipe, models)
    while run.steps_done < steps:
        run.step()
    stored = checkpoints.dump(run.state_dict(), recipe)
    resumed = Generation(recipe, models)
    resumed.load_state_dict(checkpoints.load(stored, recipe))
    assert torch.equal(finish(resumed), finish(run))


def test_a_story_shares_steps_with_runs_of_another_length_and_no_story(models: Models):
    recipes = [small(), small(CIRCLE, seed=2, steps=5), small("a ^ b ^ c", seed=3, fade=0.0)]
    alone = [Generation(recipe, models) for recipe in recipes]
    together = [Generation(recipe, models) for recipe in recipes]
    for _ in range(4):
        loop.step(together)
        for run in alone:
            run.step()
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one.image(), other.image(), rtol=1e-3, atol=1e-3)


def test_the_learning_rate_rises_again_in_each_chapter():
    recipe = small("a ^:3 b", steps=40, more=(10,), learning_rate=0.4, learning_rate_end=0.0)
    rates = [learning_rate(recipe, step) for step in range(50)]
    peaks = [step for step, (before, after) in enumerate(pairwise(rates), 1) if after > before]
    assert peaks == [10, 40]
    assert rates[0] == pytest.approx(0.4)
    assert rates[10] == pytest.approx(0.4)
    assert max(rates[9], rates[39]) < 0.02


def test_the_first_chapter_is_painted_like_a_picture_of_its_own(models: Models):
    alone = small(CIRCLE, steps=4, quantization="none")
    told = small(steps=8, quantization="none")
    one, other = Generation(alone, models), Generation(told, models)
    for _ in range(4):
        one.step()
        other.step()
    torch.testing.assert_close(one.image(), other.image(), rtol=1e-3, atol=1e-3)


def test_what_comes_from_a_story_goes_on_with_the_chapter_that_is_shown():
    recipe, picture = small(), encoded(to_picture(torch.rand(1, 3, 32, 32)))
    assert variation_of(recipe, picture, 3).title == SQUARE
    assert variation_of(recipe, picture, 3, steps=4).title == CIRCLE
    assert enlarged(recipe, picture).title == SQUARE
    assert with_extra_steps(recipe, 5).story == recipe.story
    other = reworded(small(fade=0.75), "a ^ b ^ c")
    assert isinstance(other, Recipe)
    assert other.story is not None
    assert (len(other.story.chapters), other.story.fade) == (3, 0.75)
