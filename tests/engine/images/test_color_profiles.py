"""Pictures with color profiles look as they do in a browser."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from engine.images.image_io import read_picture

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SWAPPED = SRGB.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
"""A profile in which the first channel is green and the second one red."""
COLOR, MEANT = (200, 30, 90), (30, 200, 90)


def encoded(picture: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def color(content: bytes) -> tuple[int, ...]:
    return tuple(np.asarray(read_picture(content))[5, 5].tolist())


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_an_embedded_profile_is_applied(format: str):
    content = encoded(Image.new("RGB", (16, 16), COLOR), format, icc_profile=SWAPPED)
    assert color(content) == pytest.approx(MEANT, abs=4)


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_a_profile_is_applied_beneath_transparency_and_to_palettes(mode: str):
    picture = Image.new("RGBA", (16, 16), (*COLOR, 255))
    picture.putpixel((0, 0), (0, 0, 0, 0))
    if mode == "P":
        picture = picture.convert("RGB").quantize(4)
    content = encoded(picture, "PNG", icc_profile=SWAPPED)
    assert color(content) == pytest.approx(MEANT, abs=2)


def test_a_picture_in_srgb_keeps_its_exact_pixels():
    values = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    read = read_picture(encoded(Image.fromarray(values), "PNG", icc_profile=SRGB))
    assert (np.asarray(read) == values).all()


@pytest.mark.parametrize(
    "profile", [b"rubbish", SWAPPED[:200], SRGB[:-300] + bytes(300), b"x" * 200_000]
)
def test_a_damaged_profile_is_ignored(profile: bytes):
    content = encoded(Image.new("RGB", (16, 16), COLOR), "PNG", icc_profile=profile)
    assert color(content) == COLOR


@pytest.mark.parametrize("mode", ["L", "CMYK", "1"])
def test_a_profile_that_does_not_fit_is_ignored(mode: str):
    picture = Image.new(mode, (16, 16))
    content = encoded(picture, "TIFF", icc_profile=SWAPPED)
    assert color(content) == color(encoded(picture, "TIFF"))
