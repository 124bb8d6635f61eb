"""When the frames of a video are shown, if its file says so, and if it does not."""

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

_INSTANT = 1e-6
_RATES = 1, 300
"""Frames a second that are believed of a stream; others are taken for `_USUAL_RATE`."""
_USUAL_RATE = 25

_LONGEST = 60.0
"""Seconds that are believed of a frame's duration."""


class Clock:
    """Tells the times of frames, as they are decoded.

    A format may give each frame its time, or only the order in which frames are decoded: then the
    times at which they are shown go back and forth. As in FFmpeg, the kind of time counts that has
    gone back less often.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._step = 1 / _rate(stream)
        self._first: float | None = None
        self._now = -1.0
        self._last: list[int | None] = [None, None]
        self._faults = [0, 0]

    def time_of(self, frame: VideoFrame) -> float:
        """Return the seconds from the first frame to the next one."""
        stamps = [frame.pts, frame.dts]
        for kind, (stamp, last) in enumerate(zip(stamps, self._last, strict=True)):
            if stamp is not None and last is not None:
                self._faults[kind] += stamp <= last
            self._last[kind] = last if stamp is None else stamp
        stamp = stamps[self._faults[0] > self._faults[1]]
        if self._first is None:
            self._now = 0.0
            self._first = 0.0 if stamp is None else _seconds(stamp, frame)
        elif stamp is None:
            self._now += self._step
        else:
            self._now = max(_seconds(stamp, frame) - self._first, self._now + _INSTANT)
        return self._now

    def length_of(self, frame: VideoFrame) -> float:
        """Return the seconds that a frame is shown, as far as it says so."""
        stated = _seconds(frame.duration or 0, frame)
        return stated if 0 < stated < _LONGEST else self._step


def _seconds(stamp: int, frame: VideoFrame) -> float:
    return float(stamp * (frame.time_base or 0))


def _rate(stream: VideoStream) -> float:
    rates = (stream.average_rate, stream.guessed_rate, stream.base_rate)
    for each in rates:
        if each is not None and _RATES[0] <= each <= _RATES[1]:
            return float(each)
    return _USUAL_RATE
