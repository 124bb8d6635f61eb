"""Convolutions that keep their weights as oneDNN computes with them."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from engine.models.packed_layers import pack_convolutions


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.Sequential(nn.GroupNorm(4, 16), nn.Conv2d(16, 32, 3, 2, padding=1)),
        nn.Conv2d(32, 32, 1, bias=False),
        nn.Conv2d(32, 8, 3, padding=2, dilation=2, groups=4),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@torch.no_grad()
def test_packed_convolutions_compute_the_same(
    dtype: torch.dtype, memory_format: torch.memory_format
):
    plain, packed = (layers().to(dtype).requires_grad_(False) for _ in range(2))
    pack_convolutions(packed)
    if torch.backends.mkldnn.is_available() and dtype == torch.float32:
        assert not any(isinstance(each, nn.Conv2d) for each in packed.children())
    # A batch of another size, and the first size again: what is packed stays right.
    for count in (2, 1, 2):
        images = torch.randn(count, 3, 20, 12).to(dtype).contiguous(memory_format=memory_format)
        expected, made = plain(images), packed(images)
        assert made.dtype == dtype
        tolerance = 1e-4 if dtype == torch.float32 else 0.03
        assert (
            F.mse_loss(made.float(), expected.float()).sqrt() < tolerance * expected.float().std()
        )
