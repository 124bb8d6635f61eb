"""Write PNG files with text inside (recipe, description), and read that text.

Follows the PNG specification (W3C, third edition): a signature, then chunks of length, type,
data and CRC. Text is written as iTXt, the only kind in UTF-8; tEXt and zTXt are also read.
`image_io` decodes the pixels of untrusted files.
"""

import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from struct import pack, unpack_from

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from engine.errors import PictureError
from engine.files import MEBIBYTE, THE_PICTURE, Name, atomic_write, quoted, read_bounded

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_FILE_BYTES = 64 * MEBIBYTE
MAX_TEXT_BYTES = 16 * MEBIBYTE
"""Maximum size of a chunk's text after decompression. A recipe takes a few kilobytes, or a few
megabytes if it contains a picture."""
MAX_TEXT_TOTAL = 2 * MAX_TEXT_BYTES
"""Maximum size of all texts in a file: a compressed text can expand a thousandfold."""
MAX_CHUNKS = 100_000
"""Maximum number of chunks; encoders write chunks of 8 KiB or more, so thousands are usual."""

_COMPRESSION_LEVEL = 6


def save_png(
    picture: Image.Image, path: Path, *, text: Mapping[str, str], force: bool = False
) -> None:
    """Write an RGB picture with text chunks; the same picture and text give the same bytes.

    The file appears complete or not at all. `text` holds texts of at most 16 MiB by keyword (1 to
    79 Latin-1 characters). `force` replaces an existing file.

    Raises:
        PictureError: A text is too long, or the file exists without `force` or cannot be written.
    """
    plain = Image.new("RGB", picture.size)
    plain.paste(picture.convert("RGB"))
    chunks = _text_chunks(text)
    with atomic_write(path, force=force) as part:
        plain.save(part, format="PNG", pnginfo=chunks, compress_level=_COMPRESSION_LEVEL)


def read_text(
    source: Path | bytes, *, keywords: Collection[str] | None = None, name: Name = THE_PICTURE
) -> dict[str, str]:
    """Return the text chunks of a PNG file by keyword, without decoding its pixels.

    `source` is the path of a file, or its bytes, which messages call `name`. Texts of other
    keywords than `keywords` are neither decompressed nor decoded; None stands for all keywords.

    Raises:
        PictureError: The file cannot be read, is not a PNG, is damaged, or contains one of these
            texts with more than 16 MiB, or more than 32 MiB of them in all.
    """
    if isinstance(source, bytes):
        content = source
    else:
        content, name = read_bounded(source, limit=MAX_FILE_BYTES), quoted(source)
    if not content.startswith(SIGNATURE):
        raise PictureError(
            "Cannot read {name}: it is not a PNG file, only those contain a recipe.", name=name
        )
    texts, total = {}, 0
    for kind, data in read_chunks(content, name=name):
        if kind not in _TEXT_READERS:
            continue
        encoded, _, rest = data.partition(b"\0")
        keyword = encoded.decode("latin-1")
        if keywords is not None and keyword not in keywords:
            continue
        text = texts[keyword] = _text(kind, rest, name=name)
        total += len(text)
        if total > MAX_TEXT_TOTAL:
            raise PictureError(
                "Cannot read {name}: it contains more than {limit} MiB of text.",
                name=name,
                limit=MAX_TEXT_TOTAL // MEBIBYTE,
            )
    return texts


def replace_text(content: bytes, text: Mapping[str, str]) -> bytes:
    """Return a PNG file with other text chunks and the same pixels, which are not decoded.

    Raises:
        PictureError: The file is damaged, or a text is longer than 16 MiB.
    """
    first, *others = (
        (kind, data)
        for kind, data in read_chunks(content, name=THE_PICTURE)
        if kind not in _TEXT_READERS
    )
    texts = [(kind, data) for kind, data, *_ in _text_chunks(text).chunks]
    chunks = (first, *texts, *others, (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def read_chunks(content: bytes, *, name: Name) -> Iterator[tuple[bytes, bytes]]:
    """Yield the type and data of each chunk of a PNG file up to its end chunk.

    Raises:
        PictureError: The file is cut off or damaged.
    """
    offset = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if offset + 12 > len(content):
            raise PictureError("Cannot read {name}: the file is cut off.", name=name)
        (length,) = unpack_from(">I", content, offset)
        end = offset + 12 + length
        if end > len(content):
            raise PictureError("Cannot read {name}: the file is cut off.", name=name)
        kind, data = content[offset + 4 : offset + 8], content[offset + 8 : end - 4]
        _check_sum(kind, data, unpack_from(">I", content, end - 4)[0], name=name)
        if kind == b"IEND":
            return
        yield kind, data
        offset = end
    raise PictureError(
        "Cannot read {name}: it has more than {most} parts.", name=name, most=MAX_CHUNKS
    )


def _check_sum(kind: bytes, data: bytes, expected: int, *, name: Name) -> None:
    if zlib.crc32(data, zlib.crc32(kind)) != expected:
        raise PictureError(
            "Cannot read {name}: the file is damaged, a checksum is wrong.", name=name
        )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _text_chunks(text: Mapping[str, str]) -> PngInfo:
    chunks = PngInfo()
    for keyword, value in text.items():
        # Python represents file names and arguments that are not UTF-8 by lone surrogates.
        encoded = value.encode("utf-8", "replace")
        if len(encoded) > MAX_TEXT_BYTES:
            raise PictureError(
                "Cannot write the text {keyword} into a picture: at most {most} MiB are allowed.",
                keyword=repr(keyword),
                most=MAX_TEXT_BYTES // MEBIBYTE,
            )
        chunks.add_itxt(keyword, encoded)
    return chunks


def _text(kind: bytes, rest: bytes, *, name: Name) -> str:
    try:
        return _TEXT_READERS[kind](rest)
    except (ValueError, IndexError, zlib.error) as error:
        raise PictureError(
            "Cannot read {name}: a text in it is damaged or longer than {most} MiB.",
            name=name,
            most=MAX_TEXT_BYTES // MEBIBYTE,
        ) from error


def _latin(rest: bytes) -> str:
    return _bounded(rest).decode("latin-1")


def _compressed_latin(rest: bytes) -> str:
    return _inflated(rest[1:]).decode("latin-1")


def _international(rest: bytes) -> str:
    is_compressed = rest[0]
    value = rest[2:].split(b"\0", 2)[2]
    return (_inflated(value) if is_compressed else _bounded(value)).decode("utf-8")


def _bounded(value: bytes) -> bytes:
    if len(value) > MAX_TEXT_BYTES:
        raise ValueError("text too long")
    return value


def _inflated(value: bytes) -> bytes:
    return _bounded(zlib.decompressobj().decompress(value, MAX_TEXT_BYTES + 1))


_TEXT_READERS = {b"tEXt": _latin, b"zTXt": _compressed_latin, b"iTXt": _international}
