"""Video files for the tests, made by PyAV."""

import io
import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from numpy.typing import NDArray

RED, GREEN, BLUE, GRAY = (220, 30, 40), (30, 200, 60), (40, 60, 210), (128, 128, 128)
SIZE = (96, 64)
Color = tuple[int, int, int]


def plain(color: Sequence[int], size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Return a frame of one color."""
    return np.full((size[1], size[0], len(color)), color, np.uint8)


def halves(left: Color, right: Color, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Return a frame of two colors."""
    frame = plain(left, size)
    frame[:, size[0] // 2 :] = right
    return frame


def video(
    frames: Iterable[NDArray[np.uint8] | NDArray[np.uint16]],
    *,
    form: str = "mp4",
    codec: str = "libx264",
    pixels: str = "yuv420p",
    rate: int = 24,
    times: Sequence[int] | None = None,
    sound: float | None = None,
    aspect: Fraction | None = None,
    colors: dict[str, int] | None = None,
    options: dict[str, str] | None = None,
    matrix: int = 5,
    is_full: bool = False,
) -> bytes:
    """Return a video file.

    `times` are those of the frames in milliseconds, instead of a constant `rate`; `sound` is the
    length in seconds of a tone beside them; `colors` are attributes of the encoder, and `matrix`
    and `is_full` say how the frames really are (ITU-T H.273). Frames of 16 bits are RGB.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as file:
        stream: Any = file.add_stream(codec, rate=rate, options=options or {})
        stream.pix_fmt = pixels
        if times is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for name, value in (colors or {}).items():
            setattr(stream.codec_context, name, value)
        tone = None if sound is None else file.add_stream("aac", rate=44_100)
        for number, frame in enumerate(frames):
            if number == 0:
                stream.height, stream.width = frame.shape[:2]
            kind = "rgba" if frame.shape[2] == 4 else "rgb24"
            kind = "rgb48le" if frame.dtype == np.uint16 else kind
            made = av.VideoFrame.from_ndarray(cast(Any, np.ascontiguousarray(frame)), kind)
            if times is not None:
                made.pts, made.time_base = times[number], Fraction(1, 1000)
            file.mux(stream.encode(_converted(made, pixels, matrix, is_full=is_full)))
        file.mux(stream.encode())
        if tone is not None and sound is not None:
            write_tone(file, tone, sound)
    return buffer.getvalue()


def _converted(frame: Any, pixels: str, matrix: int, *, is_full: bool) -> Any:
    if not pixels.startswith("yuv"):
        return frame.reformat(format=pixels)
    return frame.reformat(
        format=pixels,
        src_colorspace=1 if matrix != 1 else 5,  # RGB has none, but equal ones would be ignored
        dst_colorspace=matrix,
        src_color_range=2,
        dst_color_range=2 if is_full else 1,
    )


def write_tone(file: Any, stream: Any, seconds: float) -> None:
    """Write a tone of 440 Hz to a file."""
    waves = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(44_100 * seconds)) / 44_100)
    samples = np.repeat(waves[None].astype(np.float32), 2, 0)
    for start in range(0, samples.shape[1], 1024):
        part = np.ascontiguousarray(samples[:, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(part, "fltp", "stereo")
        frame.sample_rate, frame.pts = 44_100, start
        file.mux(stream.encode(frame))
    file.mux(stream.encode(None))


def with_matrix(content: bytes, a: int, b: int, c: int, d: int) -> bytes:
    """Return an MP4 whose first track has a display matrix (ISO/IEC 14496-12, 8.3.2)."""
    start = content.index(b"tkhd") + 44
    matrix = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    return content[:start] + matrix + content[start + len(matrix) :]


def sound_of(content: bytes) -> NDArray[np.float32]:
    """Return the left channel of the sound of a file; empty if there is none."""
    with av.open(io.BytesIO(content), "r") as file:
        parts = [frame.to_ndarray() for frame in file.decode(audio=0)] if file.streams.audio else []
    return np.concatenate(parts, 1)[0].astype(np.float32) if parts else np.zeros(0, np.float32)
