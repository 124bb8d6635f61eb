"""Image towers whose products oneDNN computes, where that is measured to be faster."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from open_clip.transformer import ResidualAttentionBlock
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from engine.models import calibration
from engine.models.catalogue import CATALOGUE
from engine.models.clip import freeze_image_tower
from engine.models.loading import Models, load_models
from engine.models.onednn_products import has_onednn_products, multiply_by_onednn

pytestmark = pytest.mark.skipif(not has_onednn_products(), reason="torch lacks oneDNN")

TOLERANCE = 1e-4
"""Largest difference, relative to the largest value."""


def blocks() -> nn.Sequential:
    """Return a block of a vision transformer and layers without a bias and of odd sizes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tower = nn.Sequential(
            ResidualAttentionBlock(48, 3), nn.Linear(48, 7), nn.Linear(7, 5, bias=False)
        )
        for parameter in tower.parameters():
            nn.init.normal_(parameter, std=0.2)
    freeze_image_tower(tower, torch.float32)
    return tower.eval().requires_grad_(False)


def applied(layer: Callable[[Tensor], Tensor], values: Tensor) -> tuple[Tensor, Tensor]:
    """Return a layer's result, and its gradient for a gradient that is no constant."""
    leaf = values.clone().requires_grad_()
    result = layer(leaf)
    (gradient,) = torch.autograd.grad(result, leaf, result.detach().cos())
    return result.detach(), gradient


def operations(call: Callable[[], object]) -> set[str]:
    """Return the names of the operations of torch that a call consists of."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        call()
    return {event.key for event in profiled.key_averages()}


def assert_close(ours: Tensor, theirs: Tensor) -> None:
    assert (ours - theirs).abs().max() <= TOLERANCE * theirs.abs().max()


@pytest.mark.parametrize("shape", [(3, 11, 48), (1, 1, 48)], ids=str)
def test_both_ways_compute_the_same(shape: tuple[int, ...]):
    plain, other = blocks(), blocks()
    multiply_by_onednn(other)
    values = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    for ours, theirs in zip(applied(other, values), applied(plain, values), strict=True):
        assert_close(ours, theirs)
    assert not {"aten::addmm", "aten::mm"} & operations(lambda: applied(other, values))


def test_what_onednn_computes_in_any_case_is_left_alone():
    tower = blocks().bfloat16()
    before = list(tower.modules())
    multiply_by_onednn(tower)
    assert list(tower.modules()) == before


def load(folder: Path, gain: float, monkeypatch: pytest.MonkeyPatch) -> Models:
    """Load the demo pair as if it were large, on a machine with this gain by oneDNN."""
    large = replace(CATALOGUE["demo"], halves=True, cache=folder)
    monkeypatch.setitem(CATALOGUE, "demo", large)
    monkeypatch.setattr(calibration, "measure_products", lambda: gain)
    return load_models("demo", "cpu", "auto")


@pytest.mark.parametrize(("gain", "expected"), [(1.0, False), (2.0, True)])
def test_the_faster_way_computes_the_embeddings(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gain: float, *, expected: bool
):
    loaded = load(tmp_path, gain, monkeypatch)
    (perceptor,), (usual,) = loaded.perceptors, models.perceptors
    images = torch.rand((2, 3, 64, 64), generator=torch.Generator().manual_seed(2))
    found = operations(lambda: perceptor.encode_image(images))
    assert ("mkldnn::_linear_pointwise" in found) == expected
    embeddings, before = perceptor.encode_image(images), usual.encode_image(images)
    assert_close(embeddings, before)
    assert expected or torch.equal(embeddings, before)
    assert torch.equal(perceptor.encode_text(["a ring"]), usual.encode_text(["a ring"]))


def test_the_machine_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    load(tmp_path, 2.0, monkeypatch)
    calibration._products_gain.cache_clear()  # as in another process
    (perceptor,) = load(tmp_path, 0.5, monkeypatch).perceptors
    images = torch.zeros(1, 3, 64, 64)
    assert "mkldnn::_linear_pointwise" in operations(lambda: perceptor.encode_image(images))


def test_small_models_are_as_on_every_machine(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(calibration, "measure_products", lambda: 9.0)
    calibration._products_gain.cache_clear()
    (perceptor,) = load_models("demo", "cpu", "float32").perceptors
    images = torch.zeros(1, 3, 64, 64)
    assert "mkldnn::_linear_pointwise" not in operations(lambda: perceptor.encode_image(images))
