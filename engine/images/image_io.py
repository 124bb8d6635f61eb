"""Read pictures from untrusted files, and fit them to a size.

A picture in the engine is a Pillow image in RGB with 8 bits per channel (see `color_modes`). Files
are not trusted: their size is checked before they are decoded, only six decoders can be reached,
and damaged files are rejected, never shown in part. `png` and `animation` write our own files.
"""

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from PIL import ExifTags, Image, ImageFile, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from engine.errors import PictureError
from engine.files import MEBIBYTE, check_length, quoted, read_bounded
from engine.images import png
from engine.images.color_modes import is_convertible, to_rgb

MAX_FILE_BYTES = 64 * MEBIBYTE
MAX_PIXELS = 64_000_000
MAX_SIDE = 16_384
MAX_SCANS = 500
"""Maximum number of scans in a progressive JPEG. About ten are usual, and each costs a pass over
all pixels."""

_KNOWN = "PNG, JPEG, WebP, GIF, BMP and TIFF"
_UNCOMPRESSED = frozenset((0, 3, "raw"))
"""Values of `compression` for uncompressed BMP and TIFF files. Pillow reads others slowly or
through libtiff, which writes messages to the terminal."""

# The readers are called directly because Image.open prints a warning about large pictures.
_READERS: tuple[tuple[bytes, Callable[[BytesIO], ImageFile.ImageFile]], ...] = (
    (re.escape(png.SIGNATURE), PngImageFile),
    (rb"\xff\xd8\xff", JpegImageFile),
    (rb"RIFF....WEBP", WebPImageFile),
    (rb"GIF8[79]a", GifImageFile),
    (rb"BM", BmpImageFile),
    (rb"II\*\0|MM\0\*", TiffImageFile),
)
"""First bytes of a file in each format, and the reader for it."""

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


def read_picture(
    source: Path | bytes,
    *,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
    background: str = "white",
) -> Image.Image:
    """Read a picture from a file or from bytes: RGB, upright, the first frame of an animation.

    `source` is the path of a file, or its bytes. Messages call it `name`, by default the path.
    Transparent pixels are composited on the color `background`.

    Raises:
        PictureError: The file is missing, not a regular file, empty, damaged, cut off, of an
            unknown format, over 64 MiB, over `max_pixels` pixels, or over 16384 pixels wide or
            high.
    """
    if isinstance(source, bytes):
        name, content = name or "the picture", source
        check_length(content, limit=MAX_FILE_BYTES, name=name)
    else:
        name, content = name or quoted(source), read_bounded(source, limit=MAX_FILE_BYTES)
    opened = _open(content, name)
    _check_size(opened, name, max_pixels)
    _check_content(opened, content, name)
    return _decode(opened, name, background)


def fit(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Scale a picture to cover `width` x `height` pixels, and crop what is over on both sides."""
    return ImageOps.fit(picture, (width, height), method=Image.Resampling.LANCZOS)


def enlarge(picture: Image.Image, factor: int) -> Image.Image:
    """Return the picture `factor` times as wide and high.

    Bicubic, because Lanczos leaves visible rings beside the flat colors of small pictures.

    Raises:
        ValueError: The factor is less than 1.
    """
    if factor < 1:
        raise ValueError(f"the factor must be at least 1, not {factor}")
    size = (picture.width * factor, picture.height * factor)
    return picture.resize(size, Image.Resampling.BICUBIC)


def _open(content: bytes, name: str) -> ImageFile.ImageFile:
    reader = next((read for start, read in _READERS if re.match(start, content, re.DOTALL)), None)
    if reader is None:
        raise PictureError(f"Cannot read {name}: it is not a picture; {_KNOWN} are allowed.")
    try:
        return reader(BytesIO(content))
    except Image.DecompressionBombError as error:
        raise PictureError(
            f"Cannot read {name}: it claims too many pixels, "
            f"at most {MAX_PIXELS / 1e6:g} megapixels are allowed."
        ) from error
    except Exception as error:
        raise _damaged(name) from error


def _check_size(opened: Image.Image, name: str, max_pixels: int) -> None:
    width, height = opened.size
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        raise PictureError(
            f"Cannot read {name}: it has {width} x {height} pixels, at most "
            f"{max_pixels / 1e6:g} megapixels and {MAX_SIDE} pixels per side are allowed."
        )


def _check_content(opened: Image.Image, content: bytes, name: str) -> None:
    """Reject a file of a kind that is not allowed, before it is decoded."""
    if isinstance(opened, PngImageFile):
        # Pillow reads a PNG file whose end is missing as if it were complete.
        for _ in png.read_chunks(content, name=name):
            pass
    if opened.info.get("progressive") and content.count(b"\xff\xda") > MAX_SCANS:
        raise PictureError(
            f"Cannot read {name}: a progressive JPEG may have at most {MAX_SCANS} scans."
        )
    compression = opened.info.get("compression")
    if isinstance(opened, BmpImageFile | TiffImageFile) and compression not in _UNCOMPRESSED:
        raise PictureError(
            f"Cannot read {name}: compressed {opened.format} files are not supported, "
            "save it uncompressed or as PNG."
        )
    if not is_convertible(opened):
        raise PictureError(
            f"Cannot read {name}: its color mode {opened.mode} is not supported, save it as RGB."
        )


def _decode(opened: ImageFile.ImageFile, name: str, background: str) -> Image.Image:
    # A decoder can raise nearly anything for a damaged file, from SyntaxError to struct.error.
    try:
        opened.load()
        plain = to_rgb(opened, background)
    except Exception as error:
        raise _damaged(name) from error
    transposition = _UPRIGHT.get(_orientation(opened))
    return plain if transposition is None else plain.transpose(transposition)


def _orientation(opened: Image.Image) -> int:
    try:
        return int(opened.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        # Invalid metadata is no reason to reject valid pixels.
        return 1


def _damaged(name: str) -> PictureError:
    return PictureError(f"Cannot read {name}: the file is damaged or cut off.")
