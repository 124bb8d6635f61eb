from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
from PIL import Image

from engine.errors import PictureError
from engine.images.animation import write_animation

SUFFIXES = (".webp", ".mp4")


class Clip(NamedTuple):
    """What a player sees: frames as arrays, and how long each stands, in milliseconds."""

    frames: list[np.ndarray]
    durations: list[float]


def growing(count: int, size: tuple[int, int] = (64, 48)) -> list[Image.Image]:
    """Return frames from black to red that all differ."""
    reds = np.linspace(0, 255, count).round().astype(int)
    return [Image.new("RGB", size, (int(red), 0, 60)) for red in reds]


def played(path: Path) -> Clip:
    return _played_webp(path) if path.suffix == ".webp" else _played_mp4(path)


def _played_webp(path: Path) -> Clip:
    clip = Clip([], [])
    with Image.open(path) as opened:
        assert opened.info["loop"] == 0
        for index in range(getattr(opened, "n_frames", 1)):
            opened.seek(index)
            clip.frames.append(np.asarray(opened.convert("RGB")).astype(int))
            clip.durations.append(opened.info["duration"])
    return clip


def _played_mp4(path: Path) -> Clip:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        rate = stream.average_rate
        assert rate is not None
        frames = [_rgb(frame) for frame in container.decode(video=0)]
    return Clip(frames, [float(1000 / rate)] * len(frames))


def _rgb(frame: av.VideoFrame) -> np.ndarray:
    """Convert a frame as a player does: BT.709 in limited range (ITU-T H.273)."""
    assert (frame.colorspace, frame.color_range) == (1, 1)
    planes = frame.reformat(format="yuv444p").to_ndarray().astype(float)
    y, cb, cr = (planes[0] - 16) / 219, (planes[1] - 128) / 224, (planes[2] - 128) / 224
    rgb = np.stack([y + 1.5748 * cr, y - 0.1873 * cb - 0.4681 * cr, y + 1.8556 * cb], axis=-1)
    return (255 * rgb.clip(0, 1)).round().astype(int)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_frame_of_a_short_run_is_shown_and_the_last_one_held(tmp_path: Path, suffix: str):
    path = tmp_path / f"clip{suffix}"
    write_animation(growing(10), path, seconds=2)
    clip = played(path)
    assert all(frame.shape == (48, 64, 3) for frame in clip.frames)
    reds = [int(frame[24, 32, 0]) for frame in clip.frames]
    assert reds[:10] == pytest.approx(np.linspace(0, 255, 10), abs=8)
    assert reds[10:] == pytest.approx([255] * len(reds[10:]), abs=8)
    assert sum(clip.durations[:9]) == pytest.approx(1800, abs=20)
    assert sum(clip.durations[9:]) == pytest.approx(1500, abs=200)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_long_run_is_thinned_to_the_time_given(tmp_path: Path, suffix: str):
    path = tmp_path / f"clip{suffix}"
    write_animation(growing(256), path, seconds=2)
    clip = played(path)
    assert sum(clip.durations) == pytest.approx(3500, abs=100)
    assert clip.frames[0][24, 32, 0] == pytest.approx(0, abs=8)
    assert clip.frames[-1][24, 32, 0] == pytest.approx(255, abs=8)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_few_frames_make_a_shorter_clip(tmp_path: Path, suffix: str):
    path = tmp_path / f"clip{suffix}"
    write_animation(growing(3), path, seconds=60)
    assert sum(played(path).durations) <= 3 * 500 + 1500


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_single_frame_can_be_shown(tmp_path: Path, suffix: str):
    path = tmp_path / f"clip{suffix}"
    write_animation([Image.new("RGB", (64, 64), (250, 200, 10))], path)
    if suffix == ".webp":
        with Image.open(path) as opened:
            pixels = np.asarray(opened.convert("RGB"))
    else:
        pixels = played(path).frames[0]
    assert pixels[30, 30].tolist() == pytest.approx([250, 200, 10], abs=6)


def test_mp4_has_even_sides_the_right_colours_and_its_index_in_front(tmp_path: Path):
    path = tmp_path / "clip.mp4"
    frames = [Image.new("RGB", (65, 33), (200, 40, 120))] * 5
    write_animation(frames, path)
    clip = played(path)
    assert clip.frames[0].shape == (34, 66, 3)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(str(path)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.colorspace, codec.color_range) == (1, 1)
        decoded = next(container.decode(video=0))
        pixel = _rgb(decoded)[16, 30]
    assert pixel.tolist() == pytest.approx([200, 40, 120], abs=6)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_frames_of_other_sizes_are_scaled_to_the_last(tmp_path: Path, suffix: str):
    path = tmp_path / f"clip{suffix}"
    write_animation([*growing(4, (16, 16)), *growing(4, (64, 32))], path)
    assert {frame.shape for frame in played(path).frames} == {(32, 64, 3)}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_file_is_replaced_only_with_force(tmp_path: Path, suffix: str):
    path = tmp_path / f"clip{suffix}"
    path.write_bytes(b"old")
    with pytest.raises(PictureError, match="exists already"):
        write_animation(growing(3), path)
    assert path.read_bytes() == b"old"
    write_animation(growing(3), path, force=True)
    assert len(played(path).frames) >= 3
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["clip.gif", "clip.avi", "clip"])
def test_other_formats_are_refused_by_name(tmp_path: Path, name: str):
    with pytest.raises(PictureError, match=r"\.webp or \.mp4"):
        write_animation(growing(3), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_cannot_be_an_animation_is_refused_and_leaves_no_file(tmp_path: Path, suffix: str):
    path = tmp_path / f"clip{suffix}"
    with pytest.raises(PictureError, match="at least one frame"):
        write_animation([], path)
    with pytest.raises(PictureError, match="pixels per side are allowed"):
        write_animation([Image.new("RGB", (20_000, 2))], path)
    assert list(tmp_path.iterdir()) == []
