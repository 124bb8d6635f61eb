"""Words for pictures: prompts that the perceptors find in them."""

import torch

from engine.demo.world import COLORS, SHAPES, render, sample_single_scenes
from engine.editing.descriptions import describe
from engine.models.catalogue import find_models
from engine.models.loading import Models
from engine.models.phrases import OPEN_PHRASES, Phrases
from engine.models.tensors import to_picture

COUNT = 24


def test_the_demo_pair_says_what_is_in_drawn_pictures(models: Models):
    scenes = sample_single_scenes(COUNT, torch.Generator().manual_seed(11))
    phrases, right = find_models("demo").phrases, 0
    for index, picture in enumerate(render(scenes)):
        prompts = describe(to_picture(picture), models, phrases)
        assert len(set(prompts)) == 4
        color, shape = COLORS[scenes.color[index, 0]], SHAPES[scenes.shape[index, 0]]
        ground = COLORS[scenes.background[index]]
        words = prompts[0].split()
        right += (words[1], words[2], words[5]) == (color, shape, ground)
    assert right >= 0.8 * COUNT


def test_looks_are_put_behind_subjects_and_prompts_differ_in_more_than_one(models: Models):
    phrases = Phrases(
        ("a red circle", "a blue square", "a green star", "a white ring", "a black cross"),
        (("on a white background", "on a black background"), ("a small one", "a large one")),
    )
    scene = render(sample_single_scenes(1, torch.Generator().manual_seed(3)))[0]
    prompts = [each.split(", ") for each in describe(to_picture(scene), models, phrases)]
    assert 2 <= len(prompts) <= 4
    for parts in prompts:
        assert parts[0] in phrases.subjects
        assert [part in look for part, look in zip(parts[1:], phrases.looks, strict=True)] == [
            True
        ] * 2
    for number, parts in enumerate(prompts):
        for other in prompts[:number]:
            assert sum(a != b for a, b in zip(parts, other, strict=True)) > 1


def test_no_phrase_is_there_twice():
    for each in (find_models("demo").phrases, OPEN_PHRASES):
        for texts in (each.subjects, *each.looks):
            assert len(set(texts)) == len(texts)
