"""Films within a size limit, measured and not hoped for."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from engine.images.mp4 import Mp4Writer, read_texts, write_within

COUNT, SIZE, RATE = 24, (160, 120), 12


def noise() -> list[Image.Image]:
    """Return frames that compress badly."""
    random = np.random.default_rng(1)
    shape = (COUNT, SIZE[1], SIZE[0], 3)
    return [Image.fromarray(each) for each in random.integers(0, 256, shape, dtype=np.uint8)]


def written(path: Path, limit: int) -> tuple[int, int] | None:
    texts = {"recipe": "{}"}
    return write_within(limit, noise, path, count=COUNT, size=SIZE, rate=RATE, texts=texts)


def size_of(path: Path) -> tuple[int, int]:
    with av.open(str(path)) as film:
        assert len(list(film.decode(video=0))) == COUNT
        return film.streams.video[0].width, film.streams.video[0].height


def test_a_film_that_is_small_enough_is_sharp(tmp_path: Path):
    path = tmp_path / "a.mp4"
    assert written(path, 10_000_000) == SIZE
    assert size_of(path) == SIZE
    assert path.stat().st_size > 300_000


@pytest.mark.parametrize("share", [0.5, 0.15])
def test_a_film_that_is_too_large_gets_fewer_bits(tmp_path: Path, share: float):
    path = tmp_path / "a.mp4"
    written(path, 10_000_000)
    limit = round(share * path.stat().st_size)
    assert written(path, limit) is not None
    assert limit / 3 < path.stat().st_size <= limit


def test_a_film_that_would_be_a_blur_is_shown_smaller(tmp_path: Path):
    path, limit = tmp_path / "a.mp4", 4_000
    size = written(path, limit)
    assert size is not None and size[0] < SIZE[0]
    assert path.stat().st_size <= limit
    assert size_of(path) == (size[0] + size[0] % 2, size[1] + size[1] % 2)


def test_what_fits_no_limit_is_given_up(tmp_path: Path):
    assert written(tmp_path / "a.mp4", 300) is None


def test_the_same_frames_give_the_same_bytes_and_texts_come_back(tmp_path: Path):
    paths = [tmp_path / name for name in ("a.mp4", "b.mp4")]
    for path in paths:
        with Mp4Writer(path, (33, 17), 10, texts={"vqgan-clip-recipe": '{"ü": 1}'}) as film:
            for frame in noise()[:4]:
                film.add(frame)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    texts = read_texts(paths[0].read_bytes(), name="a.mp4")
    assert texts["vqgan-clip-recipe"] == '{"ü": 1}'
