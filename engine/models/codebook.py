"""Look up codes in a VQGAN's codebook."""

from torch import Tensor
from torch.nn import functional as F


def look_up(codes: Tensor, codebook: Tensor) -> Tensor:
    """Return the latents (N, C, H, W) of code indices (N, H, W) in a codebook (K, C)."""
    return F.embedding(codes, codebook).movedim(-1, 1)
