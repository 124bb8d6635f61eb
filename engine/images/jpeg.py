"""Read the structure of a JPEG file without decoding it (ITU-T T.81, Annex B).

libjpeg works and allocates as the headers say, so they tell what decoding would cost. Metadata is
left out: parsing it can cost more than the picture.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import unpack_from

MAX_SEGMENTS = 20_000
"""Maximum number of segments; a hundred are usual."""

_MARKER = re.compile(rb"\xff([^\x00\x01\xff\xd0-\xd7])", re.DOTALL)
"""A marker that begins a segment or ends the file; others belong to the compressed data."""
_END = b"\xff\xd9"
_EOI, _SOS = 0xD9, 0xDA
_HUFFMAN_FRAMES = frozenset((0xC0, 0xC1, 0xC2))
_OTHER_FRAMES = frozenset(range(0xC3, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = 0xC2
_TABLES = frozenset((0xC4, 0xCC, 0xDB, 0xDD))
_KEPT_DATA = {0xE0: b"JFIF", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
"""First bytes of application data that decoding needs, by marker."""
_EXIF = b"Exif\0\0"
_ALL_COEFFICIENTS = 2**64 - 1


class JpegStructureError(ValueError):
    """The file is damaged, or too fragmented."""


class JpegKindError(JpegStructureError):
    """The file is compressed in a way that browsers do not read."""


@dataclass
class JpegStructure:
    """What the segments of a JPEG file say."""

    width: int = 0
    height: int = 0
    samples: int = 0
    """Number of samples of all components together."""
    is_progressive: bool = False
    scans: int = 0
    is_complete: bool = False
    """True if the end of the file is there."""
    exif: bytes = b""
    """The file's Exif data, or b""."""
    parts: list[bytes] = field(default_factory=list[bytes])
    """Everything that decoding needs, in order."""
    covered: dict[int, int] = field(default_factory=dict[int, int])
    """Coefficients at full precision in the scans so far, as a bit mask, by component."""

    @property
    def content(self) -> bytes:
        """The file with an end, and without metadata and whatever follows the end."""
        return b"".join((b"\xff\xd8", *self.parts, _END))

    @property
    def is_stored(self) -> bool:
        """True if libjpeg stores all samples before it returns the first row."""
        return self.is_progressive or self.scans > 1

    @property
    def lacks_only_details(self) -> bool:
        """True if the file is cut off, but only in the last scan of a progressive picture."""
        covered = self.covered.values()
        return self.is_progressive and all(each == _ALL_COEFFICIENTS for each in covered)


def read_structure(content: bytes) -> JpegStructure:
    """Read the structure of a file that begins as a JPEG.

    Raises:
        JpegStructureError: The file is damaged, has no scan, is too fragmented, or is compressed
            in a way that browsers do not read (`JpegKindError`).
    """
    found = JpegStructure()
    for number, (marker, start, end) in enumerate(_segments(content)):
        if number == MAX_SEGMENTS:
            raise JpegStructureError("too many segments")
        if marker == _EOI:
            found.is_complete = True
            break
        _take(found, marker, content[start + 4 : end])
        if _is_needed(marker, content[start + 4 : start + 16]):
            found.parts.append(content[start:end])
        if marker == _SOS:
            following = _MARKER.search(content, end)
            found.parts.append(content[end : following.start() if following else len(content)])
    if not found.width or not found.scans:
        raise JpegStructureError("no picture in it")
    return found


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the marker, start and end of each segment, up to the end or where the file is cut."""
    position = 2
    while match := _MARKER.search(content, position):
        marker, start = match[1][0], match.start()
        if marker == _EOI:
            yield marker, start, match.end()
            return
        if marker < 0xC0 or marker == 0xD8:
            raise JpegStructureError("an unknown marker")
        if start + 4 > len(content):
            return
        (length,) = unpack_from(">H", content, start + 2)
        position = start + 2 + length
        if position > len(content):
            return
        if length < 2:
            raise JpegStructureError("an impossible length")
        yield marker, start, position


def _is_needed(marker: int, beginning: bytes) -> bool:
    if marker in _KEPT_DATA:
        return beginning.startswith(_KEPT_DATA[marker])
    return marker in _TABLES or marker in _HUFFMAN_FRAMES or marker == _SOS


def _take(found: JpegStructure, marker: int, data: bytes) -> None:
    """Note what a segment says."""
    try:
        if marker in _HUFFMAN_FRAMES:
            _take_frame(found, data)
            found.is_progressive = marker == _PROGRESSIVE
        elif marker in _OTHER_FRAMES:
            raise JpegKindError("not Huffman-coded")
        elif marker == _SOS:
            _take_scan(found, data)
        elif marker == 0xE1 and data.startswith(_EXIF) and not found.exif:
            found.exif = data[len(_EXIF) :]
    except (IndexError, KeyError, ZeroDivisionError) as error:
        raise JpegStructureError("an impossible segment") from error


def _take_frame(found: JpegStructure, data: bytes) -> None:
    if found.width:
        raise JpegStructureError("two frames")
    found.height, found.width = data[1] << 8 | data[2], data[3] << 8 | data[4]
    components = [data[start : start + 3] for start in range(6, 6 + 3 * data[5], 3)]
    factors = [(each[1] >> 4, each[1] & 15) for each in components]
    widest, highest = (max(sides) for sides in zip(*factors, strict=True))
    shares = sum(across * down for across, down in factors) / (widest * highest)
    found.samples = round(found.width * found.height * shares)
    found.covered = {each[0]: 0 for each in components}


def _take_scan(found: JpegStructure, data: bytes) -> None:
    count = data[0]
    first, last, precision = data[1 + 2 * count : 4 + 2 * count]
    found.scans += 1
    if precision & 15 == 0 and first <= last < 64:
        for component in data[1 : 1 + 2 * count : 2]:
            found.covered[component] |= (1 << last + 1) - (1 << first)
