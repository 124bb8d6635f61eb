"""What is in people's videos arrives in clips: pictures, times and sound."""

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engine.errors import PictureError
from engine.images.clip import ReadClip, read_clip
from engine.images.mp4 import Mp4Writer, write_within
from engine.images.stored_clip import clip_frames, clip_info
from tests.engine.images import videos
from tests.engine.images.videos import BLUE, GRAY, GREEN, RED, Color, halves, plain, video

RATE = 24
COLORS = (RED, GREEN, BLUE, GRAY)


def read(content: bytes, size: tuple[int, int] = (48, 32), rate: int = RATE) -> ReadClip:
    return read_clip(content, size_for=lambda _: size, rate=rate)


def frames(clip: ReadClip) -> list[NDArray[np.uint8]]:
    return [np.asarray(each) for each in clip_frames(clip.video)]


def color(picture: NDArray[np.uint8], x: int = 10, y: int = 10) -> Color:
    red, green, blue = picture[y, x].tolist()
    return red, green, blue


def nearest(picture: NDArray[np.uint8], x: int = 10, y: int = 10) -> Color:
    """Return the one of `COLORS` that a pixel shows."""
    found = color(picture, x, y)
    distances = [np.abs(np.subtract(found, each)).max() for each in COLORS]
    assert min(distances) < 12, found
    return COLORS[int(np.argmin(distances))]


def shown(clip: ReadClip) -> list[Color]:
    return [nearest(each) for each in frames(clip)]


@pytest.mark.parametrize(
    ("form", "codec", "pixels"),
    [
        ("mp4", "libx264", "yuv420p"),
        ("mov", "prores_ks", "yuv422p10le"),
        ("matroska", "libx264", "yuv420p"),
        ("webm", "libvpx-vp9", "yuv420p"),
        ("avi", "mpeg4", "yuv420p"),
        ("mpegts", "libx264", "yuv420p"),
        ("mpeg", "mpeg2video", "yuv420p"),
        ("flv", "flv", "yuv420p"),
        ("asf", "wmv2", "yuv420p"),
        ("gif", "gif", "rgb8"),
        ("apng", "apng", "rgb24"),
    ],
)
def test_videos_of_all_common_kinds_are_read(form: str, codec: str, pixels: str):
    film = [halves(RED, BLUE)] * 12 + [halves(GREEN, GRAY)] * 12
    clip = read(video(film, form=form, codec=codec, pixels=pixels, rate=RATE))
    pictures = frames(clip)
    assert (len(pictures), clip.info.size, clip.info.has_sound) == (24, (48, 32), False)
    assert [nearest(pictures[0]), nearest(pictures[0], 40)] == [RED, BLUE]
    assert [nearest(pictures[-1]), nearest(pictures[-1], 40)] == [GREEN, GRAY]
    assert clip_info(clip.video) == clip.info


def test_a_rate_that_is_the_same_keeps_every_frame():
    shades = [plain((10 * number, 0, 0)) for number in range(24)]
    content = video(shades, form="matroska", rate=RATE)  # its times are whole milliseconds
    reds = [color(each)[0] for each in frames(read(content))]
    assert all(abs(red - 10 * number) < 8 for number, red in enumerate(reds))


@pytest.mark.parametrize(("rate", "count"), [(12, 12), (30, 30), (60, 60)])
def test_another_rate_shows_the_same_moments(rate: int, count: int):
    film = [plain(each) for each in (RED, GREEN, BLUE, GRAY) for _ in range(6)]
    colors = shown(read(video(film, rate=24), rate=rate))
    assert len(colors) == count
    assert [colors[each * count // 8] for each in (1, 3, 5, 7)] == [RED, GREEN, BLUE, GRAY]


def test_a_variable_rate_with_a_gap_is_sampled_by_its_times():
    film = [plain(each) for each in (RED, GREEN, BLUE, GRAY)]
    content = video(film, form="matroska", times=[500, 700, 1500, 1600])
    colors = shown(read(content, rate=20))
    assert colors == [RED] * 4 + [GREEN] * 16 + [BLUE] * 2 + [GRAY]


def test_a_file_without_times_of_its_frames_keeps_their_order_and_length():
    film = [plain((10 * number, 0, 0)) for number in range(24)]
    content = video(film, form="avi", rate=RATE, options={"bf": "3"})  # only decoding times
    reds = [color(each)[0] for each in frames(read(content))]
    assert 22 <= len(reds) <= 25
    assert all(abs(red - 10 * number) < 25 for number, red in enumerate(reds))


def test_what_is_after_ten_seconds_is_left_out_with_its_sound():
    film = [plain(RED)] * 20 + [plain(GREEN)] * 20
    clip = read(video(film, rate=2, sound=20), rate=8)
    assert shown(clip) == [RED] * 80
    assert len(clip.notices) == 1
    assert "10 seconds" in str(clip.notices[0])
    assert abs(len(videos.sound_of(clip.video)) / 48_000 - 10) < 0.1


@pytest.mark.parametrize(
    ("matrix", "corners"),
    [
        ((1, 0, 0, 1), (RED, GREEN, BLUE, GRAY)),
        ((0, 1, -1, 0), (BLUE, RED, GRAY, GREEN)),
        ((-1, 0, 0, -1), (GRAY, BLUE, GREEN, RED)),
        ((0, -1, 1, 0), (GREEN, GRAY, RED, BLUE)),
        ((-1, 0, 0, 1), (GREEN, RED, GRAY, BLUE)),
    ],
)
def test_a_turned_video_is_upright(
    matrix: tuple[int, int, int, int], corners: tuple[Color, Color, Color, Color]
):
    """Corners are those at the upper left, upper right, lower left and lower right."""
    frame = np.concatenate((halves(RED, GREEN), halves(BLUE, GRAY)))
    content = videos.with_matrix(video([frame, frame]), *matrix)
    seen: list[tuple[int, int]] = []

    def size_for(size: tuple[int, int]) -> tuple[int, int]:
        seen.append(size)
        return (64, 64)

    picture = frames(read_clip(content, size_for=size_for, rate=RATE))[0]
    assert seen == [(96, 128) if matrix[0] else (128, 96)]
    places = ((8, 8), (56, 8), (8, 56), (56, 56))
    assert tuple(nearest(picture, *each) for each in places) == corners


def test_pixels_that_are_not_square_are_stretched():
    content = video([halves(RED, BLUE)] * 3, aspect=Fraction(2, 1))
    seen: list[tuple[int, int]] = []
    read_clip(content, size_for=lambda size: seen.append(size) or (96, 32), rate=RATE)
    assert seen == [(192, 64)]


def test_a_video_of_another_shape_is_cropped_and_not_squeezed():
    wide = np.concatenate((plain(RED, (64, 64)), plain(GREEN, (64, 64)), plain(RED, (64, 64))), 1)
    picture = frames(read(video([wide] * 3), (32, 32)))[0]
    assert {nearest(picture, x, 16) for x in (2, 16, 29)} == {GREEN}


def test_sound_stays_where_it_was():
    content = video([plain(RED)] * 48, sound=2)
    clip = read(content)
    assert clip.info.has_sound
    before, after = videos.sound_of(content), videos.sound_of(clip.video)
    assert abs(len(after) / 48_000 - 2) < 0.03
    loudness = [float(np.sqrt((each**2).mean())) for each in (before, after)]
    assert loudness[1] == pytest.approx(loudness[0], rel=0.02)
    silent = np.nonzero(np.abs(after) > 0.1)[0][0]
    assert silent / 48_000 < 0.03


def _film(path: Path, clip: ReadClip, count: int, limit: int | None = None) -> bytes:
    pictures: Sequence[Image.Image] = list(clip_frames(clip.video))[:count]
    size, sound = clip.info.size, clip.video
    if limit is None:
        with Mp4Writer(path, size, RATE, sound=sound) as film:
            for each in pictures:
                film.add(each)
    else:
        arguments = {"count": count, "size": size, "rate": RATE, "texts": {}, "sound": sound}
        assert write_within(limit, lambda: pictures, path, **arguments) is not None
    return path.read_bytes()


def test_a_film_has_the_sound_of_a_clip_up_to_its_end(tmp_path: Path):
    clip = read(video([plain(RED)] * 48, sound=2))
    film = videos.sound_of(_film(tmp_path / "a.mp4", clip, 24))
    sound = videos.sound_of(clip.video)
    assert abs(len(film) / 48_000 - 1) < 0.05
    length = min(len(film), len(sound)) - 2048
    assert np.array_equal(film[:length], sound[:length])


def test_a_part_of_a_film_has_as_much_sound(tmp_path: Path):
    clip = read(video([plain(RED)] * 48, sound=2))
    pictures = list(clip_frames(clip.video))
    path = tmp_path / "b.mp4"
    with Mp4Writer(path, clip.info.size, RATE, sound=clip.video, sound_start=Fraction(1)) as film:
        for each in pictures[24:]:
            film.add(each)
    half = videos.sound_of(path.read_bytes())
    assert abs(len(half) / 48_000 - 1) < 0.05
    whole = videos.sound_of(clip.video)
    loudness = [float(np.sqrt((each[4096:-4096] ** 2).mean())) for each in (half, whole)]
    assert loudness[0] == pytest.approx(loudness[1], rel=0.05)


def test_a_film_with_sound_fits_its_limit(tmp_path: Path):
    random = np.random.default_rng(1)
    noise = list(random.integers(0, 256, (24, 64, 96, 3), dtype=np.uint8))
    clip = read(video(noise, sound=1), (96, 64))
    sharp = len(_film(tmp_path / "a.mp4", clip, 24))
    limit = sharp // 4
    assert len(_film(tmp_path / "b.mp4", clip, 24, limit)) <= limit
    assert len(videos.sound_of((tmp_path / "b.mp4").read_bytes())) > 40_000


def test_a_film_of_a_clip_without_sound_is_silent(tmp_path: Path):
    clip = read(video([plain(RED)] * 4))
    assert len(videos.sound_of(_film(tmp_path / "a.mp4", clip, 4))) == 0


def test_sound_that_is_damaged_is_left_out_with_a_notice():
    content = bytearray(video([plain(RED)] * 24, sound=1, codec="mpeg4"))
    start = content.index(b"mdat")
    with av.open(io.BytesIO(bytes(content)), "r") as file:
        places = [each.pos for each in file.demux(audio=0) if each.size]
    for place in places:
        if place is not None and place > start:
            content[place : place + 8] = b"\xff" * 8
    clip = read(bytes(content))
    assert (clip.info.frames, clip.info.has_sound) == (24, False)
    assert "sound" in str(clip.notices[0])


def test_a_clip_of_one_moment_is_refused():
    with pytest.raises(PictureError, match="only one moment"):
        read(video([plain(RED)]))


def test_the_same_file_gives_the_same_clip():
    content = video([halves(RED, BLUE)] * 6, sound=0.2)
    assert read(content).video == read(content).video
