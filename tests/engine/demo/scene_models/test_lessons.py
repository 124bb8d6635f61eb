"""Tests of the training of the pair that paints scenes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.demo.scene_models.clip import ClipLesson, Phase
from engine.demo.scene_models.cutting import cutter
from engine.demo.scene_models.lessons import Lessons
from engine.demo.scene_models.meaning import Meanings
from engine.demo.scene_models.pictures import DrawnScenes
from engine.demo.scene_models.spoiled import ScenePairPool
from engine.demo.scene_models.training import run
from engine.demo.scene_models.vqgan import VQGANLesson, corrupt
from engine.models.codebook import random_codes
from engine.models.vqgan import VQGAN


class Killed(Exception):
    """The training was killed."""


@pytest.fixture(params=["vqgan", "language", "recognition", "guidance", "chains"])
def make_lesson(
    request: pytest.FixtureRequest, scenes: DrawnScenes, vqgan: VQGAN, monkeypatch: Any
) -> Callable[[], Any]:
    """Return a function that makes a short lesson of each kind."""
    monkeypatch.setattr("engine.demo.scene_models.vqgan.BATCH", 4)
    monkeypatch.setattr("engine.demo.scene_models.language.SENTENCES", 16)
    for name in ("PAIRS_ALONE", "PAIRS", "CHAINS_AT_ONCE", "PICTURES"):
        monkeypatch.setattr(f"engine.demo.scene_models.lessons.{name}", 4)
    monkeypatch.setattr("engine.demo.scene_models.lessons.CHAINS", 6)
    monkeypatch.setattr("engine.demo.scene_models.chains.CHAINS", 6)
    monkeypatch.setattr("engine.demo.scene_models.spoiled.BLOCK", 8)
    monkeypatch.setattr("engine.demo.scene_models.spoiled.BLOCKS", 1)
    kind = request.param
    if kind == "vqgan":
        return lambda: VQGANLesson(scenes, seed=1, steps=4)
    phase = Phase(
        kind,
        steps=4,
        learning_rate=1e-3,
        language=kind == "language",
        guided=kind in ("guidance", "chains"),
        chains=kind == "chains",
        added_share=0.5,
    )
    return lambda: ClipLesson(phase, scenes, vqgan, seed=1)


@pytest.fixture
def one_block(scenes: DrawnScenes, vqgan: VQGAN, monkeypatch: pytest.MonkeyPatch) -> ScenePairPool:
    """Return a pool of a single block of pairs, which a test can make small."""
    monkeypatch.setattr("engine.demo.scene_models.spoiled.BLOCKS", 1)
    return ScenePairPool(vqgan, scenes)


def test_a_killed_training_goes_on(
    make_lesson: Callable[[], Any], tmp_path: Path, monkeypatch: Any
) -> None:
    """A training that is killed and continued ends near one that is not, and takes each step once.

    Only the pool of spoiled pictures is drawn anew, so the phases that use it end elsewhere.
    """
    monkeypatch.setattr("engine.demo.scene_models.training.SAVE_EVERY", 2)
    whole = make_lesson()
    taken: list[int] = []
    _count_steps(whole, taken, killed_at=None)
    run(whole, "training", tmp_path / "whole")
    assert taken == [0, 1, 2, 3]

    first = make_lesson()
    _count_steps(first, taken := [], killed_at=3)
    with pytest.raises(Killed):
        run(first, "training", tmp_path / "killed")
    second = make_lesson()
    _count_steps(second, taken := [], killed_at=None)
    run(second, "training", tmp_path / "killed")
    assert taken == [2, 3]
    weights = [each.average.module.state_dict() for each in (whole, second)]
    for name, value in weights[0].items():
        assert torch.isfinite(weights[1][name]).all()
        assert torch.allclose(weights[1][name], value, atol=0.05), name


def test_a_true_meaning_is_chosen(scenes: DrawnScenes) -> None:
    """For a picture embedded as its meaning, the true value of every slot scores highest."""
    lessons = Lessons.__new__(Lessons)
    lessons.meanings = Meanings()
    ideal = lessons.meanings(scenes.attributes)
    for scores, true in lessons.choices(ideal, scenes.attributes):
        assert torch.equal(scores.argmax(1), true)


def test_cutouts_of_a_picture_and_of_its_mask_are_taken_at_the_same_place(
    scenes: DrawnScenes,
) -> None:
    random = torch.Generator().manual_seed(1)
    core = (scenes.attributes.kind[::4, 0] >= 0).nonzero()[:, 0].repeat(4)
    masks = scenes.mask(core, core * 0)
    cut = cutter(len(core), random)
    large = torch.nn.functional.interpolate(masks.expand(-1, 3, -1, -1), (128, 128))
    assert (cut(large)[:, :1] - cut(masks)).abs().mean() < 0.1


def test_pairs_say_where_the_things_of_the_true_picture_are(
    one_block: ScenePairPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pair without a thing has an empty mask, and no other has."""
    monkeypatch.setattr("engine.demo.scene_models.spoiled.BLOCK", 24)
    random = torch.Generator().manual_seed(1)
    pairs = one_block.draw(24, random)
    assert pairs.true.shape == pairs.spoiled.shape == (24, 3, 128, 128)
    has_things = pairs.shown.kind[:, 0] >= 0
    assert torch.equal(pairs.things.amax((1, 2, 3)) > 0, has_things)


def test_a_pair_is_seldom_spoiled_in_the_same_way_twice(
    one_block: ScenePairPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of what is drawn has parts of other pairs; the true pictures stay the same."""
    monkeypatch.setattr("engine.demo.scene_models.spoiled.BLOCK", 48)
    random = torch.Generator().manual_seed(1)
    first, second = (one_block.draw(48, random) for _ in range(2))
    spoiled = [{each.numpy().tobytes() for each in drawn.spoiled} for drawn in (first, second)]
    true = [sorted(each.numpy().tobytes() for each in drawn.true) for drawn in (first, second)]
    assert true[0] == true[1]
    assert 4 <= len(spoiled[0] & spoiled[1]) <= 24


def test_corruption_keeps_some_latents(vqgan: VQGAN) -> None:
    """Some latents stay as they are, and most cells of all others but blobs of random ones."""
    random = torch.Generator().manual_seed(1)
    latents = random_codes((64, 16, 16), vqgan.codebook, random)
    spoiled = corrupt(latents, vqgan.codebook, random)
    changed = (spoiled != latents).any(1).flatten(1).float().mean(1)
    assert (changed == 0).sum() >= 10
    assert (changed > 0).sum() >= 20
    assert changed.max() <= 0.75


def _count_steps(lesson: Any, taken: list[int], killed_at: int | None) -> None:
    """Note each step in `taken`, and raise `Killed` before the step `killed_at`."""
    step = lesson.step

    def counted(number: int) -> dict[str, float]:
        if number == killed_at:
            raise Killed
        taken.append(number)
        return step(number)

    lesson.step = counted
