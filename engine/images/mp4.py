"""MP4 files (H.264, 8 bits, 4:2:0) that browsers and chat programs play, written frame by frame.

PyAV encodes. A frame is encoded as soon as it is there, so a film of any length takes the memory
of a few frames. The same frames give the same bytes: the encoder's threads do not change them.
The sound of a film is that of a stored clip (`engine.images.clip`), whose packets are copied.
"""

import io
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict

import av
import av.error
from PIL import Image

from engine.errors import PictureError
from engine.files import Name
from engine.images.sound import SoundCopy, sound_bytes

_OPTIONS = {"crf": "18", "preset": "medium"}
_BT709 = 1
"""Number of the color standard for matrix, primaries and transfer alike (ITU-T H.273)."""
_LIMITED_RANGE = 1
_FLAGS = "+faststart+use_metadata_tags"
"""With the index in front of the pictures (faststart), a clip plays before it has fully loaded. The
other flag keeps texts under names that are not Apple's."""
_ATTEMPTS = 8
"""Maximum number of times that a film is encoded to make it small enough."""
_FIRST_SHARE = 0.9
"""Share of what is possible that an attempt aims at, because no encoder meets its rate exactly."""
_LOWEST_RATE = 2000
_LOWEST_BITS = 0.05
"""Bits a second, and bits of each pixel, below which smaller pictures look better."""
_SMALLER, _SMALLEST_SIDE = 0.75, 96
"""Factor by which the sides of a film shrink that has too few bits, and where that ends."""

_BEGINNING = Fraction(0)


class _Heard(TypedDict):
    """The sound of a film, as `Mp4Writer` takes it."""

    sound: bytes | None
    sound_start: Fraction


class Mp4Writer:
    """Writes the frames of one film to `path`, of `size` (width, height), `rate` frames a second.

    Odd sides grow by a pixel. `texts` are stored in the file. Without `bit_rate`, in bits a second,
    the quality is constant. `sound` is a stored clip with the sound of the film, from `sound_start`
    on, in seconds; it ends with the last frame.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        rate: Fraction | int,
        *,
        texts: Mapping[str, str] | None = None,
        bit_rate: int | None = None,
        sound: bytes | None = None,
        sound_start: Fraction = _BEGINNING,
    ) -> None:
        self._sound_start = sound_start
        self._rate, self._count = rate, 0
        self._size = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        self._file = av.open(str(path), "w", format="mp4", options={"movflags": _FLAGS})
        self._file.metadata.update(texts or {})
        stream = self._stream = self._file.add_stream("libx264", rate=rate)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.options = dict(_OPTIONS)
        codec = stream.codec_context
        if bit_rate is not None:
            # A buffer of one second: the rate holds on average, whatever the pictures show.
            kilobits = f"{max(1, bit_rate // 1000)}k"
            stream.options = {"preset": "medium", "maxrate": kilobits, "bufsize": kilobits}
            stream.bit_rate = bit_rate
        codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
        codec.color_range = _LIMITED_RANGE
        self._sound = None if sound is None else SoundCopy(self._file, sound)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._file.mux(self._stream.encode())
                if self._sound is not None:
                    end = self._sound_start + Fraction(self._count) / self._rate
                    self._sound.write(self._sound_start, end)
        finally:
            self._file.close()

    def add(self, picture: Image.Image) -> None:
        """Add a frame; another size is scaled to that of the film."""
        self._count += 1
        if picture.size != self._size:
            picture = picture.resize(self._size, Image.Resampling.LANCZOS)
        frame = av.VideoFrame.from_image(picture.convert("RGB"))
        self._file.mux(self._stream.encode(frame.reformat(format="yuv420p", dst_colorspace=_BT709)))


def write_within(
    limit: int,
    frames: Callable[[], Iterable[Image.Image]],
    path: Path,
    *,
    count: int,
    size: tuple[int, int],
    rate: int,
    texts: Mapping[str, str],
    sound: bytes | None = None,
    sound_start: Fraction = _BEGINNING,
    smallest: int | None = None,
) -> tuple[int, int] | None:
    """Write a film of at most `limit` bytes: sharp if it can be, else with fewer bits, or smaller.

    Each attempt is measured, and the next one aims at what the last one shows to be possible.

    Args:
        limit: Maximum size of the file in bytes.
        frames: Returns the frames anew for each attempt.
        path: File to write.
        count: Number of frames.
        size: Width and height that the film should have.
        rate: Frames a second.
        texts: Texts to store in the file.
        sound: A stored clip with the sound of the film, which keeps its quality; None for none.
        sound_start: Where in the sound the film begins, in seconds.
        smallest: Shorter side in pixels of the smallest film that is good enough; None to make as
            small a one as possible.

    Returns:
        Width and height of the film; None if it is too large with every attempt, or good enough
        with none.
    """
    bit_rate: int | None = None
    end = sound_start + Fraction(count, rate)
    spare = 0 if sound is None else sound_bytes(sound, sound_start, end)
    shortest = _SMALLEST_SIDE if smallest is None else smallest
    heard: _Heard = {"sound": sound, "sound_start": sound_start}
    for _ in range(_ATTEMPTS):
        with Mp4Writer(path, size, rate, texts=texts, bit_rate=bit_rate, **heard) as film:
            for each in frames():
                film.add(each)
        length = path.stat().st_size
        if length <= limit:
            return size
        if bit_rate is None:
            bit_rate = round(8 * rate * max(0, limit - spare) / count)
            factor = _FIRST_SHARE
        else:
            factor = _FIRST_SHARE * min(1, limit / length)
        bit_rate = max(_LOWEST_RATE, round(bit_rate * factor))
        while bit_rate < _LOWEST_BITS * size[0] * size[1] * rate:
            if min(size) <= shortest:
                if smallest is not None:
                    return None
                break
            factor = max(_SMALLER, shortest / min(size))
            size = (round(size[0] * factor), round(size[1] * factor))
    return None


def is_mp4(content: bytes) -> bool:
    """Return True if a file begins like an MP4 (ISO/IEC 14496-12)."""
    return content[4:8] == b"ftyp"


def read_texts(content: bytes, *, name: Name) -> dict[str, str]:
    """Return the texts of an MP4 by their names; no picture in it is decoded.

    Raises:
        PictureError: The file is damaged.
    """
    try:
        # Only this format, so that no other reader sees the file.
        with av.open(io.BytesIO(content), format="mp4") as container:
            return dict(container.metadata)
    except (av.error.FFmpegError, ValueError) as error:
        raise PictureError("Cannot read {name}: the file is damaged.", name=name) from error
