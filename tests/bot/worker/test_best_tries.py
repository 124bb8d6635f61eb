"""Which tries of compared painters are shown."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw

from bot.jobs.events import PaintedPicture
from bot.worker.best_tries import best_tries
from engine.errors import ModelError
from engine.models.loading import load_models
from engine.models.painter import Painter
from engine.painters import plain_recipe
from engine.presets import make_recipe
from engine.recipes.kinds import AnyRecipe
from engine.vqgan_clip.painter import VqganClip

WORDS = "a red circle on a blue background"
FIRST = plain_recipe("demo-glide", WORDS, seed=1)
OTHER = plain_recipe("demo-mindalle", WORDS, seed=1, candidates=1)
OURS = make_recipe(WORDS, seed=1, models="demo")
RECIPES = (FIRST, replace(FIRST, seed=2), replace(FIRST, seed=3), OTHER, OURS)
RIGHT, WRONG = ("blue", "red"), ("white", "green")
"""Colors of the background and the circle."""


@cache
def painter(_: str) -> Painter:
    return VqganClip(load_models("demo", "cpu", "float32"))


def drawn(colors: tuple[str, str], recipe: AnyRecipe, number: int) -> PaintedPicture:
    image = Image.new("RGB", (64, 64), colors[0])
    ImageDraw.Draw(image).ellipse((16, 16, 48, 48), fill=colors[1])
    return PaintedPicture(recipe, np.asarray(image).copy(), 1, {}, 1.0, number)


def all_drawn(
    *colors: tuple[str, str], recipes: Sequence[AnyRecipe] = RECIPES
) -> list[PaintedPicture]:
    pairs = zip(colors, recipes, strict=False)
    return [drawn(each, recipe, number) for number, (each, recipe) in enumerate(pairs, 1)]


def numbers(pictures: Sequence[PaintedPicture]) -> list[int]:
    return [each.number for each in pictures]


def test_of_several_tries_clip_chooses_the_one_that_shows_the_words():
    pictures = all_drawn(WRONG, RIGHT, WRONG, WRONG, WRONG)
    assert numbers(best_tries(RECIPES, pictures, painter)) == [2, 4, 5]


def test_a_stopped_job_shows_the_best_so_far():
    assert numbers(best_tries(RECIPES, all_drawn(WRONG, RIGHT), painter)) == [2]
    assert numbers(best_tries(RECIPES, all_drawn(WRONG), painter)) == [1]


def test_pictures_that_are_no_tries_are_all_shown():
    variations = tuple(replace(OURS, seed=seed) for seed in range(3))
    pictures = all_drawn(RIGHT, WRONG, WRONG, recipes=variations)
    assert numbers(best_tries(variations, pictures, painter)) == [1, 2, 3]


def test_no_picture_is_lost_if_the_models_that_choose_cannot_be_loaded(
    caplog: pytest.LogCaptureFixture,
):
    def missing(name: str) -> Painter:
        raise ModelError("the weights of {name} are missing", name=name)

    pictures = all_drawn(WRONG, RIGHT, WRONG, WRONG, RIGHT)
    assert numbers(best_tries(RECIPES, pictures, missing)) == [1, 2, 3, 4, 5]
    assert "could not be chosen" in caplog.text
