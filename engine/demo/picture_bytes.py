"""Pictures as the judges take them: bytes, whatever a model gives."""

import numpy as np
from numpy.typing import NDArray

from engine.errors import PictureError


def picture_bytes(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return an RGB picture (H, W, 3), bytes or floats in [0, 1], as bytes of the same size.

    Raises:
        PictureError: The array has another shape or type, or numbers that are not finite.
    """
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise PictureError(f"A picture to judge must be (height, width, 3), not {image.shape}.")
    if np.issubdtype(image.dtype, np.floating):
        if not np.isfinite(image).all():
            raise PictureError("A picture to judge must hold finite numbers between 0 and 1.")
        return np.rint(np.clip(image.astype(np.float32), 0, 1) * 255).astype(np.uint8)
    if image.dtype != np.uint8:
        raise PictureError(f"A picture to judge must hold bytes or floats, not {image.dtype}.")
    return image.astype(np.uint8, copy=False)
