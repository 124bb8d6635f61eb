"""The judge of scenes: right on true pictures, not talked into anything else."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from engine.demo.scenes.claims import Claim, ThingClaim, describe_fully
from engine.demo.scenes.description import Description, Thing, sample_description
from engine.demo.scenes.drawing import draw
from engine.demo.scenes.judge import Judge
from engine.demo.scenes.judge_structure import structure_kept
from engine.demo.scenes.spoiling import spoiled
from engine.demo.scenes.table import KINDS, MEDIA, SKY_NAMES
from engine.errors import ModelError, PictureError


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


def scene_of(kind: str, medium: str = "flat") -> Description:
    thing = Thing(kind, KINDS[kind].colors[0], "large", "middle")
    return Description(KINDS[kind].skies[0], KINDS[kind].grounds[0], (thing,), medium=medium)


@pytest.mark.parametrize("kind", KINDS)
def test_each_thing_is_recognized_and_no_other_is_taken_for_it(judge: Judge, kind: str):
    looks = [judge.look(draw(scene_of(kind), seed).picture) for seed in range(3)]
    assert sum(look.thing(kind) is not None for look in looks) >= 2
    others = [other for other in KINDS if other != kind]
    wrong = sum(look.thing(other) is not None for look in looks for other in others)
    assert wrong <= 2


def test_true_claims_are_accepted_also_of_spoiled_pictures(judge: Judge):
    random, numbers = Random(31), np.random.default_rng(31)
    right = total = 0
    for seed in range(30):
        scene = sample_description(random)
        picture = draw(scene, seed).picture
        for pixels in (picture, spoiled(picture, numbers)):
            match = judge.look(pixels).matches(describe_fully(scene))
            parts = [getattr(match, name) for name in ("sky", "ground", "medium", "present")]
            right, total = right + sum(parts), total + len(parts)
    assert right / total > 0.95


def test_claims_about_other_scenes_are_refused(judge: Judge):
    random = Random(32)
    scenes = [sample_description(random) for _ in range(30)]
    accepted = 0
    for number, scene in enumerate(scenes):
        other = describe_fully(scenes[number - 1])
        if not other.holds(scene):
            accepted += judge.look(draw(scene, number).picture).matches(other).all_right
    assert accepted <= 1


@pytest.mark.parametrize("medium", MEDIA)
def test_media_are_recognized(judge: Judge, medium: str):
    looks = [judge.look(draw(scene_of("house", medium), seed).picture) for seed in range(4)]
    assert sum(look.medium == medium for look in looks) >= 3


@pytest.mark.parametrize("sky", SKY_NAMES)
def test_skies_are_recognized(judge: Judge, sky: str):
    looks = [judge.look(draw(Description(sky, "meadow"), seed).picture) for seed in range(4)]
    assert sum(look.sky == sky for look in looks) >= 3


def test_a_wrong_color_place_or_relation_is_refused(judge: Judge):
    things = (Thing("flower", "red", "medium", "left"), Thing("person", "blue", "medium", "right"))
    picture = draw(Description("day", "meadow", things, "beside"), 2).picture
    look = judge.look(picture)
    right = Claim(things=(ThingClaim("flower", "red", place="left"), ThingClaim("person", "blue")))
    assert look.matches(right).all_right
    for wrong in (
        ThingClaim("flower", "yellow"),
        ThingClaim("flower", place="right"),
        ThingClaim("mushroom"),
    ):
        assert not look.matches(Claim(things=(wrong,))).all_right
    pair = (ThingClaim("flower"), ThingClaim("person"))
    assert look.matches(Claim(things=pair, relation="beside")).relation
    assert not look.matches(Claim(things=pair, relation="above")).relation


def test_what_is_no_picture_of_the_world_shows_nothing(judge: Judge):
    numbers = np.random.default_rng(1)
    noise = numbers.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    gray = np.full((128, 128, 3), 128, dtype=np.uint8)
    for pixels in (noise, gray, numbers.random((64, 64, 3))):
        look = judge.look(pixels)
        assert not any(look.thing(kind) for kind in KINDS)
        assert not look.matches(Claim(medium="flat")).all_right


def test_pictures_of_other_sizes_and_types_are_judged_alike(judge: Judge):
    picture = draw(scene_of("castle"), 4).picture
    large = np.asarray(Image.fromarray(picture).resize((512, 512), Image.Resampling.BICUBIC))
    for pixels in (picture, large, picture.astype(np.float32) / 255):
        look = judge.look(pixels)
        assert (look.sky, look.ground) == ("day", "hills")
        assert look.thing("castle") is not None


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((128, 128), np.uint8),
        np.zeros((128, 128, 4), np.uint8),
        np.zeros((0, 128, 3), np.uint8),
        np.zeros((128, 128, 3), np.int64),
        np.full((128, 128, 3), np.nan),
    ],
)
def test_what_is_no_picture_is_refused(judge: Judge, image: np.ndarray):
    with pytest.raises(PictureError, match="picture to judge"):
        judge.look(image)


def test_a_missing_or_damaged_file_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match=r"nothing\.safetensors"):
        Judge(tmp_path / "nothing.safetensors")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"damaged" * 10)
    with pytest.raises(ModelError, match=r"damaged\.safetensors"):
        Judge(damaged)


def test_structure_is_kept_by_the_same_scene_and_not_by_another():
    first, other = (draw(scene_of(kind), 5).picture for kind in ("castle", "fish"))
    assert structure_kept(first, first) == 1
    spoiled_picture = spoiled(first, np.random.default_rng(2))
    assert structure_kept(first, spoiled_picture) > 0.8
    assert structure_kept(first, 255 - first) > 0.9
    assert structure_kept(first, other) < 0.5
    assert structure_kept(first, np.zeros((128, 128, 3), np.uint8)) < 0.2
