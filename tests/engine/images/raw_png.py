"""PNG files put together chunk by chunk, for those that no encoder would write."""

import struct
import zlib

from engine.images.png import SIGNATURE


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int, height: int, *, depth: int = 8, colour: int = 2) -> bytes:
    """Colour types: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def png_file(first: bytes, rows: list[bytes], *extra: bytes) -> bytes:
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return SIGNATURE + first + b"".join(extra) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
