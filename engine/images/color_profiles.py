"""Convert pictures with an embedded ICC profile to sRGB, in which all pictures here are."""

from io import BytesIO

from PIL import Image, ImageCms

from engine.files import MEBIBYTE

MAX_PROFILE_BYTES = 4 * MEBIBYTE
"""Maximum size of a profile that is applied; those of printers have up to 3 MiB."""
SAME_COLOR = 2
"""Maximum difference (0 to 255) that a profile makes if it describes sRGB, from rounding."""
_CONVERTED = {"L": "RGB", "RGB": "RGB", "RGBA": "RGBA", "CMYK": "RGB"}
"""Modes of pictures that profiles are applied to, and the modes after that."""


def to_srgb(picture: Image.Image) -> Image.Image:
    """Return the picture in sRGB; without a profile that can be applied, it is unchanged.

    A damaged profile, or one that does not fit the picture, is ignored, as in browsers.
    """
    profile = picture.info.get("icc_profile")
    mode = _CONVERTED.get(picture.mode)
    if mode is None or not isinstance(profile, bytes) or len(profile) > MAX_PROFILE_BYTES:
        return picture
    try:
        embedded, srgb = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(embedded, srgb, picture.mode, mode)
        if mode == picture.mode and _changes_nothing(transform, mode):
            return picture
        in_place = mode == picture.mode
        return ImageCms.applyTransform(picture, transform, inPlace=in_place) or picture
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return True if a transform leaves colors from all over the cube as they are."""
    levels = range(0, 256, 51)
    colors = bytes(level for r in levels for g in levels for b in levels for level in (r, g, b))
    before = Image.frombytes("RGB", (len(levels), len(levels) ** 2), colors)
    after = ImageCms.applyTransform(before.convert(mode), transform)
    pairs = zip(colors, after.convert("RGB").tobytes() if after else b"", strict=True)
    return max(abs(one - other) for one, other in pairs) <= SAME_COLOR
