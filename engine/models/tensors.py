"""Convert between pictures and tensors, and look for values that are no numbers."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def to_tensor(picture: Image.Image) -> Tensor:
    """Return the picture as (1, 3, H, W) floats in [0, 1]."""
    pixels = np.array(picture.convert("RGB"), dtype=np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).contiguous()


def is_finite(tensor: Tensor) -> bool:
    """Return True if no value is infinite or not a number."""
    # A sum takes a tenth of the time of looking at each value, and is finite only if all are.
    return bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


def to_picture(image: Tensor) -> Image.Image:
    """Return (3, H, W) or (1, 3, H, W) floats, clamped to [0, 1], as a picture.

    Each value is rounded to the nearest of 256 levels.

    Raises:
        ValueError: The tensor has another shape.
    """
    if image.ndim == 4 and image.shape[0] == 1:
        image = image[0]
    if image.ndim != 3 or image.shape[0] != 3:
        raise ValueError(f"expected (1, 3, H, W) or (3, H, W), not {tuple(image.shape)}")
    levels = image.detach().float().clamp(0, 1).mul(255).round().to(torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).contiguous().cpu().numpy())
