"""Read pictures from untrusted files, and fit them to a size.

A picture in the engine is a Pillow image in RGB with 8 bits per channel, in sRGB. Files are not
trusted: `opening` checks what decoding them would cost, only seven decoders can be reached, and
damaged files are rejected, never shown in part. `png` and `animation` write our own files.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from engine.errors import PictureError
from engine.files import MEBIBYTE, THE_PICTURE, Name, check_length, quoted, read_bounded
from engine.images.color_modes import is_convertible, to_rgb
from engine.images.opening import MAX_PIXELS, OpenedPicture, damaged, open_picture
from engine.images.tiling import Tile, resize
from engine.text import Text

MAX_FILE_BYTES = 64 * MEBIBYTE
OPAQUE = 250
"""Minimum opacity (0 to 255) of pixels that count as opaque."""
MAX_MISSING = 0.1
"""Maximum share of a JPEG that may be missing at its end."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""Transposition that undoes each value of the EXIF tag Orientation."""


@dataclass(frozen=True)
class LoadedPicture:
    """A picture that was read from a file, and what the reader did to it."""

    picture: Image.Image
    """The picture in RGB, upright, composited on a background where it was transparent."""
    alpha: Image.Image | None
    """Its opacity (mode "L"), or None if it is opaque."""
    size: tuple[int, int]
    """Width and height in the file, upright; a JPEG of many megapixels is read at a fraction."""
    is_cut: bool
    """True if the file's end is missing, so that a little of the picture is gray or blurred."""

    def notices(self, name: Name) -> list[Text]:
        """Say what the user should know about the file, which is called `name`."""
        notices: list[Text] = []
        if self.is_cut:
            notices.append(
                Text(
                    "{name} was cut off at its end, so a little of it is gray or blurred",
                    name=name,
                )
            )
        if self.alpha is not None and np.asarray(self.alpha).min() < OPAQUE:
            notices.append(Text("{name} was transparent in places, which are white now", name=name))
        return notices


def read_picture(
    source: Path | bytes,
    *,
    name: Name | None = None,
    max_pixels: int = MAX_PIXELS,
    background: str = "white",
) -> Image.Image:
    """Read a picture from a file or from bytes: RGB, upright, the first frame of an animation.

    `source` is the path of a file, or its bytes. Messages call it `name`, by default the path.
    Transparent pixels are composited on the color `background`. A JPEG of more than `max_pixels`
    pixels is read at a half, a quarter or an eighth of its size.

    Raises:
        PictureError: The file is missing, not a regular file, empty, damaged, cut off, of an
            unknown format, over 64 MiB, over `max_pixels` pixels, or over 16384 pixels wide or
            high. A JPEG may lack a tenth of its picture at the end.
    """
    loaded = load_picture(source, name=name, max_pixels=max_pixels, background=background)
    return loaded.picture


def load_picture(
    source: Path | bytes,
    *,
    name: Name | None = None,
    max_pixels: int = MAX_PIXELS,
    background: str = "white",
) -> LoadedPicture:
    """Read a picture as `read_picture` does, and return what else is known of it."""
    if isinstance(source, bytes):
        name, content = name or THE_PICTURE, source
        check_length(content, limit=MAX_FILE_BYTES, name=name)
    else:
        name, content = name or quoted(source), read_bounded(source, limit=MAX_FILE_BYTES)
    opened = open_picture(content, name, max_pixels)
    if not is_convertible(opened.file):
        raise PictureError(
            "Cannot read {name}: its color mode {mode} is not supported, save it as RGB.",
            name=name,
            mode=opened.file.mode,
        )
    return _decode(opened, name, background)


def fit(picture: Image.Image, width: int, height: int, tile: Tile = "none") -> Image.Image:
    """Scale a picture to cover `width` x `height` pixels, and crop what is over on both sides.

    A tile of the same shape stays one.
    """
    if tile != "none" and picture.width * height == picture.height * width:
        return resize(picture, (width, height), Image.Resampling.LANCZOS, tile)
    return ImageOps.fit(picture, (width, height), method=Image.Resampling.LANCZOS)


def enlarge(picture: Image.Image, factor: int, tile: Tile = "none") -> Image.Image:
    """Return the picture `factor` times as wide and high; a tile stays one.

    Bicubic, because Lanczos leaves visible rings beside the flat colors of small pictures.

    Raises:
        ValueError: The factor is less than 1.
    """
    if factor < 1:
        raise ValueError(f"the factor must be at least 1, not {factor}")
    size = (picture.width * factor, picture.height * factor)
    return resize(picture, size, Image.Resampling.BICUBIC, tile)


def _decode(opened: OpenedPicture, name: Name, background: str) -> LoadedPicture:
    # A decoder can raise nearly anything for a damaged file, from SyntaxError to struct.error.
    try:
        opened.file.load()
        is_cut = opened.jpeg is not None and not opened.jpeg.is_complete
        if is_cut and _lacks_much(opened):
            raise damaged(name)
        plain, alpha = to_rgb(opened.file, background)
    except PictureError:
        raise
    except Exception as error:
        raise damaged(name) from error
    opened.file.close()
    transposition = _UPRIGHT.get(opened.orientation)
    if transposition is None:
        return LoadedPicture(plain, alpha, opened.size, is_cut)
    width, height = opened.size
    size = (height, width) if opened.orientation >= 5 else (width, height)
    turned_alpha = None if alpha is None else alpha.transpose(transposition)
    return LoadedPicture(plain.transpose(transposition), turned_alpha, size, is_cut)


def _lacks_much(opened: OpenedPicture) -> bool:
    """Return True if more than a small rest of a decoded JPEG is missing."""
    if opened.jpeg is not None and opened.jpeg.is_stored:
        return not opened.jpeg.lacks_only_details
    # libjpeg leaves missing blocks of 8 x 8 pixels at exactly half of the range.
    size = (max(1, opened.file.width // 8), max(1, opened.file.height // 8))
    blocks = np.asarray(opened.file.resize(size, Image.Resampling.NEAREST))
    gray = np.isin(blocks, (127, 128)).reshape(*blocks.shape[:2], -1).all(-1)
    return bool(gray.mean() > MAX_MISSING)
