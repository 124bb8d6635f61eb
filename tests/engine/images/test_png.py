import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.errors import PictureError
from engine.images.png import MAX_TEXT_BYTES, SIGNATURE, read_text, save_png
from tests.engine.images.raw_png import chunk, header, png_file

PICTURE = Image.linear_gradient("L").convert("RGB")


def with_text(path: Path, *chunks: bytes) -> Path:
    path.write_bytes(png_file(header(1, 1), [b"\1\2\3"], *chunks))
    return path


@pytest.mark.parametrize(
    "value", ["plain", "", "two\nlines", "α·mean(z²) 🎨 日本語", "x" * 100_000]
)
def test_text_comes_back_as_it_went_in(tmp_path: Path, value: str):
    path = tmp_path / "a.png"
    save_png(PICTURE, path, text={"Description": value, "recipe": "{}"})
    assert read_text(path) == {"Description": value, "recipe": "{}"}


@given(value=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, value: str):
    path = tmp_path_factory.mktemp("text") / "a.png"
    save_png(PICTURE, path, text={"Description": value})
    assert read_text(path) == {"Description": value}


def test_other_programs_find_the_text_and_the_pixels(tmp_path: Path):
    path = tmp_path / "a.png"
    save_png(PICTURE, path, text={"Description": "a red circle 🎨"})
    with Image.open(path) as opened:
        assert opened.tobytes() == PICTURE.tobytes()
        assert opened.info == {"Description": "a red circle 🎨"}


def test_the_same_picture_gives_the_same_bytes_whatever_it_carried(tmp_path: Path):
    laden = PICTURE.copy()
    laden.info = {"dpi": (300, 300), "comment": "secret", "gamma": 0.5}
    save_png(PICTURE, tmp_path / "a.png", text={"recipe": "{}"})
    save_png(laden, tmp_path / "b.png", text={"recipe": "{}"})
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_an_existing_picture_is_replaced_only_with_force(tmp_path: Path):
    path = tmp_path / "a.png"
    save_png(PICTURE, path, text={"recipe": "first"})
    with pytest.raises(PictureError, match="exists already"):
        save_png(PICTURE, path, text={"recipe": "second"})
    assert read_text(path) == {"recipe": "first"}
    save_png(PICTURE, path, text={"recipe": "second"}, force=True)
    assert read_text(path) == {"recipe": "second"}


def test_text_that_is_no_unicode_does_not_stop_the_picture(tmp_path: Path):
    save_png(PICTURE, tmp_path / "a.png", text={"Description": "a \udc80 b"})
    assert read_text(tmp_path / "a.png") == {"Description": "a ? b"}


def test_text_too_long_to_be_read_back_is_not_written(tmp_path: Path):
    with pytest.raises(PictureError, match="at most 16 MiB"):
        save_png(PICTURE, tmp_path / "a.png", text={"recipe": "x" * (MAX_TEXT_BYTES + 1)})
    assert list(tmp_path.iterdir()) == []


def test_all_three_kinds_of_text_are_read(tmp_path: Path):
    path = with_text(
        tmp_path / "a.png",
        chunk(b"tEXt", b"one\0caf\xe9"),
        chunk(b"zTXt", b"two\0\0" + zlib.compress(b"packed")),
        chunk(b"iTXt", b"three\0\1\0en\0drei\0" + zlib.compress("größer".encode())),
    )
    assert read_text(path) == {"one": "café", "two": "packed", "three": "größer"}


def bomb() -> bytes:
    """Return a few kilobytes that unpack to four times the text that is allowed."""
    return zlib.compress(b"x" * 4 * MAX_TEXT_BYTES)


BAD_TEXT: dict[str, Callable[[], bytes]] = {
    "long": lambda: chunk(b"tEXt", b"recipe\0" + b"x" * (MAX_TEXT_BYTES + 1)),
    "zbomb": lambda: chunk(b"zTXt", b"recipe\0\0" + bomb()),
    "ibomb": lambda: chunk(b"iTXt", b"recipe\0\1\0\0\0" + bomb()),
    "not zlib": lambda: chunk(b"iTXt", b"recipe\0\1\0\0\0not compressed"),
    "not utf-8": lambda: chunk(b"iTXt", b"recipe\0\0\0\0\0\xff\xfe"),
    "no value": lambda: chunk(b"iTXt", b"recipe"),
    "nothing": lambda: chunk(b"iTXt", b""),
}


@pytest.mark.parametrize("kind", BAD_TEXT)
def test_bad_text_is_refused(tmp_path: Path, kind: str):
    with pytest.raises(PictureError, match=r"damaged or longer than 16 MiB"):
        read_text(with_text(tmp_path / "a.png", BAD_TEXT[kind]()))


def test_many_texts_that_take_little_space_are_given_up(tmp_path: Path):
    text = zlib.compress(b"x" * MAX_TEXT_BYTES)
    bombs = [chunk(b"zTXt", b"recipe %d\0\0" % number + text) for number in range(1000)]
    with pytest.raises(PictureError, match="more than 32 MiB of text"):
        read_text(with_text(tmp_path / "a.png", *bombs))
    assert len(read_text(with_text(tmp_path / "a.png", *bombs[:2]))) == 2


def test_only_the_texts_that_are_asked_for_are_unpacked(tmp_path: Path):
    other = chunk(b"zTXt", b"other\0\0" + bomb())
    path = with_text(tmp_path / "a.png", other, chunk(b"tEXt", b"recipe\0{}"), other)
    assert read_text(path, keywords=("recipe",)) == {"recipe": "{}"}


def test_every_way_of_cutting_a_file_off_is_refused(tmp_path: Path):
    path = with_text(tmp_path / "a.png", chunk(b"tEXt", b"a\0b"))
    whole = path.read_bytes()
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(PictureError, match="cut off|not a PNG"):
            read_text(path)


def test_a_changed_byte_in_the_text_is_noticed(tmp_path: Path):
    path = with_text(tmp_path / "a.png", chunk(b"tEXt", b"recipe\0steps"))
    path.write_bytes(path.read_bytes().replace(b"steps", b"stepz"))
    with pytest.raises(PictureError, match="damaged"):
        read_text(path)


@pytest.mark.parametrize("content", [b"\xff\xd8\xff jpeg", b"{}", b"\0" * 100])
def test_other_files_hold_no_recipe(tmp_path: Path, content: bytes):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(PictureError, match="not a PNG file"):
        read_text(path)


def test_endless_chunks_are_given_up(tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(SIGNATURE + chunk(b"tEXt", b"a\0") * 100_001)
    with pytest.raises(PictureError, match="more than 100000 parts"):
        read_text(path)


def test_a_chunk_of_four_gigabytes_is_not_believed(tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_bytes(SIGNATURE + struct.pack(">I", 0xFFFFFFFF) + b"tEXt" + b"x" * 100)
    with pytest.raises(PictureError, match="cut off"):
        read_text(path)
