"""Layers of frozen models are torch's own, forwards and backwards."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from open_clip.transformer import QuickGELU as OpenClipQuickGELU
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models import frozen_layers_cpu
from engine.models.frozen_layers import (
    PatchEmbedding,
    QuickGELU,
    SelfAttention,
    attention,
    cast_frozen,
    frozen_conv2d,
    group_norm_silu,
    unit_stride_gradient,
)
from tests.engine.rounding import assert_equal_up_to_rounding

PRECISIONS = [torch.float32, torch.float64]
"""Models compute in the first; the second shows that what differs is nothing but rounding."""


def seeded(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def frozen(module: Any) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        for parameter in module.parameters():
            nn.init.normal_(parameter, std=0.5)
    return module.requires_grad_(False)


def assert_same(
    ours: Callable[[Tensor], Tensor],
    theirs: Callable[[Tensor], Tensor],
    x: Tensor,
    roundings: int = 500,
):
    """Both give the same values, and the same gradient for a gradient that is no constant."""
    gradients: list[Tensor] = []
    values: list[Tensor] = []
    for layer in (ours, theirs):
        leaf = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        value = layer(leaf)
        value.backward(seeded(*value.shape, seed=2).to(value))
        assert leaf.grad is not None
        values.append(value.detach())
        gradients.append(leaf.grad)
    assert_equal_up_to_rounding(values[0], values[1], roundings)
    assert_equal_up_to_rounding(gradients[0], gradients[1], roundings)


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(8, 12, 3, padding=1),
        nn.Conv2d(8, 4, 1),
        nn.Conv2d(8, 8, 3, stride=2, bias=False),
        nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4),
    ],
    ids=["3x3", "1x1", "strided", "dilated groups"],
)
def test_convolve_equals_the_convolution(
    conv: nn.Conv2d, order: torch.memory_format, dtype: torch.dtype
):
    conv = frozen(conv).to(dtype)
    images = seeded(2, 8, 9, 7).to(dtype).contiguous(memory_format=order)
    assert_same(lambda x: frozen_conv2d(x, conv), conv, images)


@pytest.mark.parametrize(
    "conv",
    [nn.Conv2d(8, 12, 3, padding=1), nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4)],
    ids=["3x3", "dilated groups"],
)
def test_unit_stride_gradient_equals_torchs(conv: nn.Conv2d):
    """The gradient that is computed on CUDA, with other devices' arithmetic."""
    conv = frozen(conv)
    images = seeded(2, 8, 9, 7).requires_grad_()
    grad = seeded(*conv(images).shape, seed=2)
    conv(images).backward(grad)
    assert images.grad is not None
    assert_equal_up_to_rounding(unit_stride_gradient(grad, conv), images.grad)


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
@pytest.mark.parametrize(
    "large", [0, frozen_layers_cpu.LARGE_IMAGES], ids=["by sums", "torch's gradient"]
)
@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_normalised_swish_equals_norm_and_swish(
    order: torch.memory_format, large: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(frozen_layers_cpu, "LARGE_IMAGES", large)
    norm = frozen(nn.GroupNorm(4, 16, eps=1e-6)).to(dtype)
    images = (3 * seeded(2, 16, 9, 7) + 1).to(dtype).contiguous(memory_format=order)

    def plain(x: Tensor) -> Tensor:
        normal = norm(x)
        return normal * normal.sigmoid()

    # The gradient by sums takes its statistics in float32 whatever the images have.
    in_float32 = torch.finfo(torch.float32).eps / torch.finfo(dtype).eps
    assert_same(lambda x: group_norm_silu(x, norm), plain, images, int(500 * in_float32))


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
def test_quick_gelu_equals_open_clips(dtype: torch.dtype):
    assert_same(QuickGELU(), OpenClipQuickGELU(), 3 * seeded(4, 50).to(dtype))


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
def test_self_attention_equals_torchs(dtype: torch.dtype):
    theirs = frozen(nn.MultiheadAttention(24, 3, batch_first=True)).to(dtype)
    ours = SelfAttention(theirs)
    assert_same(
        lambda x: ours(x, x, x)[0],
        lambda x: theirs(x, x, x, need_weights=False)[0],
        seeded(2, 7, 24).to(dtype),
    )


@pytest.mark.parametrize("limit", [0, 2**26], ids=["torch's", "by the formula"])
def test_attention_in_bfloat16(limit: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(frozen_layers_cpu, "EXPLICIT_ATTENTION_BYTES", limit)
    query, key, value = (seeded(2, 3, 7, 8, seed=seed) for seed in range(3))
    query, key, value = query.bfloat16(), key.bfloat16(), value.bfloat16()
    expected = F.scaled_dot_product_attention(query.float(), key.float(), value.float())
    assert_equal_up_to_rounding(attention(query, key, value), expected.bfloat16(), roundings=4)


@pytest.mark.parametrize("dtype", PRECISIONS, ids=str)
@pytest.mark.parametrize("bias", [True, False])
def test_patch_embedding_equals_the_convolution(bias: bool, dtype: torch.dtype):
    conv = frozen(nn.Conv2d(3, 10, 4, stride=4, bias=bias)).to(dtype)
    assert PatchEmbedding.fits(conv)
    assert_same(PatchEmbedding(conv), conv, seeded(2, 3, 18, 13).to(dtype))


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(3, 10, 4, stride=2),
        nn.Conv2d(3, 10, 4, stride=4, padding=1),
        nn.Conv2d(4, 10, 4, stride=4, groups=2),
        nn.Conv2d(3, 10, 1),
        nn.Linear(3, 10),
    ],
)
def test_patch_embedding_refuses_other_layers(conv: nn.Module):
    assert not PatchEmbedding.fits(conv)


def test_lower_keeps_statistics_in_float32():
    layer: Any = frozen(nn.Sequential(nn.Conv2d(8, 16, 1), nn.GroupNorm(2, 16), nn.BatchNorm2d(16)))
    images = 100 + seeded(2, 8, 5, 5)  # of such, bfloat16 knows the mean to a quarter only
    expected = layer.eval()(images)
    cast_frozen(layer, torch.bfloat16)
    assert layer[0].weight.dtype == torch.bfloat16
    found = layer(images.bfloat16())
    assert found.dtype == torch.bfloat16
    assert F.cosine_similarity(found.float().flatten(), expected.flatten(), dim=0) > 0.99


def test_frozen_layers_keep_nothing_for_a_gradient_of_weights():
    conv, norm = frozen(nn.Conv2d(16, 16, 3, padding=1)), frozen(nn.GroupNorm(4, 16))
    kept: set[int] = set()

    def note(tensor: Tensor) -> Tensor:
        if tensor.numel() >= 16 * 32 * 32:
            kept.add(tensor.data_ptr())
        return tensor

    images = seeded(1, 16, 32, 32).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        frozen_conv2d(group_norm_silu(images, norm), conv)
    assert kept == {images.data_ptr()}
