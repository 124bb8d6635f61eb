"""Open video files that nobody vouches for, and decode them within limits.

Demuxers and decoders allocate and work by what a file claims, and some formats name other files or
addresses to read. So only formats and decoders from a list are used, nothing else can be opened,
and the numbers of streams, packets, frames and pixels are bounded before they are decoded.
"""

import io
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from engine.errors import PictureError
from engine.files import MEBIBYTE, Name, check_length
from engine.images.video_times import Clock
from engine.text import Text

MAX_FILE_BYTES = 64 * MEBIBYTE
MAX_PIXELS = 2**23 + 2**20
"""Maximum number of pixels of a frame, about 9.4 million (4096 x 2304)."""
MAX_SIDE = 8192
MAX_STREAMS = 32
MAX_PACKETS = 20_000
"""Maximum number of packets that are read in one pass, of all streams together."""
MAX_FRAMES = 3000
"""Maximum number of frames that are decoded: 10 seconds of 300 frames each."""
WORK_SECONDS = 60.0
"""Processor seconds of reading after which a file is given up."""
_GAP_FRAMES = 1000
"""Number of packets in a row that may decode to no frame."""
THE_CLIP = Text("the video")
"""What messages call a video whose path nobody knows."""
STORED_FORMATS = ("mov", "mp4")
"""Names of the format of stored clips."""
_FORMATS = (
    *(
        "mov",
        "mp4",
        "matroska",
        "webm",
        "avi",
        "mpegts",
        "mpeg",
        "flv",
        "ogg",
        "asf",
        "gif",
        "apng",
    ),
)
"""Names of the formats that are read. None of their demuxers opens a second file by itself."""
_VIDEO_CODECS = (
    *("h264", "hevc", "vp8", "vp9", "libvpx", "libvpx-vp9", "libdav1d", "libaom-av1", "av1"),
    *("mpeg4", "mpeg1video", "mpeg2video", "h263", "theora", "flv", "vp6", "vp6f", "mjpeg"),
    *("msmpeg4v1", "msmpeg4v2", "msmpeg4", "wmv1", "wmv2", "wmv3", "vc1", "prores", "dnxhd"),
    *("ffv1", "huffyuv", "ffvhuff", "utvideo", "qtrle", "png", "rawvideo", "gif", "apng"),
)
_SOUND_CODECS = (
    *("aac", "mp3", "mp3float", "mp2", "mp2float", "ac3", "eac3", "opus", "libopus", "vorbis"),
    *("libvorbis", "flac", "alac", "wmav1", "wmav2", "libopencore_amrnb", "amrnb", "amrwb"),
    *("pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_u8", "pcm_mulaw"),
    *("pcm_alaw", "adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "nellymoser", "speex"),
)
_LIMITS = {
    "codec_whitelist": ",".join((*_VIDEO_CODECS, *_SOUND_CODECS)),
    "max_pixels": str(MAX_PIXELS),
    "max_samples": str(2**20),
    "threads": "1",
}
"""Options of every decoder. One thread, because each further one keeps frames of its own."""


class WorkLimit:
    """Processor time that reading a file may take, which starts now.

    It is that of the thread that reads: a clip is also read frame by frame while a film is painted,
    which takes longer by far, and not always in the same thread.
    """

    def __init__(self) -> None:
        self._spent = -time.thread_time()

    @contextmanager
    def paused(self) -> Generator[None]:
        """Leave out what the block spends, on whichever thread it ends."""
        self._spent += time.thread_time()
        try:
            yield
        finally:
            self._spent -= time.thread_time()

    @property
    def is_reached(self) -> bool:
        """Whether reading took too long."""
        return self._spent + time.thread_time() > WORK_SECONDS


@contextmanager
def open_video(
    content: bytes, name: Name, formats: tuple[str, ...] = _FORMATS
) -> Generator[InputContainer]:
    """Open a file that messages call `name`, of one of some formats.

    Raises:
        PictureError: It is no video of a known format, damaged, or too costly. What the block
            raises because of the file becomes one too.
    """
    check_length(content, limit=MAX_FILE_BYTES, name=name)
    # PyAV reads beyond its memory if options are given for streams that a format finds later, so
    # these are for the container alone; `limit_decoder` sets those of the decoders.
    options = {
        "format_whitelist": ",".join(formats),
        "codec_whitelist": _LIMITS["codec_whitelist"],
        "protocol_whitelist": "none",
        "max_streams": str(MAX_STREAMS),
        "probesize": str(2 * MEBIBYTE),
    }
    try:
        with av.open(
            io.BytesIO(content),
            "r",
            container_options=options,
            io_open=_open_nothing,
            metadata_errors="replace",
        ) as container:
            yield container
    except MemoryError as error:
        raise PictureError(
            "Cannot read {name}: it takes too much memory, or has too many tracks; save it anew "
            "as an MP4 of 1280 x 720.",
            name=name,
        ) from error
    except (av.error.FFmpegError, ValueError, OverflowError) as error:
        raise no_video(name) from error


def no_video(name: Name) -> PictureError:
    """Return the error for a file in which no frame can be found."""
    return PictureError(
        "Cannot read {name}: it is no video, of a rare kind, or damaged; save it as an MP4 "
        "(H.264).",
        name=name,
    )


def video_stream(container: InputContainer, name: Name) -> VideoStream:
    """Return the stream of pictures of an opened file, ready to be decoded within the limits.

    Raises:
        PictureError: There is none, or its frames are too large.
    """
    streams = [each for each in container.streams.video if not _is_cover(each)]
    if not streams:
        raise PictureError(
            "Cannot read {name}: it has no moving pictures; attach a video.", name=name
        )
    stream = streams[0]
    if stream.codec_context is None:  # pyright: ignore[reportUnnecessaryComparison]
        raise no_video(name)
    check_size(stream.width, stream.height, name)
    limit_decoder(stream)
    return stream


def limit_decoder(stream: Any) -> None:
    """Set the limits of a stream's decoder, before it decodes anything."""
    stream.codec_context.options = dict(_LIMITS)
    stream.codec_context.thread_count = 1


def check_size(width: int, height: int, name: Name) -> None:
    """Raise `PictureError` if a frame is too large to be decoded."""
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise PictureError(
            "Cannot read {name}: its frames have {width} x {height} pixels, at most 4096 x 2304 "
            "are allowed; save it smaller, such as 1280 x 720.",
            name=name,
            width=width,
            height=height,
        )


def timed_frames(
    container: InputContainer, stream: VideoStream, name: Name, work: WorkLimit | None = None
) -> Iterator[tuple[float, float, VideoFrame]]:
    """Yield the time of each frame, when it ends if no other follows, and the frame.

    Times are seconds from the first frame on, and always grow: where the file says nothing, a frame
    follows the one before at the stream's rate, and where it says nonsense, at once.
    The `work` of reading includes what is done with the frames, unless whoever does it pauses.

    Raises:
        PictureError: There are too many frames or packets, or they take too long.
    """
    clock = Clock(stream)
    for count, frame in enumerate(_decoded(container, stream, name, work)):
        if count >= MAX_FRAMES:
            raise PictureError(
                "Cannot read {name}: it has too many frames a second; save it with 60 at most.",
                name=name,
            )
        seconds = clock.time_of(frame)
        yield seconds, seconds + clock.length_of(frame), frame


def packets_of(
    container: InputContainer, stream: Any, name: Name, work: WorkLimit | None = None
) -> Iterator[av.Packet]:
    """Yield the packets of a stream, the empty one at the end included.

    Raises:
        PictureError: There are too many in the file, or reading them takes too long.
    """
    work = work or WorkLimit()
    for count, packet in enumerate(container.demux()):
        if count > MAX_PACKETS or work.is_reached:
            raise PictureError(
                "Cannot read {name}: it takes too long to read; save it shorter and smaller, such "
                "as 10 seconds of 1280 x 720.",
                name=name,
            )
        if packet.stream.index == stream.index:
            yield packet


def _decoded(
    container: InputContainer, stream: VideoStream, name: Name, work: WorkLimit | None
) -> Iterator[VideoFrame]:
    """Yield the frames of a stream; what cannot be decoded between them is left out."""
    failed = 0
    for packet in packets_of(container, stream, name, work):
        try:
            frames = stream.decode(packet)
        except MemoryError:
            raise
        except (av.error.FFmpegError, ValueError):
            frames = []
        failed = 0 if frames else failed + 1
        if failed > _GAP_FRAMES:
            raise no_video(name)
        for frame in frames:
            check_size(frame.width, frame.height, name)
            yield frame


def _is_cover(stream: VideoStream) -> bool:
    """Return True if a stream is one picture, such as the cover of a song."""
    return bool(stream.disposition & type(stream.disposition).attached_pic)


def _open_nothing(*_: Any) -> Any:
    raise PermissionError("a video file may not open another file")
