"""Latents: where they start, and how they are quantised (paper, Sections 2.1 and 5.1)."""

import torch
from torch import Tensor

from engine.models.codebook import look_up


def nearest_codes(latents: Tensor, codebook: Tensor) -> Tensor:
    """Index (N, H, W) of the codebook entry nearest to each cell of `latents` (N, C, H, W).

    ``argmin_k |z - e_k|``, the paper's Section 2.1; the term |z|^2 is the same for all k.
    """
    cells = latents.movedim(1, -1)
    distances = codebook.square().sum(1) - 2 * cells @ codebook.T
    return distances.argmin(-1)


def quantize(latents: Tensor, codebook: Tensor) -> Tensor:
    """Nearest codebook entries with a straight-through gradient (z-quantize).

    Forward: the codebook entry. Backward: the identity, as if nothing had been rounded.
    """
    with torch.no_grad():
        nearest = look_up(nearest_codes(latents, codebook), codebook)
    return nearest + (latents - latents.detach())  # in this order nothing is rounded


def sample_codes(logits: Tensor, codebook: Tensor, random: torch.Generator) -> Tensor:
    """Draw a code per cell from `logits` (N, K, H, W): latents (N, C, H, W).

    Codebook sampling (Section 5.1): a categorical distribution over the codes of each cell is
    optimised instead of z. Straight-through Gumbel-softmax carries the gradient.
    """
    uniform = torch.rand(logits.shape, generator=random, device=logits.device)
    gumbel = -torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7)))
    soft = (logits + gumbel).softmax(1)
    hard = torch.zeros_like(soft).scatter_(1, soft.argmax(1, keepdim=True), 1.0)
    weights = hard + (soft - soft.detach())
    return torch.einsum("nkhw,kc->nchw", weights, codebook)


def random_codes(shape: tuple[int, int, int], codebook: Tensor, random: torch.Generator) -> Tensor:
    """Latents (N, C, H, W) of codes drawn uniformly; `shape` is (N, H, W)."""
    codes = torch.randint(codebook.shape[0], shape, generator=random, device=random.device)
    return look_up(codes.to(codebook.device), codebook)
