"""How a judge sees finished pictures: the demo judge is another CLIP than the one that guides."""

from functools import cache

import pytest
import torch
from torch import Tensor

from engine.comparison.similarity import judged, similarity
from engine.demo.world import COLORS, SHAPES, Scenes, render, sample_single_scenes
from engine.editing.edit_recipe import image_prompt
from engine.models.catalogue import CATALOGUE
from engine.models.judge import Judge
from engine.models.loading import Models, load_models
from engine.models.tensors import to_picture
from engine.presets import make_recipe


@cache
def models() -> Models:
    return load_models("demo", "cpu", "float32")


@cache
def world() -> tuple[Scenes, Tensor]:
    """Return scenes of one object, and their pictures (24, 3, 64, 64)."""
    scenes = sample_single_scenes(24, torch.Generator().manual_seed(5))
    return scenes, render(scenes)


def words(index: int) -> tuple[str, str, str]:
    scenes, _ = world()
    color, shape = scenes.color[index, 0], scenes.shape[index, 0]
    return COLORS[int(color)], SHAPES[int(shape)], COLORS[int(scenes.background[index])]


def test_the_demo_judge_prefers_what_is_asked_for_and_is_not_the_guide():
    judge, (_, pictures) = models().judge, world()
    assert not judge.is_guide
    assert judge.perceptors[0] not in models().perceptors
    right = 0
    for index, picture in enumerate(pictures):
        color, shape, background = words(index)
        others = [each for each in SHAPES if each != shape]
        scores = [
            judged(picture[None], make_recipe(f"a {color} {each} on {background}", seed=1), judge)
            for each in (shape, *others)
        ]
        right += scores[0] == max(scores)
    assert right >= 0.85 * len(pictures)


def test_prompts_count_by_their_weights_and_against_the_picture_if_negative():
    judge, picture = models().judge, world()[1][:1]
    parts = {each: similarity(picture, each, judge.perceptors) for each in ("a star", "on blue")}

    def score(line: str) -> float:
        return judged(picture, make_recipe(line, seed=1), judge)

    assert score("a star") == pytest.approx(parts["a star"], abs=1e-5)
    both = (3 * parts["a star"] - parts["on blue"]) / 4
    assert score("a star:3 | on blue:-1") == pytest.approx(both, abs=1e-5)


def test_pictures_to_resemble_count_as_words_do():
    judge, pictures = models().judge, world()[1]
    like = image_prompt(to_picture(pictures[:1]))
    recipe = make_recipe(None, seed=1, image_prompts=(like,))
    own, other = (judged(pictures[index][None], recipe, judge) for index in (0, 1))
    assert own > 0.99 > other


def test_the_shares_of_several_guides_count():
    judge = models().judge
    (guide,), picture = models().perceptors, world()[1][:1]
    both = Judge("both", (guide, *judge.perceptors), (0.25, 0.75), judge.device, is_guide=True)
    recipe = make_recipe("a star", seed=1)
    apart = [similarity(picture, "a star", (each,)) for each in both.perceptors]
    expected = 0.25 * apart[0] + 0.75 * apart[1]
    assert judged(picture, recipe, both) == pytest.approx(expected, abs=1e-5)


def test_the_judge_is_loaded_when_it_is_asked_first_and_its_memory_counts():
    fresh = load_models("demo", "cpu", "float32")
    assert "judge" not in vars(fresh)
    judge = fresh.judge
    assert fresh.judge is judge
    (perceptor,) = judge.perceptors
    assert isinstance(perceptor, torch.nn.Module)
    size = sum(each.numel() * 4 for each in perceptor.parameters())
    assert size < 14e6 < CATALOGUE["demo"].memory.fixed
