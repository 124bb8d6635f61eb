"""Open picture files that nobody vouches for, without decoding them, and judge their cost.

Decoders allocate and work by what a file claims, and a few bytes can claim a lot. So formats,
sizes and everything else that costs memory or time is checked here before a pixel is decoded.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from struct import unpack_from

from PIL import ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from engine.errors import PictureError
from engine.files import Name
from engine.images import avif, png, tiff
from engine.images.jpeg import JpegKindError, JpegStructure, read_structure
from engine.text import Text

MAX_PIXELS = 2**24
"""Maximum number of pixels that are decoded, about 16.8 million (4096 x 4096)."""
MAX_SIDE = 16_384
MAX_SCANS = 100
"""Maximum number of scans in a JPEG; a progressive one usually has about ten."""
MAX_SCANNED_PIXELS = 600_000_000
"""Maximum of a JPEG's pixels times its scans: each scan is a pass over all pixels."""
MAX_STORED_SAMPLES = 80_000_000
"""Maximum number of samples in a JPEG of several scans, which are stored in two bytes each: 53
megapixels with the usual halved color."""

_UNCOMPRESSED_BMP = frozenset((0, 3))


@dataclass(frozen=True)
class OpenedPicture:
    """A picture file that may be decoded."""

    file: ImageFile.ImageFile
    size: tuple[int, int]
    """Width and height in the file, which are those of `file` unless it is decoded smaller."""
    orientation: int = 1
    """Value of the Exif tag Orientation."""
    jpeg: JpegStructure | None = None
    """The structure of a JPEG file."""


def open_picture(content: bytes, name: Name, max_pixels: int = MAX_PIXELS) -> OpenedPicture:
    """Open a picture file without decoding it; messages call it `name`.

    Raises:
        PictureError: It is no picture of a known format, damaged, or too costly to decode.
    """
    reader = next((read for start, read in _READERS if re.match(start, content, re.DOTALL)), None)
    if reader is None:
        raise PictureError("Cannot read {name}: {why}", name=name, why=_foreign(content))
    try:
        opened = reader(content, name, max_pixels)
    except PictureError:
        raise
    # A reader can raise nearly anything for a damaged file, from SyntaxError to struct.error.
    except Exception as error:
        raise damaged(name) from error
    _check_size(opened.file.size, name, max_pixels)
    return opened


def damaged(name: Name) -> PictureError:
    """Return the error for a file that cannot be decoded."""
    return PictureError("Cannot read {name}: the file is damaged or cut off.", name=name)


def _foreign(content: bytes) -> Text:
    """Return why a file of no known format is not read, and what to do."""
    if re.match(rb"....ftyp(hei[cfmsx]|hev[cmsx]|mif1|msf1)", content, re.DOTALL):
        return Text("it is a HEIC picture, which few programs read: save or send it as JPEG.")
    return Text("it is not a picture; PNG, JPEG, WebP, AVIF, GIF, BMP and TIFF are allowed.")


def _check_size(size: tuple[int, int], name: Name, max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels or max(size) > MAX_SIDE:
        raise PictureError(
            "Cannot read {name}: it has {width} x {height} pixels, at most {most} megapixels and "
            "{side} pixels per side are allowed; save it smaller.",
            name=name,
            width=width,
            height=height,
            most=f"{max_pixels / 1e6:.3g}",
            side=MAX_SIDE,
        )


def _open_png(content: bytes, name: Name, _: int) -> OpenedPicture:
    # Pillow reads a PNG file whose end is missing as if it were complete.
    for _chunk in png.read_chunks(content, name=name):
        pass
    return _opened(PngImageFile(BytesIO(content)))


def _open_jpeg(content: bytes, name: Name, max_pixels: int) -> OpenedPicture:
    try:
        found = read_structure(content)
    except JpegKindError as error:
        raise PictureError(
            "Cannot read {name}: it is a JPEG of a rare kind, save it as PNG or an ordinary JPEG.",
            name=name,
        ) from error
    size = found.width, found.height
    _check_scans(found, name)
    file = JpegImageFile(BytesIO(found.content))
    if file.size != size:
        raise damaged(name)
    # The decoder can halve a picture up to three times, which costs less than decoding it all.
    for factor in (1, 2, 4, 8):
        reduced = (-(-size[0] // factor), -(-size[1] // factor))
        if reduced[0] * reduced[1] <= max_pixels:
            file.draft(None, (size[0] // factor or 1, size[1] // factor or 1))
            break
    if max(size) > MAX_SIDE:
        _check_size(size, name, max_pixels)
    return OpenedPicture(file, size, tiff.read_orientation(found.exif), found)


def _check_scans(found: JpegStructure, name: Name) -> None:
    """Reject a JPEG whose scans take too much memory or time."""
    too_many = found.scans > MAX_SCANS
    too_much = found.width * found.height * found.scans > MAX_SCANNED_PIXELS
    if too_many or too_much or (found.is_stored and found.samples > MAX_STORED_SAMPLES):
        raise PictureError(
            "Cannot read {name}: as a progressive JPEG with {scans} scans of {width} x {height} "
            "pixels it takes too long to read; save it smaller, or not progressive.",
            name=name,
            scans=found.scans,
            width=found.width,
            height=found.height,
        )


def _open_webp(content: bytes, name: Name, max_pixels: int) -> OpenedPicture:
    # Pillow allocates two canvases when it opens a file.
    _check_size(_webp_size(content), name, max_pixels)
    return _opened(WebPImageFile(BytesIO(content)))


def _webp_size(content: bytes) -> tuple[int, int]:
    """Return the size in the header of a WebP file (RFC 9649, Sections 2.5 to 2.7)."""
    match content[12:16]:
        case b"VP8X":
            sides = (int.from_bytes(content[start : start + 3], "little") for start in (24, 27))
            return next(sides) + 1, next(sides) + 1
        case b"VP8L":
            (bits,) = unpack_from("<I", content, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case _:
            width, height = unpack_from("<HH", content, 26)
            return width & 0x3FFF, height & 0x3FFF


def _open_avif(content: bytes, name: Name, max_pixels: int) -> OpenedPicture:
    still = avif.still_picture(content)
    # The picture and its transparency are frames of their own.
    if avif.coded_pixels(still) > 2 * max_pixels:
        raise PictureError(
            "Cannot read {name}: its frames have too many pixels, at most {most} megapixels are "
            "allowed; save it smaller.",
            name=name,
            most=f"{max_pixels / 1e6:.3g}",
        )
    return _opened(AvifImageFile(BytesIO(still)))


def _open_gif(content: bytes, _: Name, __: int) -> OpenedPicture:
    return _opened(GifImageFile(BytesIO(content)))


def _open_bmp(content: bytes, name: Name, _: int) -> OpenedPicture:
    file = BmpImageFile(BytesIO(content))
    if file.info.get("compression") not in _UNCOMPRESSED_BMP:
        raise PictureError(
            "Cannot read {name}: compressed BMP files are not supported, save it uncompressed or "
            "as PNG.",
            name=name,
        )
    return _opened(file)


def _open_tiff(content: bytes, name: Name, max_pixels: int) -> OpenedPicture:
    tags = tiff.read_tags(content)
    tiff.check_pieces(tags, max_pixels)
    if not tiff.is_readable(tags):
        raise PictureError(
            "Cannot read {name}: its kind of compression is not supported, save it uncompressed, "
            "with LZW or Deflate, or as PNG.",
            name=name,
        )
    if tiff.is_preview(tags):
        raise PictureError(
            "Cannot read {name}: it is a camera's raw file, or holds a preview; save it as JPEG.",
            name=name,
        )
    tiff.silence_libtiff()
    try:
        # Pillow itself turns TIFF files as their tag Orientation says.
        file = TiffImageFile(BytesIO(content))
    except SyntaxError as error:
        raise PictureError(
            "Cannot read {name}: TIFF files of its kind are not supported, save it as PNG.",
            name=name,
        ) from error
    return OpenedPicture(file, file.size)


def _opened(file: ImageFile.ImageFile) -> OpenedPicture:
    exif = file.info.get("exif")
    orientation = tiff.read_orientation(exif) if isinstance(exif, bytes) else 1
    return OpenedPicture(file, file.size, orientation)


# The readers are called directly because Image.open prints a warning about large pictures.
_READERS: tuple[tuple[bytes, Callable[[bytes, Name, int], OpenedPicture]], ...] = (
    (re.escape(png.SIGNATURE), _open_png),
    (rb"\xff\xd8\xff", _open_jpeg),
    (rb"RIFF....WEBP", _open_webp),
    (rb"....ftyp(?:....){0,15}?avi[fs]", _open_avif),
    (rb"GIF8[79]a", _open_gif),
    (rb"BM", _open_bmp),
    (rb"II\*\0|MM\0\*", _open_tiff),
)
"""First bytes of a file in each format, and how it is opened."""
