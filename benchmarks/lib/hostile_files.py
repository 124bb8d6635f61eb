"""Small files that make careless readers take seconds, gigabytes or the whole interpreter."""

import struct
import zlib
from collections.abc import Mapping
from functools import partial
from io import BytesIO

from PIL import Image

from engine.images.png import SIGNATURE
from engine.presets import make_recipe
from engine.provenance import RECIPE_KEY

_SIDE = 8000
"""Width and height in pixels that most of the pictures claim."""
_LOSSLESS_SIDE = 16_383
"""The same for lossless WebP: its largest."""
_TEXT_BYTES = 16 * 2**20 - 64
_SCANS = 450
_START_OF_SCAN, _END = b"\xff\xda", b"\xff\xd9"


def hostile_files() -> Mapping[str, tuple[str, bytes]]:
    """Return a file name and the bytes of each kind of file, by what is wrong with it."""
    recipe = make_recipe("a red circle", seed=1).to_json()
    in_png = partial(_png_with_text, RECIPE_KEY)
    return {
        "recipe of lists": ("a.png", in_png(_repeated("[],"))),
        "recipe of keys": ("a.png", in_png("{" + _repeated('"a":1,') + '"b":1}')),
        "recipe of escapes": ("a.png", in_png('{"a":"' + _repeated("\\u4e00") + '"}')),
        "deep recipe": ("a.json", b"[" * 2_000_000),
        "recipe with a long number": ("a.json", b'{"seed":' + b"9" * 4_000_000 + b"}"),
        "recipe and rubbish": ("a.json", recipe.encode() + b"[]," * 1_000_000),
        "texts": ("a.png", _png_with_text("note", _repeated(" "), 200)),
        "WebP bomb": ("a.webp", _webp_bomb()),
        "PNG bomb": ("a.png", _png_bomb()),
        "JPEG of many scans": ("a.jpg", _jpeg_of_many_scans()),
        "GIF bomb": ("a.gif", _gif_bomb()),
        "TIFF of one strip": ("a.tif", _tiff_of_one_strip()),
    }


def _repeated(part: str) -> str:
    return part * (_TEXT_BYTES // len(part))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(header: bytes, *chunks: bytes) -> bytes:
    return SIGNATURE + _chunk(b"IHDR", header) + b"".join(chunks) + _chunk(b"IEND", b"")


def _png_with_text(keyword: str, text: str, times: int = 1) -> bytes:
    packed = _chunk(b"zTXt", keyword.encode() + b"\0\0" + zlib.compress(text.encode()))
    pixels = _chunk(b"IDAT", zlib.compress(bytes(64 * (64 * 3 + 1))))
    return _png(struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0), packed * times, pixels)


def _png_bomb() -> bytes:
    packer = zlib.compressobj(9)
    row = bytes(1 + 4 * _SIDE)
    pixels = b"".join(packer.compress(row) for _ in range(_SIDE)) + packer.flush()
    return _png(struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 6, 0, 0, 0), _chunk(b"IDAT", pixels))


def _webp_bomb() -> bytes:
    """Return a picture of one color, which takes no bits per pixel, with another size."""
    buffer = BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "WEBP", lossless=True)
    content = bytearray(buffer.getvalue())
    start = content.index(b"VP8L") + 9
    (bits,) = struct.unpack_from("<I", content, start)
    size = (_LOSSLESS_SIDE - 1) | (_LOSSLESS_SIDE - 1) << 14
    struct.pack_into("<I", content, start, bits & ~0xFFFFFFF | size)
    return bytes(content)


def _jpeg_of_many_scans() -> bytes:
    buffer = BytesIO()
    Image.new("L", (3900, 3900), 100).save(buffer, "JPEG", progressive=True)
    content = buffer.getvalue()
    last = content.rindex(_START_OF_SCAN)
    return content[:last] + content[last : -len(_END)] * _SCANS + _END


def _gif_bomb() -> bytes:
    buffer = BytesIO()
    Image.new("P", (_SIDE, _SIDE)).save(buffer, "GIF")
    return buffer.getvalue()


def _tiff_of_one_strip() -> bytes:
    """Return a picture whose rows are all the same bytes of the file."""
    rows, strips = 100, _SIDE // 100
    lists, pixels = 8 + 2 + 12 * 8 + 4, 8 + 2 + 12 * 8 + 4 + 8 * strips
    entries = (
        (256, 4, 1, _SIDE),
        (257, 4, 1, _SIDE),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, strips, lists),
        (278, 4, 1, rows),
        (279, 4, strips, lists + 4 * strips),
    )
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    offsets = struct.pack("<I", pixels) * strips + struct.pack("<I", rows * _SIDE) * strips
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4)
    return head + offsets + bytes(rows * _SIDE)
