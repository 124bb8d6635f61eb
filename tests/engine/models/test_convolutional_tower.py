"""Tests of the convolutional image tower, as part of a CLIP."""

from pathlib import Path

import pytest
import torch

from engine.demo.scene_models.clip import CONFIG
from engine.models.clip import ClipPerceptor, build_clip
from engine.models.convolutional_tower import ConvolutionalTower
from engine.models.loading import load_weights, save_weights


@pytest.fixture
def perceptor() -> ClipPerceptor:
    """Return a CLIP with a convolutional image tower and random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return ClipPerceptor(*build_clip(CONFIG))


def test_it_embeds_pictures_and_texts_in_the_same_space(perceptor: ClipPerceptor) -> None:
    pictures = perceptor.encode_image(torch.rand(2, 3, perceptor.input_size, perceptor.input_size))
    texts = perceptor.encode_text(["a red boat", "a castle at night"])
    assert pictures.shape == texts.shape
    for embedded in (pictures, texts):
        assert torch.allclose(embedded.norm(dim=1), torch.ones(2))


def test_a_file_of_its_weights_embeds_the_same(perceptor: ClipPerceptor, tmp_path: Path) -> None:
    save_weights(perceptor.model, CONFIG, tmp_path / "clip.safetensors")
    other, _ = build_clip(CONFIG)
    other.load_state_dict(load_weights(tmp_path / "clip.safetensors"))
    images = torch.rand(1, 3, 128, 128)
    with torch.no_grad():
        embedded = [model.encode_image(images) for model in (perceptor.model, other)]
    assert torch.allclose(*embedded, rtol=0.02, atol=0.02)  # the file keeps 16 bits


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_frozen_one_gives_pictures_a_similar_gradient(
    perceptor: ClipPerceptor, dtype: torch.dtype
) -> None:
    images = torch.rand(2, 3, 128, 128, requires_grad=True)
    (before,) = torch.autograd.grad(perceptor.encode_image(images)[:, 0].sum(), images)
    perceptor.freeze_for_inference(dtype)
    (after,) = torch.autograd.grad(perceptor.encode_image(images)[:, 0].sum(), images)
    assert torch.nn.functional.cosine_similarity(before.flatten(), after.flatten(), dim=0) > 0.98


def test_every_part_of_a_picture_counts() -> None:
    """The gradient reaches all pixels, at every scale."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        tower = ConvolutionalTower(32, 4, (8, 8), (1, 1), (2, 2), embed_dim=4)
    images = torch.rand(1, 3, 32, 32, requires_grad=True)
    (gradient,) = torch.autograd.grad(tower(images).sum(), images)
    assert (gradient != 0).all()


def test_the_place_of_what_is_shown_counts() -> None:
    """Something far from all borders, moved by one cell, is embedded as something else."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        tower = ConvolutionalTower(64, 4, (8,), (1,), (2,), embed_dim=4)
    pictures = torch.zeros(2, 3, 64, 64)
    pictures[0, :, 28:32, 28:32] = pictures[1, :, 28:32, 32:36] = 1
    one, other = tower(pictures)
    assert not torch.allclose(one, other, atol=1e-3)
