"""Convert any Pillow mode to RGB with 8 bits per channel.

Color profiles are not applied; values count as sRGB. Transparent pixels are composited on white
unless the caller names another background.
"""

import numpy as np
from PIL import Image

_NARROW = frozenset(("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr"))
_WIDE = frozenset(("I;16", "I;16L", "I;16B", "I;16N", "I", "F"))


def is_convertible(picture: Image.Image) -> bool:
    """Return True if `to_rgb` can convert the picture's mode."""
    return picture.mode in _NARROW | _WIDE


def to_rgb(picture: Image.Image, background: str = "white") -> Image.Image:
    """Return a copy of the picture in RGB with 8 bits per channel, without any metadata.

    Transparent pixels are composited on the color `background`. 16-bit gray is scaled by 1/257, so
    white stays white. Floats and 32-bit integers do not define white: values within [0, 1] or
    within 8 or 16 bits are scaled by that range, others by the range from darkest to lightest.
    """
    if picture.mode in _WIDE:
        picture = _narrowed(picture)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, background), layer)
    plain = picture.convert("RGB")
    plain.info = {}
    return plain


def _narrowed(picture: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(picture).astype(np.float64), posinf=0.0, neginf=0.0)
    darkest, lightest = _range(picture.mode, values)
    scaled = (values - darkest) * (255 / (lightest - darkest))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _range(mode: str, values: np.ndarray) -> tuple[float, float]:
    """Return the values that stand for black and white."""
    if mode.startswith("I;16"):
        return 0.0, 65535.0
    darkest, lightest = float(values.min()), float(values.max())
    if darkest >= 0:
        limits = (1.0, 255.0, 65535.0) if mode == "F" else (255.0, 65535.0)
        for limit in limits:
            if lightest <= limit:
                return 0.0, limit
    return darkest, lightest
