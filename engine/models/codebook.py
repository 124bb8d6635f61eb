"""The codebook of a VQGAN: look codes up, and quantize latents (Sections 2.1 and 5.1)."""

import torch
from torch import Tensor
from torch.nn import functional as F


def look_up(codes: Tensor, codebook: Tensor) -> Tensor:
    """Return the latents (N, C, H, W) of code indices (N, H, W) in a codebook (K, C)."""
    return F.embedding(codes, codebook).movedim(-1, 1)


def nearest_codes(latents: Tensor, codebook: Tensor) -> Tensor:
    """Return the index (N, H, W) of the code nearest to each cell of `latents` (N, C, H, W).

    ``argmin_k |z - e_k|`` (Section 2.1); the term |z|^2 is the same for all k.
    """
    cells = latents.movedim(1, -1)
    distances = codebook.square().sum(1) - 2 * cells @ codebook.T
    return distances.argmin(-1)


def quantize(latents: Tensor, codebook: Tensor) -> Tensor:
    """Replace each cell by the nearest code, with a straight-through gradient (z-quantize).

    Forward: the codebook entry. Backward: the identity, as if nothing had been rounded.
    """
    with torch.no_grad():
        nearest = look_up(nearest_codes(latents, codebook), codebook)
    return nearest + (latents - latents.detach())  # in this order nothing is rounded


def sample_codes(logits: Tensor, codebook: Tensor, rng: torch.Generator) -> Tensor:
    """Draw a code per cell from `logits` (N, K, H, W): latents (N, C, H, W).

    Codebook sampling (Section 5.1): a categorical distribution over the codes of each cell is
    optimised instead of z. Straight-through Gumbel-softmax carries the gradient.
    """
    uniform = torch.rand(logits.shape, generator=rng, device=logits.device)
    gumbel = -torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7)))
    soft = (logits + gumbel).softmax(1)
    hard = torch.zeros_like(soft).scatter_(1, soft.argmax(1, keepdim=True), 1.0)
    weights = hard + (soft - soft.detach())
    return torch.einsum("nkhw,kc->nchw", weights, codebook)


def random_codes(shape: tuple[int, int, int], codebook: Tensor, rng: torch.Generator) -> Tensor:
    """Draw codes uniformly: latents (N, C, H, W); `shape` is (N, H, W)."""
    codes = torch.randint(codebook.shape[0], shape, generator=rng, device=rng.device)
    return look_up(codes.to(codebook.device), codebook)
