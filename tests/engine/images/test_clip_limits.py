"""Videos that are damaged, hostile or no videos end with a sentence, soon and in little memory."""

import io
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from engine.errors import PictureError
from engine.images import video_file
from engine.images.clip import read_clip
from engine.images.stored_clip import clip_frames, clip_info
from tests.engine.images.videos import GRAY, RED, plain, video, write_tone

TINY = (16, 16)


def read(content: bytes) -> bytes:
    return read_clip(content, size_for=lambda _: (48, 32), rate=24).video


def refusal(content: bytes) -> str:
    with pytest.raises(PictureError) as error:
        read(content)
    return str(error.value)


def garbage() -> bytes:
    return np.random.default_rng(0).bytes(100_000)


def cut_index() -> bytes:
    content = video([plain(RED)] * 48)
    return content[: len(content) - 400]  # the index of an MP4 is at its end


def still_picture() -> bytes:
    return video([plain(RED)], form="gif", codec="gif", pixels="rgb8")


def sound_alone() -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as file:
        write_tone(file, file.add_stream("aac", rate=44_100), 2)
    return buffer.getvalue()


def wide_gif() -> bytes:
    content = video([plain(RED)] * 3, form="gif", codec="gif", pixels="rgb8")
    return content[:6] + struct.pack("<HH", 65_000, 65_000) + content[10:]


def wide_avi() -> bytes:
    content = video([plain(RED)] * 3, form="avi", codec="rawvideo", pixels="bgr24")
    place = content.index(b"strf") + 12
    return content[:place] + struct.pack("<ii", 65_000, 65_000) + content[place + 8 :]


def wide_jpegs() -> bytes:
    content = bytearray(video([plain(RED)] * 3, form="avi", codec="mjpeg", pixels="yuvj420p"))
    for place in range(len(content) - 9):
        if content[place : place + 2] == b"\xff\xc0":
            content[place + 5 : place + 9] = struct.pack(">HH", 65_000, 65_000)
    return bytes(content)


def large_frames() -> bytes:
    return video([plain(RED, (8000, 1600))] * 2, codec="libx264", options={"preset": "ultrafast"})


def strip() -> bytes:
    return video([plain(RED, (640, 32))] * 3)


def streams(count: int) -> bytes:
    buffer = io.BytesIO()
    frame = av.VideoFrame.from_ndarray(plain(GRAY, TINY), "rgb24").reformat(format="gray")
    with av.open(buffer, "w", format="matroska") as file:
        added: list[Any] = [file.add_stream("rawvideo", rate=10) for _ in range(count)]
        for each in added:
            each.width, each.height, each.pix_fmt = *TINY, "gray"
        for each in added:
            file.mux(each.encode(frame))
    return buffer.getvalue()


def many_a_second() -> bytes:
    film = (plain(GRAY, TINY) for _ in range(20_000))
    return video(film, form="matroska", codec="ffv1", pixels="gray", rate=10_000)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: b"", "empty"),
        (lambda: b"hello", "no video"),
        (garbage, "no video"),
        (cut_index, "no video"),
        (still_picture, "only one moment"),
        (sound_alone, "no moving pictures"),
        (wide_gif, "save it"),
        (wide_avi, "save it"),
        (wide_jpegs, "save it"),
        (large_frames, "8000 x 1600 pixels"),
        (strip, "640 x 32 pixels"),
        (lambda: streams(1000), "too many tracks"),
        (many_a_second, "too many frames a second"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(make: Callable[[], bytes], says: str):
    assert says in refusal(make())


@pytest.mark.slow
def test_of_a_hundred_thousand_frames_only_ten_seconds_are_read():
    film = (plain(GRAY, TINY) for _ in range(100_000))
    content = video(film, form="avi", codec="rawvideo", pixels="gray")
    half = read(content[: len(content) // 2])  # the rest is not needed, nor the index at the end
    assert read(content) == half
    assert clip_info(half).frames == 240


def test_of_a_file_that_was_cut_off_its_beginning_is_read():
    content = video([plain(RED)] * 48, form="matroska", sound=2)
    assert 10 < clip_info(read(content[: len(content) // 2])).frames < 48


@pytest.mark.parametrize("form", ["hls", "concat"])
def test_a_playlist_reads_no_other_file(tmp_path: Path, form: str):
    other = tmp_path / "other.ts"
    other.write_bytes(video([plain(RED)] * 24, form="mpegts"))
    scripts = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{other}'\n",
    }
    script = tmp_path / f"script.{'m3u8' if form == 'hls' else 'ffconcat'}"
    script.write_text(scripts[form])
    options = {"safe": "0"} if form == "concat" else {}
    with av.open(str(script), "r", container_options=options) as file:
        assert file.format.name == form
        assert next(file.decode(video=0)).width == 96  # a reader without limits follows it
    assert "no video" in refusal(script.read_bytes())


def test_a_movie_whose_frames_are_in_another_file_reads_none(tmp_path: Path):
    other = tmp_path / "other.mp4"
    content = video([plain(RED)] * 24)
    other.write_bytes(content)
    place = content.index(b"url \0\0\0\1")
    name = f"file:{other}".encode() + b"\0"
    outside = b"url \0\0\0\0" + name
    with_name = content[: place - 4] + struct.pack(">I", 4 + len(outside)) + outside
    assert "save it" in refusal(_with_lengths(with_name + content[place + 8 :], len(name)))


def _with_lengths(content: bytes, more: int) -> bytes:
    """Return an MP4 in which the boxes around its data reference have grown by `more` bytes."""
    fixed = bytearray(content)
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        place = content.index(kind) - 4
        (length,) = struct.unpack_from(">I", content, place)
        struct.pack_into(">I", fixed, place, length + more)
    mdat = content.index(b"mdat") - 4
    return bytes(fixed[:mdat]) + bytes(fixed[content.index(b"moov") - 4 :])


@pytest.mark.parametrize(
    "content",
    [
        video([plain(RED)] * 3),
        video([plain(RED)] * 3, form="avi", codec="mpeg4"),
        video([plain(RED)] * 3, form="mov", codec="qtrle", pixels="rgb24"),
        b"{}",
        b"",
    ],
    ids=["other colors", "other format", "other codec", "text", "empty"],
)
def test_a_recipe_holds_only_clips_as_they_are_stored(content: bytes):
    with pytest.raises(PictureError):
        list(clip_frames(content))


def test_a_stored_clip_with_an_unknown_codec_is_refused():
    film = (plain(RED) for _ in range(3))
    content = video(film, codec="libx264rgb", pixels="rgb24", sound=0.2)
    content = content.replace(b"mp4a", b"????").replace(b"esds", b"free")
    with pytest.raises(PictureError, match="not one that this program stored"):
        list(clip_frames(content))


def test_a_stored_clip_that_is_longer_than_allowed_is_refused():
    film = (plain(RED) for _ in range(700))
    content = video(film, codec="libx264rgb", pixels="rgb24", rate=60)
    with pytest.raises(PictureError, match="not one that this program stored"):
        list(clip_frames(content))
    with pytest.raises(PictureError, match="not one that this program stored"):
        clip_info(content)


def test_a_stored_clip_of_few_frames_but_many_seconds_is_refused():
    film = (plain(RED) for _ in range(30))
    content = video(film, codec="libx264rgb", pixels="rgb24", rate=2)
    with pytest.raises(PictureError, match="not one that this program stored"):
        clip_info(content)


def test_sound_of_one_sample_a_second_does_not_take_all_memory():
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as file:
        stream = file.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        slow = file.add_stream("pcm_s16le", rate=1)
        slow.codec_context.layout = "mono"
        for color in (RED, GRAY):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(plain(color, (64, 64)), "rgb24")))
        file.mux(stream.encode())
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 500), np.int16), "s16", "mono")
        samples.sample_rate, samples.pts = 1, 0
        file.mux(slow.encode(samples))
        file.mux(slow.encode(None))
    clip = read_clip(buffer.getvalue(), size_for=lambda _: (48, 32), rate=24)
    assert not clip.info.has_sound
    (notice,) = clip.notices
    assert "the sound of the video cannot be read" in str(notice)


def test_painting_between_the_frames_of_a_clip_does_not_count_as_reading(
    monkeypatch: pytest.MonkeyPatch,
):
    stored = read(video([plain(RED)] * 30))
    monkeypatch.setattr(video_file, "WORK_SECONDS", 0.5)
    count = 0
    for _ in clip_frames(stored):
        began = time.thread_time()
        while time.thread_time() - began < 0.03:
            pass
        count += 1
    assert count == 30


def test_a_clip_that_takes_too_long_to_read_is_refused(monkeypatch: pytest.MonkeyPatch):
    stored = read(video([plain(RED)] * 30))
    monkeypatch.setattr(video_file, "WORK_SECONDS", 0.0)
    with pytest.raises(PictureError, match="takes too long to read"):
        list(clip_frames(stored))
