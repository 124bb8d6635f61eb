"""Read short videos from people's files, as clips that recipes can hold (`stored_clip`).

Files of any common format, size, rate and color are read, within the limits of `video_file`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from math import floor

from av.container import InputContainer
from av.video.frame import VideoFrame
from PIL import Image

from engine.errors import PictureError
from engine.files import Name
from engine.images.sound import Sound, read_sound
from engine.images.stored_clip import MAX_SECONDS, QUALITIES, StoredClip, within_recipe, write_clip
from engine.images.video_file import THE_CLIP, no_video, open_video, timed_frames, video_stream
from engine.images.video_frames import FrameReader
from engine.text import Text

MIN_SIDE = 16
"""Minimum side of a video in pixels."""
MAX_ASPECT = 6.0
"""Maximum ratio of the longer side of a video to its shorter side."""
SizeFor = Callable[[tuple[int, int]], tuple[int, int]]
"""Returns the size of a canvas for a video of some width and height."""


@dataclass(frozen=True)
class ReadClip:
    """A video that was read from a file."""

    video: bytes = field(repr=False)
    """The stored clip."""
    info: StoredClip
    notices: tuple[Text, ...] = ()
    """What the user should know about how the file was read."""


def read_clip(
    content: bytes,
    *,
    size_for: SizeFor,
    rate: int,
    seconds: float = MAX_SECONDS,
    name: Name = THE_CLIP,
) -> ReadClip:
    """Read a video from the bytes of a file, or its beginning.

    Args:
        content: A file of any common format; messages call it `name`.
        size_for: Returns the size of the stored frames for that of the video as people see it.
            Frames are scaled to cover it, and cropped.
        rate: Frames a second of the stored clip, whatever the rate of the file is, up to 60.
        seconds: Length of the beginning that is read, up to 10.

    Raises:
        PictureError: The file is no video, damaged, too large, too long a strip, or has fewer than
            two different moments.
    """
    with open_video(content, name) as container:
        source = _Source(container, size_for, rate, seconds, name)
        pictures = source.pictures()
        first = next(pictures, None)
        if first is None:
            raise no_video(name)
        sound = _read_sound(content, source.start, seconds, name)
        video, count = write_clip(chain((first,), pictures), rate, QUALITIES[0], sound.samples)
    if source.moments < 2:
        raise PictureError(
            "Cannot read {name}: it shows only one moment; attach a longer video, or edit it as a "
            "picture.",
            name=name,
        )
    video = within_recipe(video, rate, sound.samples, name)
    notices = _notices(name, seconds if source.is_cut else None, is_silenced=sound.is_damaged)
    return ReadClip(video, StoredClip(first.size, count, rate, sound.samples is not None), notices)


class _Source:
    """A video that somebody sent, as pictures at a constant rate.

    Attributes:
        start: Time of the first frame in the file, in seconds.
        moments: Number of frames of the file that are shown.
        is_cut: Whether the video goes on after the end of the clip.
    """

    def __init__(
        self,
        container: InputContainer,
        size_for: SizeFor,
        rate: int,
        seconds: float,
        name: Name,
    ) -> None:
        self._stream = video_stream(container, name)
        self._frames = timed_frames(container, self._stream, name)
        self._size_for = size_for
        self._rate = rate
        self._seconds = seconds
        self._name = name
        self.start = 0.0
        self.moments = 0
        self.is_cut = False

    def pictures(self) -> Iterator[Image.Image]:
        """Yield the pictures of the clip, all of one size."""
        reader = FrameReader(self._stream)
        size: tuple[int, int] | None = None
        last, picture = None, None
        for frame in self._shown():
            if size is None:
                size = self._size(reader.size(frame))
            if picture is None or frame is not last:
                last, picture = frame, reader.picture(frame, size)
                self.moments += 1
            yield picture

    def _shown(self) -> Iterator[VideoFrame]:
        """Yield the frame that is shown at each moment of the clip.

        A moment is the middle of a frame of the clip, because the times of a video with the same
        rate are often rounded, and may lie on either side of the frame's beginning.
        """
        moments = ((number + 0.5) / self._rate for number in range(self._count))
        moment = next(moments)
        shown, end = None, 0.0
        for begins, ends, frame in self._frames:
            if shown is None:
                self.start = frame.time or 0.0
            self.is_cut = begins >= self._seconds
            while shown is not None and moment < min(begins, self._seconds):
                yield shown
                moment = next(moments, self._seconds)
            shown, end = frame, ends
            if self.is_cut:
                return
        while shown is not None and moment < min(end, self._seconds):
            yield shown
            moment = next(moments, self._seconds)

    @property
    def _count(self) -> int:
        return max(1, floor(self._seconds * self._rate))

    def _size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size of the clip's frames for a video of `size`."""
        low, high = sorted(size)
        if low < MIN_SIDE or high > MAX_ASPECT * low:
            raise PictureError(
                "Cannot read {name}: its frames have {width} x {height} pixels; each side needs "
                "{least}, and one may be at most {most} times the other.",
                name=self._name,
                width=size[0],
                height=size[1],
                least=MIN_SIDE,
                most=f"{MAX_ASPECT:g}",
            )
        return self._size_for(size)


def _notices(name: Name, cut_at: float | None, *, is_silenced: bool) -> tuple[Text, ...]:
    notices: list[Text] = []
    if cut_at is not None:
        notices.append(
            Text(
                "{name} is longer than {seconds} seconds, so only its beginning is used",
                name=name,
                seconds=f"{cut_at:g}",
            )
        )
    if is_silenced:
        notices.append(Text("the sound of {name} cannot be read, so there is none", name=name))
    return tuple(notices)


def _read_sound(content: bytes, start: float, seconds: float, name: Name) -> Sound:
    # The file is opened again, because its sound may begin after all of its pictures.
    with open_video(content, name) as container:
        return read_sound(container, start, seconds, name)
