"""Looking codes up in a VQGAN's codebook."""

from torch import Tensor
from torch.nn import functional as F


def look_up(codes: Tensor, codebook: Tensor) -> Tensor:
    """Latents (N, C, H, W) of the code indices (N, H, W)."""
    return F.embedding(codes, codebook).movedim(-1, 1)
