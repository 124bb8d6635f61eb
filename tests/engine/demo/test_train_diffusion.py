from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.demo import train_diffusion
from engine.demo.train_diffusion import BASE, UPSAMPLER, Plan, prepare, teach_words
from engine.demo.world import SIDE, render, sample_scenes
from engine.glide.unet import UNet

SMALL = {"channels": 8, "multipliers": (1,), "attention_sides": (), "head_channels": 8}


def small_plan(steps: int = 4) -> Plan:
    return Plan(replace(BASE, **SMALL), steps=steps, batch=2, spread=0.2, word_steps=1)


def test_a_training_that_is_interrupted_ends_in_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_diffusion, "CHECKPOINT_EVERY", 2)
    monkeypatch.setattr(train_diffusion, "WORD_BATCH", 4)
    checkpoint = tmp_path / "training.pt"
    expected = train_diffusion.train_diffusion(small_plan(), 1, checkpoint).state_dict()
    state = torch.load(checkpoint, weights_only=True)
    assert state["step"] == 4
    checkpoint.unlink()
    save = train_diffusion._save

    def save_and_stop(*values: object) -> None:
        save(*values)  # pyright: ignore[reportArgumentType]
        raise KeyboardInterrupt

    monkeypatch.setattr(train_diffusion, "_save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        train_diffusion.train_diffusion(small_plan(), 1, checkpoint)
    monkeypatch.setattr(train_diffusion, "_save", save)
    found = train_diffusion.train_diffusion(small_plan(), 1, checkpoint).state_dict()
    for name, weights in expected.items():
        torch.testing.assert_close(found[name], weights)


def test_a_text_tower_learns_what_captions_say() -> None:
    random = torch.Generator().manual_seed(1)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = UNet(replace(BASE, **SMALL, text=replace(BASE.text, layers=1)))
        first, later = (teach_words(model, random, steps) for steps in (1, 40))
    assert later > first + 0.1


def test_both_models_see_the_same_pictures() -> None:
    random = torch.Generator().manual_seed(1)
    images = render(sample_scenes(3, random))
    small, nothing = prepare(BASE, images, random)
    large, low = prepare(UPSAMPLER, images, random)
    assert small.shape == (3, 3, 16, 16)
    assert nothing.shape == (3, 0, 16, 16)
    assert large.shape == low.shape == (3, 3, SIDE, SIDE)
    torch.testing.assert_close(large, 2 * images - 1)
    # The picture to enlarge is the same but for its sharpness and some noise.
    assert (large.mean((2, 3)) - low.mean((2, 3))).abs().max() < 0.05
    assert -1 <= small.min() <= small.max() <= 1
