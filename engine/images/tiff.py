"""Read the tags of TIFF files and of Exif data, and check what decoding a TIFF file would cost.

Pillow copies the data of every tag, and tags may share their data, so a few kilobytes could take
gigabytes. libtiff allocates as the tags say.
"""

import ctypes
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from struct import error as StructError
from struct import unpack_from

import PIL

MAX_PIECES = 70_000
"""Maximum number of strips or tiles: one for each row and channel of the highest picture."""
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SHORT, _LONG = 3, 4
_SUBFILE_TYPE, _COMPRESSION, _ORIENTATION, _DNG_VERSION = 254, 259, 274, 50706
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_OFFSETS = (273, 324)
_READABLE = frozenset((1, 5, 8, 32773, 32946))
"""Values of the tag Compression for none, LZW, Deflate (twice) and PackBits."""


class TiffError(ValueError):
    """The tags are damaged, or claim more than their file can hold."""


@dataclass(frozen=True)
class Tag:
    """One tag of a directory."""

    size: int
    """Size of its data in bytes."""
    count: int
    number: int | None
    """Its value, if that is a single whole number."""


def read_tags(content: bytes) -> dict[int, Tag]:
    """Return the tags of the first directory of a TIFF file or of Exif data.

    Raises:
        TiffError: The directory is damaged, or its tags claim more data than there is.
    """
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    if order is None:
        raise TiffError("no byte order")
    try:
        (offset,) = unpack_from(order + "I", content, 4)
        (count,) = unpack_from(order + "H", content, offset)
        starts = range(offset + 2, offset + 2 + 12 * count, 12)
        tags = dict(_read_tag(content, start, order) for start in starts)
    except StructError as error:
        raise TiffError("the directory is cut off") from error
    if len(tags) < count or sum(tag.size for tag in tags.values()) > len(content):
        raise TiffError("a tag occurs twice, or the tags claim more data than there is")
    return tags


def read_orientation(exif: bytes) -> int:
    """Return the value of the tag Orientation in Exif data, or 1 if there is none."""
    try:
        tag = read_tags(exif.removeprefix(b"Exif\0\0")).get(_ORIENTATION)
    except TiffError:
        return 1  # invalid metadata is no reason to reject valid pixels
    return 1 if tag is None or tag.number is None else tag.number


def is_readable(tags: Mapping[int, Tag]) -> bool:
    """Return True if the file is compressed in a way that is cheap to read."""
    tag = tags.get(_COMPRESSION)
    return tag is None or tag.number in _READABLE


def is_preview(tags: Mapping[int, Tag]) -> bool:
    """Return True if the first picture in the file is not the one that the file is about."""
    kind = tags.get(_SUBFILE_TYPE)
    return _DNG_VERSION in tags or (kind is not None and bool((kind.number or 0) & 1))


def check_pieces(tags: Mapping[int, Tag], max_pixels: int) -> None:
    """Raise `TiffError` if a file has too many strips or tiles, or tiles that are too large."""
    sides = [tags[tag].number or 0 for tag in (_TILE_WIDTH, _TILE_HEIGHT) if tag in tags]
    if len(sides) == 2 and sides[0] * sides[1] > max_pixels:
        raise TiffError("the tiles are too large")
    if any(tag in tags and tags[tag].count > MAX_PIECES for tag in _OFFSETS):
        raise TiffError("too many strips or tiles")


def silence_libtiff() -> None:
    """Stop libtiff from writing to the terminal about damaged files, where it can be found."""
    # Only Pillow's own copy is meant, and it is where the wheels for Linux and macOS put it.
    folder = Path(PIL.__file__).parent
    pattern = "libtiff*.dylib" if sys.platform == "darwin" else "libtiff*.so*"
    for path in (*folder.parent.glob(f"pillow.libs/{pattern}"), *folder.glob(f".dylibs/{pattern}")):
        with suppress(OSError, AttributeError):
            ctypes.CDLL(str(path)).TIFFSetErrorHandler(None)


def _read_tag(content: bytes, start: int, order: str) -> tuple[int, Tag]:
    tag, kind, count = unpack_from(order + "HHI", content, start)
    size = _TYPE_SIZES.get(kind, 0) * count
    number = None
    if count == 1 and kind in (_SHORT, _LONG):
        (number,) = unpack_from(order + ("H" if kind == _SHORT else "I"), content, start + 8)
    return tag, Tag(size, count, number)
