"""The sound of videos: read from files that nobody vouches for, and kept as AAC beside pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from numpy.typing import NDArray

from engine.errors import PictureError
from engine.files import Name
from engine.images.video_file import (
    STORED_FORMATS,
    THE_CLIP,
    limit_decoder,
    open_video,
    packets_of,
)

RATE = 48_000
"""Samples a second."""
_BITS = 128_000
"""Bits a second of the AAC."""
_MAX_CHANNELS = 16
_LEAST_RATE = 4000
"""Samples a second below which sound is not read: at `RATE`, a few would become gigabytes."""
_JUMP = RATE // 20
"""Number of samples by which a part may be out of place before it is moved there."""
_FRAME = 1024
"""Number of samples in a frame of AAC."""
Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """Sound of a video, or why there is none."""

    samples: Samples | None
    """Left and right channel, (2, n), from the first frame of the pictures on."""
    is_damaged: bool = False
    """True if there is sound that cannot be read."""


def read_sound(container: InputContainer, start: float, seconds: float, name: Name) -> Sound:
    """Read the sound of an opened video from `start` on, of at most `seconds`.

    `start` is the time of the first picture. A file without sound has none, and sound that cannot
    be decoded is left out: the pictures count.
    """
    streams = container.streams.audio
    if not streams or streams[0].codec_context is None:  # pyright: ignore[reportUnnecessaryComparison]
        return Sound(None, bool(streams))
    stream = streams[0]
    limit_decoder(stream)
    samples = np.zeros((2, round(seconds * RATE)), np.float32)
    try:
        end = _fill(samples, _parts(container, stream, name), start)
    except (PictureError, av.error.FFmpegError, ValueError):
        return Sound(None, is_damaged=True)
    return Sound(None, is_damaged=True) if end == 0 else Sound(samples[:, :end])


def add_sound(container: OutputContainer) -> AudioStream:
    """Add a stream of AAC to a file that is written; before its first frame."""
    stream = container.add_stream("aac", rate=RATE)
    stream.codec_context.layout = "stereo"
    stream.bit_rate = _BITS
    return stream


def encode_sound(container: OutputContainer, stream: AudioStream, samples: Samples) -> None:
    """Write samples (2, n) to a file."""
    for start in range(0, samples.shape[1], _FRAME):
        part = np.ascontiguousarray(samples[:, start : start + _FRAME])
        frame = AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


class SoundCopy:
    """Copies the sound of a stored clip into a film, packet by packet."""

    def __init__(self, film: OutputContainer, stored: bytes) -> None:
        """Add a stream for the sound of a clip, if it has any; before the film's first frame."""
        self._film, self._stored = film, stored
        with open_video(stored, THE_CLIP, STORED_FORMATS) as container:
            streams = container.streams.audio
            self._stream = film.add_stream_from_template(streams[0]) if streams else None

    def write(self, start: Fraction, end: Fraction) -> None:
        """Write the sound from `start` on, in seconds, up to the end of the film."""
        if self._stream is None:
            return
        with open_video(self._stored, THE_CLIP, STORED_FORMATS) as container:
            for packet in _packets_between(container, start, end):
                earlier = round(start / packet.time_base)
                assert packet.pts is not None
                packet.pts -= earlier
                if packet.dts is not None:
                    packet.dts -= earlier
                packet.stream = self._stream
                self._film.mux(packet)


def sound_bytes(stored: bytes, start: Fraction, end: Fraction) -> int:
    """Return how many bytes the sound of a stored clip takes between two times in seconds."""
    with open_video(stored, THE_CLIP, STORED_FORMATS) as container:
        return sum(packet.size for packet in _packets_between(container, start, end))


def _packets_between(
    container: InputContainer, start: Fraction, end: Fraction
) -> Iterator[av.Packet]:
    if not container.streams.audio:
        return
    stream = container.streams.audio[0]
    for packet in packets_of(container, stream, THE_CLIP):
        if not packet.size or packet.pts is None:
            continue
        time = packet.pts * packet.time_base
        if (start == 0 or start <= time) and time < end:  # the first packet comes before 0
            yield packet


def _parts(
    container: InputContainer, stream: AudioStream, name: Name
) -> Iterator[tuple[float | None, Samples]]:
    """Yield parts of the sound as stereo, and their times in seconds if they are stated."""
    resampler = AudioResampler("fltp", "stereo", RATE)
    time = None
    for packet in packets_of(container, stream, name):
        for frame in stream.decode(packet):
            if frame.layout.nb_channels > _MAX_CHANNELS or frame.sample_rate < _LEAST_RATE:
                raise ValueError("too many channels, or too few samples a second")
            time = frame.time
            for part in resampler.resample(frame):
                yield time, part.to_ndarray().astype(np.float32, copy=False)
                time = None  # what follows in one part follows at once
    for part in resampler.resample(None):
        yield None, part.to_ndarray().astype(np.float32, copy=False)


def _fill(samples: Samples, parts: Iterator[tuple[float | None, Samples]], start: float) -> int:
    """Write parts to their places; return the number of samples up to the end of the last one."""
    place = end = 0
    total = samples.shape[1]
    for time, part in parts:
        if time is not None:
            stated = round((time - start) * RATE)
            if abs(stated - place) > _JUMP:
                place = stated
        if place >= total:
            break
        first, last = max(0, place), min(total, place + part.shape[1])
        if first < last:
            samples[:, first:last] = part[:, first - place : last - place]
            end = max(end, last)
        place += part.shape[1]
    return end
