"""Read from an AVIF file how large the frames in it are, without decoding it.

The size that an AVIF file states is not that of its coded frames: libavif decodes these whatever
they are, and scales them. The boxes are those of ISO/IEC 14496-12 and 23008-12, the frames are
described in the AV1 specification, Section 5.5 (sequence header OBU).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MAX_META_BYTES = 64 * 1024
"""Maximum size of the box that describes the picture; libavif searches it linearly."""
MAX_BOXES = 1000
"""Maximum number of boxes, items, parts of an item, and units of an item."""
_SEQUENCE_HEADER = 1
_CODED = b"av01"


class AvifError(ValueError):
    """The file is damaged, or unlike the files that encoders write."""


@dataclass
class _Reader:
    """Reads numbers from bytes, one after the other."""

    data: bytes
    bits: int = 0
    """Number of bits that were read."""

    def number(self, size: int) -> int:
        """Return the next number of `size` bits."""
        start, self.bits = self.bits, self.bits + size
        if self.bits > 8 * len(self.data):
            raise AvifError("cut off")
        last = -(-self.bits // 8)
        value = int.from_bytes(self.data[start // 8 : last], "big") >> (8 * last - self.bits)
        return value & (1 << size) - 1

    def skip(self, *sizes: int) -> None:
        """Skip numbers of these sizes in bits."""
        self.bits += sum(sizes)

    def rest(self) -> bytes:
        """Return the bytes that are left."""
        return self.data[self.bits // 8 :]


@dataclass
class _Meta:
    """What the box `meta` says about the items in a file."""

    places: Mapping[int, bytes] = field(default_factory=dict[int, bytes])
    """Content of each item by its number."""
    kinds: Mapping[int, bytes] = field(default_factory=dict[int, bytes])


def still_picture(content: bytes) -> bytes:
    """Return the file without its animation, so that decoders take the picture beside that."""
    still = bytearray(content)
    for kind, start, end in _boxes(content, 0, len(content)):
        if kind == b"ftyp":
            still[start:end] = still[start:end].replace(b"avis", b"avif")
        if kind == b"moov":
            still[start - 4 : start] = b"free"
    return bytes(still)


def coded_pixels(content: bytes) -> int:
    """Return the most pixels that all frames of a still picture can have together.

    Raises:
        AvifError: The file is damaged, or unlike the files that encoders write.
    """
    metas = [box for box in _boxes(content, 0, len(content)) if box[0] == b"meta"]
    if len(metas) != 1 or metas[0][2] - metas[0][1] > MAX_META_BYTES:
        raise AvifError("no description, or too long a one")
    _, start, end = metas[0]
    meta = _read_meta(content, start + 4, end)
    coded = [meta.places.get(item, b"") for item, kind in meta.kinds.items() if kind == _CODED]
    return sum(max(_frame_sizes(each)) for each in coded)


def _boxes(content: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind, start and end of the content of each box."""
    for _ in range(MAX_BOXES):
        if start == end:
            return
        reader = _Reader(content[start : min(end, start + 16)])
        size, kind, header = reader.number(32), reader.number(32).to_bytes(4, "big"), 8
        if size == 1:
            size, header = reader.number(64), 16
        last = end if size == 0 else start + size
        if (size and size < header) or last > end:
            raise AvifError("an impossible box")
        yield kind, start + header, last
        start = last
    raise AvifError("too many boxes")


def _read_meta(content: bytes, start: int, end: int) -> _Meta:
    boxes = list(_boxes(content, start, end))
    found = {kind: content[first:last] for kind, first, last in boxes}
    if len(found) < len(boxes) or b"iloc" not in found or b"iinf" not in found:
        raise AvifError("a box is missing or occurs twice")
    places = dict(_read_places(_Reader(found[b"iloc"]), content, found.get(b"idat", b"")))
    return _Meta(places, dict(_read_kinds(found[b"iinf"])))


def _read_places(reader: _Reader, content: bytes, inside: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and content of each item (box `iloc`)."""
    version = reader.number(8)
    reader.skip(24)
    offset_size, length_size, base_size, index_size = (8 * reader.number(4) for _ in range(4))
    left = len(content)
    for _ in range(_few(reader.number(16 if version < 2 else 32))):
        item = reader.number(16 if version < 2 else 32)
        reader.skip(12 if version > 0 else 0)
        source = inside if version > 0 and reader.number(4) else content
        reader.skip(16)
        base, parts = reader.number(base_size), list[bytes]()
        for _ in range(_few(reader.number(16))):
            reader.skip(index_size if version > 0 else 0)
            offset = base + reader.number(offset_size)
            length = reader.number(length_size) or len(source)
            parts.append(source[offset : offset + length])
            left -= len(parts[-1])
            if left < 0:
                raise AvifError("items that overlap")
        yield item, b"".join(parts)


def _few(count: int) -> int:
    """Return a number of things, or raise `AvifError` if no encoder writes so many."""
    if count > MAX_BOXES:
        raise AvifError("too many items")
    return count


def _read_kinds(info: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and kind of each item (box `iinf`)."""
    start = 6 if info[:1] == b"\0" else 8
    for kind, first, last in _boxes(info, start, len(info)):
        version = info[first]
        if kind != b"infe" or version not in (2, 3):
            raise AvifError("an unknown kind of item")
        reader = _Reader(info[first + 4 : last])
        item = reader.number(16 if version == 2 else 32)
        reader.skip(16)
        yield item, reader.number(32).to_bytes(4, "big")


def _frame_sizes(item: bytes) -> Iterator[int]:
    """Yield the most pixels that a frame can have after each sequence header in an item."""
    reader = _Reader(item)
    for _ in range(MAX_BOXES):
        if reader.bits == 8 * len(item):
            return
        reader.skip(1)
        kind, has_extension, has_size = reader.number(4), reader.number(1), reader.number(1)
        reader.skip(9 if has_extension else 1)
        size = _leb128(reader) if has_size else len(reader.rest())
        if kind == _SEQUENCE_HEADER:
            yield _most_pixels(_Reader(reader.rest()[:size]))
        reader.skip(8 * size)
    raise AvifError("too many units")


def _leb128(reader: _Reader) -> int:
    value = 0
    for index in range(8):
        byte = reader.number(8)
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value
    raise AvifError("an endless number")


def _most_pixels(reader: _Reader) -> int:
    """Return the most pixels that a frame can have after a sequence header."""
    reader.skip(4)  # profile, still picture
    is_reduced = reader.number(1)
    if is_reduced:
        reader.skip(5)  # level
    else:
        _skip_timing(reader)
    sizes = [reader.number(4) + 1 for _ in range(2)]
    width, height = (reader.number(size) + 1 for size in sizes)
    # Without a reduced header, a frame may state a size of its own in as many bits.
    return width * height if is_reduced else 1 << sum(sizes)


def _skip_timing(reader: _Reader) -> None:
    """Skip the timing and the operating points in a sequence header."""
    delay_size = 0
    if reader.number(1):  # timing
        reader.skip(64)
        if reader.number(1):  # equal intervals
            zeros = next((n for n in range(32) if reader.number(1)), 32)
            reader.skip(zeros if zeros < 32 else 0)
        if reader.number(1):  # decoder model
            delay_size = reader.number(5) + 1
            reader.skip(42)
    has_display_delay = reader.number(1)
    for _ in range(reader.number(5) + 1):
        reader.skip(12)
        if reader.number(5) > 7:  # level
            reader.skip(1)
        if delay_size and reader.number(1):
            reader.skip(2 * delay_size + 1)
        if has_display_delay and reader.number(1):
            reader.skip(4)
