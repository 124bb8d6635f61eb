"""Pictures to edit and their masks, as people make them."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine import PictureError
from engine.editing.edit_pictures import read_edit, read_mask, read_source

RED, BLUE = (215, 35, 40), (40, 80, 215)
BOX = (20, 16, 39, 31)
"""What changes in every mask."""


def scene(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Draw a red square on blue."""
    picture = Image.new("RGB", size, BLUE)
    low, high = (size[0] // 3, size[1] // 3), (2 * size[0] // 3, 2 * size[1] // 3)
    ImageDraw.Draw(picture).rectangle((low, high), fill=RED)
    return picture


def photograph() -> Image.Image:
    """Draw a picture with many colors, also black and white."""
    across = Image.linear_gradient("L").resize((96, 64))
    down = across.transpose(Image.Transpose.ROTATE_90).resize((96, 64))
    picture = Image.merge("RGB", (across, down, Image.radial_gradient("L").resize((96, 64))))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((60, 40, 90, 60), fill="white")
    draw.rectangle((4, 40, 30, 60), fill="black")
    return picture


def drawn(
    back: str | int | tuple[int, ...], mark: str | int | tuple[int, ...], mode: str
) -> Image.Image:
    picture = Image.new(mode, (96, 64), back)
    ImageDraw.Draw(picture).rectangle(BOX, fill=mark)
    return picture


def painted_over(picture: Image.Image, color: str) -> Image.Image:
    copy = picture.copy()
    ImageDraw.Draw(copy).rectangle(BOX, fill=color)
    return copy


def erased(picture: Image.Image, opacity: int = 0) -> Image.Image:
    copy = picture.convert("RGBA")
    copy.paste((*BLUE, opacity), (20, 16, 40, 32))
    return copy


def zero_and_one(mode: str) -> Image.Image:
    bits = np.asarray(drawn(0, 1, "L"))
    return Image.fromarray(bits.astype({"L": np.uint8, "I;16": np.uint16, "F": np.float32}[mode]))


def encoded(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


# --- Sources


def test_a_source_keeps_its_size_and_a_huge_one_is_made_smaller():
    assert read_source(encoded(scene())) == (scene(), [])
    picture, (notice,) = read_source(encoded(scene((3000, 2000))), name="photo.png")
    assert picture.width * picture.height <= 1_600_000
    assert picture.width / picture.height == pytest.approx(1.5, abs=0.01)
    assert "photo.png had 3000x2000 pixels" in str(notice)


@pytest.mark.parametrize(
    ("size", "told"), [((15, 40), "too few to edit"), ((700, 100), "too long a strip")]
)
def test_a_picture_that_cannot_be_edited_is_refused(size: tuple[int, int], told: str):
    with pytest.raises(PictureError, match=f"photo.png has {size[0]}x{size[1]} pixels, {told}"):
        read_source(encoded(scene(size)), name="photo.png")


def test_a_hole_in_the_picture_is_its_mask():
    pictures = read_edit(encoded(erased(photograph())))
    assert pictures.mask is not None
    assert np.asarray(pictures.mask)[16:32, 20:40].min() == 255
    assert np.asarray(pictures.mask).mean() == pytest.approx(255 * 20 * 16 / (96 * 64))
    assert "what is transparent in the picture will change" in str(pictures.notices[-1])
    assert pictures.source.getpixel((30, 20)) == (255, 255, 255)


@pytest.mark.parametrize("shape", ["cut out", "rounded", "faint", "all"])
def test_other_transparency_becomes_white_and_that_is_said(shape: str):
    alpha = Image.new("L", (96, 64), {"faint": 240, "rounded": 255}.get(shape, 0))
    if shape == "cut out":
        ImageDraw.Draw(alpha).ellipse((10, 0, 86, 63), fill=255)
    if shape == "rounded":
        alpha.paste(0, (0, 0, 9, 9))
    picture = photograph()
    picture.putalpha(alpha)
    pictures = read_edit(encoded(picture))
    assert pictures.mask is None
    assert list(map(str, pictures.notices)) == [
        "the picture was transparent in places, which are white now"
    ]
    assert read_source(encoded(picture))[1] == list(pictures.notices)


def test_what_is_nearly_opaque_is_not_worth_a_notice():
    picture = scene()
    picture.putalpha(Image.new("L", picture.size, 254))
    assert read_edit(encoded(picture)).notices == ()


def test_with_a_mask_of_its_own_a_hole_is_just_white():
    pictures = read_edit(encoded(erased(photograph())), encoded(Image.new("L", (96, 64), 255)))
    assert pictures.mask == Image.new("L", (96, 64), 255)
    assert any("white now" in str(notice) for notice in pictures.notices)


def test_a_cut_end_is_told():
    whole = encoded(scene((300, 200)), "JPEG")
    assert "the picture was cut off at its end" in str(read_source(whole[:-4])[1][0])


# --- Masks


def test_a_mask_of_another_size_is_scaled():
    small = Image.new("L", (32, 32))
    ImageDraw.Draw(small).rectangle((8, 8, 15, 15), fill=255)
    mask, notice = read_mask(encoded(small), scene((320, 320)))
    assert (mask.mode, mask.size, notice) == ("L", (320, 320), None)
    assert mask.getpixel((120, 120)) == 255
    assert mask.getpixel((40, 40)) == 0


PLAIN: dict[str, Callable[[], Image.Image]] = {
    "gray": lambda: drawn(0, 255, "L"),
    "colors": lambda: drawn("black", "white", "RGB"),
    "bits": lambda: drawn(0, 1, "1"),
    "0 and 1": lambda: zero_and_one("L"),
    "0 and 1 in 16 bits": lambda: zero_and_one("I;16"),
    "0 and 1 as floats": lambda: zero_and_one("F"),
    "0 and 1 in colors": lambda: drawn((0, 0, 0), (1, 1, 1), "RGB"),
}
MARKED: dict[str, Callable[[], Image.Image]] = {
    "red on black": lambda: drawn("black", "red", "RGB"),
    "dark red on black": lambda: drawn((0, 0, 0), (128, 0, 0), "RGB"),
    "blue palette": lambda: drawn("black", "blue", "RGB").quantize(4),
    "hole in the picture": lambda: erased(photograph()),
    "hole in black": lambda: erased(Image.new("RGB", (96, 64))),
    "hole in a palette": lambda: erased(photograph()).quantize(256),
    "red over the picture": lambda: painted_over(photograph(), "red"),
    "white over the picture": lambda: painted_over(photograph(), "white"),
    "black over the picture": lambda: painted_over(photograph(), "black"),
}


@pytest.mark.parametrize("kind", [*PLAIN, *MARKED])
def test_masks_of_every_clear_kind_mean_the_same(kind: str):
    made = (PLAIN | MARKED)[kind]()
    content = encoded(made, "TIFF" if made.mode == "F" else "PNG")
    mask, notice = read_mask(content, photograph())
    marked = np.zeros((64, 96), bool)
    marked[16:32, 20:40] = True
    found = np.asarray(mask) > 127
    assert (found & marked).sum() / (found | marked).sum() > 0.7
    assert bool(notice) == (kind in MARKED)


@pytest.mark.parametrize("kind", ["gray", "red on black", "red over the picture"])
def test_compressed_masks_mean_the_same_too(kind: str):
    content = encoded((PLAIN | MARKED)[kind]().resize((192, 128)), "JPEG", quality=85)
    mask, _ = read_mask(content, photograph())
    found = np.asarray(mask) > 127
    assert found[18:30, 22:38].all()
    found[14:34, 18:42] = False
    assert not found.any()


def test_a_soft_eraser_leaves_a_soft_mask():
    mask, _ = read_mask(encoded(erased(photograph(), 100)), photograph())
    assert mask.getpixel((30, 20)) == 155


def test_the_mask_of_a_drawing_in_black_and_white_is_no_copy_of_it():
    drawing = drawn("black", "white", "RGB")
    mask, _ = read_mask(encoded(drawn(0, 255, "L")), drawing)
    assert mask.getpixel((30, 20)) == 255
    mask, _ = read_mask(encoded(drawn("black", "red", "RGB")), painted_over(scene(), "red"))
    assert (mask.getpixel((30, 20)), mask.getpixel((5, 5))) == (255, 0)


@pytest.mark.parametrize(
    ("mask", "told"),
    [
        (Image.new("L", (64, 32), 255), "64x32 pixels and the picture 96x64: .* proportions"),
        (Image.new("L", (96, 64), 0), "black everywhere.* paint white"),
        (photograph(), "is the picture itself"),
        (scene(), "not clear"),
        (drawn("white", "red", "RGB"), "not clear"),
        (erased(Image.new("RGB", (96, 64), "white")), "not clear"),
        (erased(scene()), "not clear"),
        (Image.new("RGBA", (96, 64), (255, 255, 255, 0)), "not clear"),
        (drawn((0, 0, 0, 0), (255, 0, 0, 255), "RGBA"), "not clear"),
    ],
)
def test_a_mask_that_cannot_be_used_is_refused(mask: Image.Image, told: str):
    with pytest.raises(PictureError, match=told):
        read_mask(encoded(mask), photograph())
