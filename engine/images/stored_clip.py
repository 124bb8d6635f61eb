"""Clips as recipes hold them: every machine reads the same pictures in them.

A stored clip is an MP4. Its frames have a constant rate and are H.264 in RGB, so that decoding them
involves no conversion of colors and no choice; its sound is AAC. A recipe can come from anywhere,
so a stored clip is read within the limits of `video_file` too.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

import av
from av.container import InputContainer
from av.video.stream import VideoStream
from PIL import Image

from engine.errors import PictureError
from engine.files import MEBIBYTE, Name
from engine.images.sound import RATE, Samples, add_sound, encode_sound
from engine.images.video_file import (
    STORED_FORMATS,
    THE_CLIP,
    WorkLimit,
    open_video,
    packets_of,
    timed_frames,
    video_stream,
)

MAX_SECONDS = 10.0
"""Maximum length of a clip."""
MAX_RATE = 60
"""Maximum number of frames a second of a stored clip."""
MAX_FRAMES = round(MAX_SECONDS * MAX_RATE)
MAX_STORED_BYTES = 10 * MEBIBYTE
"""Maximum size of a stored clip, so that it fits into a recipe."""
QUALITIES = (10, 18, 26, 34, 42)
"""Constant rate factors of H.264, from hardly visible losses on; the first that fits is used."""
_ENCODER = "libx264rgb"
_CODECS = (["h264"], ["aac", "h264"])
"""The codecs of all streams of a stored clip, in the order of their names."""
_PIXELS = "gbrp"
"""Pixel format of stored frames: green, blue and red, each in a plane."""


@dataclass(frozen=True)
class StoredClip:
    """What a stored clip says of itself."""

    size: tuple[int, int]
    """Width and height of its frames."""
    frames: int
    """Number of its frames."""
    rate: int
    """Frames a second."""
    has_sound: bool

    @property
    def seconds(self) -> float:
        """Length of the clip in seconds."""
        return self.frames / self.rate


def clip_frames(stored: bytes, *, name: Name = THE_CLIP) -> Iterator[Image.Image]:
    """Yield the frames of a stored clip in RGB, at most 600.

    Raises:
        PictureError: It is no clip as `read_clip` stores them.
    """
    with open_video(stored, name, STORED_FORMATS) as container:
        stream, work = _stored_stream(container, name), WorkLimit()
        for count, (_, _, frame) in enumerate(timed_frames(container, stream, name, work)):
            if count >= MAX_FRAMES or frame.format.name != _PIXELS:
                raise _foreign(name)
            # to_ndarray only puts the three planes into one array
            picture = Image.fromarray(frame.to_ndarray())
            with work.paused():
                yield picture


def clip_info(stored: bytes, *, name: Name = THE_CLIP) -> StoredClip:
    """Return what a stored clip says of itself; no frame is decoded.

    Raises:
        PictureError: It is no clip as `read_clip` stores them.
    """
    with open_video(stored, name, STORED_FORMATS) as container:
        stream = _stored_stream(container, name)
        rate = stream.average_rate
        if rate is None or rate.denominator != 1 or not 1 <= rate <= MAX_RATE:
            raise _foreign(name)
        count = sum(packet.size > 0 for packet in packets_of(container, stream, name))
        if not 1 <= count <= MAX_SECONDS * rate:
            raise _foreign(name)
        has_sound = bool(container.streams.audio)
        return StoredClip((stream.width, stream.height), count, int(rate), has_sound)


def write_clip(
    pictures: Iterable[Image.Image], rate: int, quality: int, samples: Samples | None
) -> tuple[bytes, int]:
    """Return a stored clip of pictures of one size, and the number of them.

    Args:
        pictures: Its frames in RGB, at least one.
        rate: Frames a second.
        quality: Constant rate factor of H.264.
        samples: Its sound (2, n), which is cut at the end of the frames; None for none.
    """
    buffer, count = io.BytesIO(), 0
    with av.open(buffer, "w", format="mp4") as file:
        options = {"crf": str(quality), "preset": "faster"}
        stream = cast(VideoStream, file.add_stream(_ENCODER, rate=rate, options=options))
        # With more threads, the same frames could give other bytes elsewhere.
        stream.codec_context.thread_count = 1
        sound = None if samples is None else add_sound(file)
        for picture in pictures:
            if count == 0:
                stream.width, stream.height, stream.pix_fmt = *picture.size, "rgb24"
            file.mux(stream.encode(av.VideoFrame.from_image(picture)))
            count += 1
        file.mux(stream.encode())
        if sound is not None and samples is not None:
            encode_sound(file, sound, samples[:, : count * RATE // rate])
    return buffer.getvalue(), count


def _stored_stream(container: InputContainer, name: Name) -> VideoStream:
    """Return the stream of frames of a stored clip; raise `PictureError` if it is none."""
    stream = video_stream(container, name)
    # A stream of an unknown codec has no context.
    codecs = [each.codec_context and each.codec_context.name for each in container.streams]
    if stream.codec_context.name != "h264" or sorted(map(str, codecs)) not in _CODECS:
        raise _foreign(name)
    return stream


def _foreign(name: Name) -> PictureError:
    return PictureError(
        "Cannot read {name}: the clip in the recipe is not one that this program stored.", name=name
    )


def within_recipe(video: bytes, rate: int, samples: Samples | None, name: Name) -> bytes:
    """Return a stored clip with as much less quality as makes it fit into a recipe."""
    smaller = video
    for quality in QUALITIES[1:]:
        if len(smaller) <= MAX_STORED_BYTES:
            return smaller
        smaller, _ = write_clip(clip_frames(video), rate, quality, samples)
    if len(smaller) <= MAX_STORED_BYTES:
        return smaller
    raise PictureError(
        "Cannot read {name}: it shows too much for a recipe; attach a shorter one.", name=name
    )
