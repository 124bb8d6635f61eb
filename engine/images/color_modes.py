"""Convert any Pillow mode to RGB with 8 bits per channel, in sRGB."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from engine.images.color_profiles import to_srgb

_NARROW = frozenset(("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr"))
_WIDE = frozenset(("I;16", "I;16L", "I;16B", "I;16N", "I", "F"))
_ROWS_AT_ONCE = 128
_MAX_SAMPLED = 1_000_000
"""Number of values from which the range of a picture is estimated."""


def is_convertible(picture: Image.Image) -> bool:
    """Return True if `to_rgb` can convert the picture's mode."""
    return picture.mode in _NARROW | _WIDE


def to_rgb(
    picture: Image.Image, background: str = "white"
) -> tuple[Image.Image, Image.Image | None]:
    """Return the picture in RGB with 8 bits per channel, and its alpha channel, or None if opaque.

    The picture itself may change, because a copy of a large one costs much memory. Transparent
    pixels are composited on the color `background`. A color profile is applied. 16-bit gray is
    scaled by 1/257, so white stays white. Floats and 32-bit integers do not define white: values
    within [0, 1] or within 8 or 16 bits are scaled by that range, others by the range from darkest
    to lightest. A few values outside of a range are clipped to it.
    """
    if picture.mode in _WIDE:
        picture = _narrowed(picture)
    if picture.has_transparency_data:
        layer = to_srgb(picture if picture.mode == "RGBA" else picture.convert("RGBA"))
        alpha = layer.getchannel("A")
        if alpha.getextrema() != (255, 255):
            # Image.alpha_composite would take another copy, and hold Python's lock.
            canvas = Image.new("RGB", layer.size, background)
            canvas.paste(layer, mask=alpha)
            return canvas, alpha
        picture = layer
    if picture.mode not in ("L", "RGB", "CMYK"):
        picture = picture.convert("RGB")
    plain = to_srgb(picture)
    if plain.mode != "RGB" or isinstance(plain, ImageFile.ImageFile):
        plain = plain.convert("RGB")
    plain.info = {}
    return plain, None


def _narrowed(picture: Image.Image) -> Image.Image:
    """Return a picture with more than 8 bits per pixel as gray with 8 bits."""
    darkest, lightest = _range(picture)
    gray = Image.new("L", picture.size)
    for top, values in _bands(picture):
        clipped = np.nan_to_num(np.clip(values, darkest, lightest), nan=darkest)
        levels = np.rint((clipped - darkest) * (255 / (lightest - darkest))).astype(np.uint8)
        gray.paste(Image.fromarray(levels), (0, top))
    return gray


def _bands(picture: Image.Image) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield the first row and the values of some rows at a time, which takes little memory."""
    for top in range(0, picture.height, _ROWS_AT_ONCE):
        bottom = min(top + _ROWS_AT_ONCE, picture.height)
        band = picture.crop((0, top, picture.width, bottom))
        with np.errstate(invalid="ignore"):  # some values that are no numbers
            yield top, np.asarray(band).astype(np.float64)


def _range(picture: Image.Image) -> tuple[float, float]:
    """Return the values that stand for black and white."""
    sparse = 1 + picture.width * picture.height // _MAX_SAMPLED
    sampled = [values.ravel()[::sparse] for _, values in _bands(picture)]
    values = np.concatenate(sampled)
    values = values[np.isfinite(values)]
    if picture.mode.startswith("I;16"):
        return (0.0, 1.0) if values.max() == 1 else (0.0, 65535.0)
    if not values.size:
        return 0.0, 1.0
    if np.mean(values < 0) < 0.1 and (limit := _limit(picture.mode, values)):
        return 0.0, limit
    darkest, lightest = float(values.min()), float(values.max())
    return darkest, max(lightest, np.nextafter(darkest, np.inf))


def _limit(mode: str, values: NDArray[np.float64]) -> float | None:
    """Return the value that probably stands for white, or None if no usual one does."""
    positive = values[values > 0]
    if not positive.size or (mode == "F" and np.median(positive) <= 1):
        return 1.0 if mode == "F" else 255.0
    most = np.quantile(positive, 0.99, method="higher")
    return next((limit for limit in (255.0, 65535.0) if most <= limit), None)
