"""The scenes are drawn from descriptions: every thing, ground, sky and medium, and by a seed."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from engine.demo.scenes.description import (
    Description,
    Thing,
    held_out_pairs,
    problem_of,
    sample_description,
)
from engine.demo.scenes.drawing import Composition, draw
from engine.demo.scenes.table import GROUND_NAMES, KINDS, MEDIA, SKY_NAMES
from engine.errors import UsageError

MEADOW = Description("day", "meadow")


def scene_of(kind: str) -> Description:
    thing = Thing(kind, KINDS[kind].colors[0], "large", "middle")
    return Description(KINDS[kind].skies[0], KINDS[kind].grounds[0], (thing,))


def test_a_seed_gives_the_same_bytes_and_another_seed_another_picture():
    scene = scene_of("castle")
    first = draw(scene, 5).picture
    assert first.shape == (128, 128, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, draw(scene, 5).picture)
    assert not np.array_equal(first, draw(scene, 6).picture)


def test_parts_of_a_composition_look_the_same_whatever_else_is_there():
    boat = replace(scene_of("boat"), sky="sunset")
    composition = Composition(sky=1, ground=2, things=3)
    first = draw(boat, composition)
    assert np.array_equal(first.picture, draw(boat, composition).picture)
    empty = draw(replace(boat, things=()), composition).picture
    beside = ~first.masks[0].any(axis=0)
    assert np.array_equal(first.picture[:30, beside], empty[:30, beside])  # the sky
    other = draw(replace(boat, sky="night"), composition)
    assert other.frames == first.frames
    assert draw(boat, replace(composition, things=4)).frames != first.frames


@pytest.mark.parametrize("kind", KINDS)
def test_each_thing_is_drawn_within_its_frame_and_is_large_enough_to_be_seen(kind: str):
    scene = scene_of(kind)
    drawing = draw(scene, 3)
    (left, top, right, bottom) = drawing.frames[0]
    assert max(right - left, bottom - top) > 0.18
    columns = slice(max(int(left * 128), 0), int(right * 128))
    rows = slice(max(int(top * 128), 0), int(bottom * 128))
    window = drawing.picture[rows, columns].astype(int)
    assert window.reshape(-1, 3).std(axis=0).max() > 12


@pytest.mark.parametrize("kind", KINDS)
def test_the_mask_of_a_thing_lies_in_its_frame_and_covers_much_of_it(kind: str):
    drawing = draw(scene_of(kind), 3)
    left, top, right, bottom = (round(128 * edge) for edge in drawing.frames[0])
    rows, columns = slice(max(top - 2, 0), bottom + 2), slice(max(left - 2, 0), right + 2)
    inside = drawing.masks[0][rows, columns]
    assert inside.sum() > 0.9 * drawing.masks[0].sum()  # the rest is light and fire
    assert inside.mean() > 0.15


def test_a_thing_in_front_hides_a_part_of_the_other_ones_mask():
    castle = Thing("castle", "gray", "large", "middle")
    person = Thing("person", "red", "small", "middle")
    both = draw(Description("day", "hills", (person, castle), "in front of"), 2)
    assert not (both.masks[0] & both.masks[1]).any()
    rows, columns = np.nonzero(both.masks[0])
    behind = both.masks[1][rows.min() : rows.max(), columns.min() - 4 : columns.max() + 4]
    assert behind.any()


@pytest.mark.parametrize("medium", MEDIA)
def test_each_medium_changes_the_whole_picture(medium: str):
    scene = scene_of("house")
    flat = draw(scene, 3).picture.astype(int)
    other = draw(replace(scene, medium=medium), 3).picture.astype(int)
    changed = (np.abs(other - flat).max(axis=2) > 8).mean()
    assert changed == 0 if medium == "flat" else changed > 0.2


def test_skies_and_grounds_differ_in_color():
    skies = [draw(replace(MEADOW, sky=sky), 1).picture[:40].mean(axis=(0, 1)) for sky in SKY_NAMES]
    grounds = [
        draw(replace(MEADOW, ground=ground), 1).picture[40:].mean(axis=(0, 1))
        for ground in GROUND_NAMES
    ]
    for colors in (skies, grounds):
        for number, color in enumerate(colors):
            assert all(np.abs(color - other).max() > 5 for other in colors[:number])


def test_random_scenes_are_sensible_and_of_every_kind():
    random = Random(1)
    scenes = [sample_description(random) for _ in range(3000)]
    assert not any(problem_of(scene) for scene in scenes)
    assert {thing.kind for scene in scenes for thing in scene.things} == set(KINDS)
    assert {scene.ground for scene in scenes} == set(GROUND_NAMES)
    assert {scene.sky for scene in scenes} == set(SKY_NAMES)
    assert {scene.medium for scene in scenes} == set(MEDIA)
    assert {scene.relation for scene in scenes} == {None, "beside", "above", "in front of"}


def test_held_out_pairs_are_drawn_only_when_they_are_asked_for():
    random = Random(2)
    pairs = held_out_pairs()
    assert len(pairs) >= 20
    assert not any(sample_description(random).pairs() & pairs for _ in range(2000))
    assert all(sample_description(random, held_out=True).pairs() & pairs for _ in range(50))
    seen = {pair for _ in range(6000) for pair in sample_description(random).pairs()}
    for kind, other in pairs:
        assert any(pair[0] == kind for pair in seen)
        assert any(pair[1] == other for pair in seen)


@pytest.mark.parametrize(
    ("scene", "word"),
    [
        (lambda: Description("fog", "sea"), "fog"),
        (lambda: Description("day", "moon"), "moon"),
        (lambda: replace(MEADOW, medium="gold"), "gold"),
        (lambda: replace(MEADOW, relation="beside"), "two things"),
        (lambda: replace(MEADOW, things=(Thing("cow", "red", "small", "left"),)), "cow"),
    ],
)
def test_what_the_world_does_not_have_is_refused(scene, word: str):
    with pytest.raises(UsageError, match=word):
        scene()
