import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from engine.errors import PictureError
from engine.images.image_io import enlarge, fit, read_picture
from engine.images.png import SIGNATURE
from tests.engine.images.raw_png import chunk, header, png_file

WHITE = (255, 255, 255)


def noise(width: int = 40, height: int = 30) -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def encoded(picture: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def refusal(source: Path | bytes) -> str:
    with pytest.raises(PictureError) as caught:
        read_picture(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("format", "options"),
    [("PNG", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("TIFF", {})],
)
def test_lossless_formats_come_back_exactly(tmp_path: Path, format: str, options: dict[str, bool]):
    path = tmp_path / "without-a-suffix"
    path.write_bytes(encoded(noise(), format, **options))
    read = read_picture(path)
    assert (read.mode, read.size, read.info) == ("RGB", (40, 30), {})
    assert read.tobytes() == noise().tobytes()


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "GIF"])
def test_lossy_formats_come_back_nearly(format: str):
    flat = Image.new("RGB", (16, 8), (200, 30, 90))
    read = read_picture(encoded(flat, format))
    assert (read.mode, read.size) == ("RGB", (16, 8))
    assert np.abs(np.asarray(read).astype(int) - np.asarray(flat)).max() <= 4


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("WEBP", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("TIFF", {}),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_cut_picture_is_never_shown_in_part(format: str, options: dict[str, object]):
    whole = encoded(noise(), format, **options)
    for length in {20, len(whole) // 3, len(whole) // 2, len(whole) - 40, len(whole) - 8}:
        assert "damaged or cut off" in refusal(whole[:length]) or format == "PNG"


def test_a_png_without_its_end_is_refused():
    assert "cut off" in refusal(encoded(noise(), "PNG")[:-12])


def test_files_that_are_no_pictures(tmp_path: Path):
    def file(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "gone.png")
    assert "no such file" in refusal(tmp_path / "missing.png")
    assert "no such file" in refusal(link)
    assert "folder" in refusal(tmp_path)
    assert "empty" in refusal(file("empty.png", b""))
    random = refusal(file("random.png", Random(0).randbytes(5000)))
    assert "random.png" in random
    assert "PNG, JPEG, WebP, GIF, BMP and TIFF are allowed" in random


def test_bytes_are_called_by_the_name_given():
    with pytest.raises(PictureError, match="Cannot read the attachment 'x': the file is empty"):
        read_picture(b"", name="the attachment 'x'")


@pytest.mark.parametrize("format", ["PPM", "ICO", "TGA", "PCX", "JPEG2000", "DDS", "SGI"])
def test_formats_off_the_list_are_not_decoded(format: str):
    assert "are allowed" in refusal(encoded(noise(32, 32), format))


@pytest.mark.parametrize("compression", ["jpeg", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiffs_are_not_decoded(compression: str, capfd: pytest.CaptureFixture[str]):
    whole = encoded(noise(), "TIFF", compression=compression)
    assert "save it uncompressed or as PNG" in refusal(whole)
    assert capfd.readouterr().err == ""


def test_compressed_bitmaps_are_not_decoded():
    rle8 = 1
    info = struct.pack("<IiiHHIIiiII", 40, 8, 8, 1, 8, rle8, 4, 0, 0, 0, 0)
    palette = bytes(1024)
    start = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(info) + len(palette))
    assert "save it uncompressed" in refusal(start + info + palette + b"\x08\0\0\1")


@pytest.mark.parametrize(
    "start",
    [SIGNATURE, SIGNATURE + header(9, 9), b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"MM\0*"]
    + [b"RIFF\0\0\0\0WEBP" + kind for kind in (b"VP8 ", b"VP8L", b"VP8X")],
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_good_beginning_before_rubbish(start: bytes):
    random = Random(1)
    for _ in range(20):
        refusal(start + random.randbytes(300))


class TestBombs:
    def test_png_that_claims_60000_by_60000(self):
        message = refusal(png_file(header(60_000, 60_000), []))
        assert "60000 x 60000" in message
        assert "64 megapixels" in message

    def test_sizes_at_which_pillow_only_warns(self):
        bomb = png_file(header(10_000, 9_500), [])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert "10000 x 9500" in refusal(bomb)
        assert caught == []

    def test_bmp_and_webp_headers(self):
        bmp = struct.pack("<IiiHHIIiiII", 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
        assert "megapixels" in refusal(b"BM" + struct.pack("<IHHI", 60, 0, 0, 54) + bmp)
        webp = struct.pack("<I", 10) + bytes(4) + b"\xff\x3f\0\xff\x3f\0"
        assert "megapixels" in refusal(b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + webp)

    def test_a_thread_of_pixels(self):
        assert "16384 pixels per side" in refusal(encoded(Image.new("L", (20_000, 1)), "PNG"))

    def test_the_caller_may_allow_less(self):
        with pytest.raises(PictureError, match=r"at most 0\.001 megapixels"):
            read_picture(encoded(noise(40, 30), "PNG"), max_pixels=1000)
        assert read_picture(encoded(noise(40, 25), "PNG"), max_pixels=1000).size == (40, 25)

    def test_a_file_over_64_mib(self, tmp_path: Path):
        path = tmp_path / "big.png"
        with path.open("wb") as file:
            file.truncate(64 * 1024 * 1024 + 1)
        assert "at most 64 MiB" in refusal(path)

    def test_a_jpeg_of_endless_scans(self):
        whole = encoded(noise(), "JPEG", progressive=True)
        scan = whole[whole.rindex(b"\xff\xda") : -2]
        assert "scans" in refusal(whole[:-2] + scan * 1000 + b"\xff\xd9")

    def test_a_huge_text_beside_the_pixels(self):
        bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(100_000_000)))
        assert "damaged" in refusal(png_file(header(1, 1), [b"\1\2\3"], bomb))


class TestColours:
    def test_grey_of_16_bits_is_scaled_and_not_cut_off(self):
        row = struct.pack(">4H", 0, 257, 128 * 257, 65535)
        read = read_picture(png_file(header(4, 1, depth=16, colour=0), [row]))
        assert list(np.asarray(read)[0, :, 0]) == [0, 1, 128, 255]

    def test_grey_of_16_bits_in_tiff(self):
        levels = np.array([[0, 257, 65535]], dtype=np.uint16)
        for order in ("<u2", ">u2"):
            read = read_picture(encoded(Image.fromarray(levels.astype(order)), "TIFF"))
            assert list(np.asarray(read)[0, :, 1]) == [0, 1, 255]

    def test_colour_of_16_bits(self):
        row = struct.pack(">6H", 65535, 128 * 257, 0, 257, 2 * 257, 3 * 257)
        read = read_picture(png_file(header(2, 1, depth=16), [row]))
        assert np.asarray(read).tolist() == [[[255, 128, 0], [1, 2, 3]]]

    @pytest.mark.parametrize(
        ("values", "levels"),
        [
            ([0.0, 0.5, 1.0], [0, 128, 255]),
            ([0.0, 100.0, 255.0], [0, 100, 255]),
            ([-1.0, 0.0, 1.0], [0, 128, 255]),
            ([float("nan"), 0.0, 1.0], [0, 0, 255]),
        ],
    )
    def test_floats(self, values: list[float], levels: list[int]):
        picture = Image.fromarray(np.array([values], dtype=np.float32))
        read = read_picture(encoded(picture, "TIFF"))
        assert list(np.asarray(read)[0, :, 2]) == levels

    @pytest.mark.parametrize("limit", [255, 65535, 2_000_000])
    def test_integers_of_32_bits_keep_black_and_white(self, limit: int):
        picture = Image.fromarray(np.array([[0, limit]], dtype=np.int32))
        read = read_picture(encoded(picture, "TIFF"))
        assert list(np.asarray(read)[0, :, 0]) == [0, 255]

    def test_grey_and_black_and_white(self):
        grey = read_picture(encoded(Image.new("L", (3, 2), 77), "PNG"))
        assert grey.getpixel((0, 0)) == (77, 77, 77)
        bilevel = read_picture(encoded(Image.new("1", (3, 2), 1), "PNG"))
        assert bilevel.getpixel((0, 0)) == WHITE

    @pytest.mark.parametrize("format", ["JPEG", "TIFF"])
    def test_cmyk(self, format: str):
        picture = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
        read = read_picture(encoded(picture, format))
        red, green, blue = np.asarray(read).astype(int)[5, 5]
        assert (red, green, blue) == pytest.approx((255, 0, 0), abs=3)

    def test_lab_is_refused_by_name(self):
        picture = Image.new("LAB", (4, 4))
        assert "color mode LAB" in refusal(encoded(picture, "TIFF"))

    def test_transparent_parts_lie_on_white(self):
        picture = Image.new("RGBA", (3, 1), (255, 0, 0, 255))
        picture.putpixel((1, 0), (255, 0, 0, 0))
        picture.putpixel((2, 0), (0, 0, 0, 51))
        read = read_picture(encoded(picture, "PNG"))
        pixels = [read.getpixel((x, 0)) for x in range(3)]
        assert pixels == [(255, 0, 0), WHITE, (204, 204, 204)]

    def test_grey_with_alpha(self):
        read = read_picture(encoded(Image.new("LA", (1, 1), (0, 0)), "PNG"))
        assert read.getpixel((0, 0)) == WHITE

    @pytest.mark.parametrize("transparency", [1, b"\xff\x00"])
    def test_palettes_with_transparency(self, transparency: int | bytes):
        picture = Image.new("P", (2, 1), 0)
        picture.putpalette([10, 20, 30, 40, 50, 60])
        picture.putpixel((1, 0), 1)
        read = read_picture(encoded(picture, "PNG", transparency=transparency))
        assert [read.getpixel((x, 0)) for x in range(2)] == [(10, 20, 30), WHITE]

    def test_a_transparent_colour(self):
        key = chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))
        read = read_picture(png_file(header(2, 1), [bytes([1, 2, 3, 4, 5, 6])], key))
        assert [read.getpixel((x, 0)) for x in range(2)] == [WHITE, (4, 5, 6)]


def turned(orientation: int, format: str) -> Image.Image:
    """Return what is read of a picture whose upper left quarter is red and that is to be turned."""
    picture = Image.new("RGB", (48, 32), "blue")
    picture.paste("red", (0, 0, 24, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return read_picture(encoded(picture, format, exif=exif))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "size", "corner"),
    [
        (1, (48, 32), (0, 0)),
        (2, (48, 32), (1, 0)),
        (3, (48, 32), (1, 1)),
        (4, (48, 32), (0, 1)),
        (5, (32, 48), (0, 0)),
        (6, (32, 48), (1, 0)),
        (7, (32, 48), (1, 1)),
        (8, (32, 48), (0, 1)),
    ],
)
def test_exif_orientation_is_honoured_once(
    orientation: int, size: tuple[int, int], corner: tuple[int, int], format: str
):
    read = turned(orientation, format)
    assert read.size == size
    for x in (0, 1):
        for y in (0, 1):
            red, _, blue = np.asarray(read)[size[1] * (1 + 2 * y) // 4, size[0] * (1 + 2 * x) // 4]
            assert (red > blue) == ((x, y) == corner)


def test_orientation_that_does_not_exist_is_ignored():
    assert turned(77, "JPEG").size == (48, 32)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animation_gives_its_first_frame(format: str):
    first, *others = (Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue"))
    read = read_picture(encoded(first, format, save_all=True, append_images=others))
    red, green, blue = np.asarray(read).astype(int)[4, 4]
    assert (red, green, blue) == pytest.approx((255, 0, 0), abs=4)


def test_many_threads_read_good_and_bad_pictures_at_once():
    good = encoded(noise(200, 200), "PNG")
    bomb = png_file(header(10_000, 9_500), [])

    def read(content: bytes) -> bytes | None:
        try:
            return read_picture(content).tobytes()
        except PictureError:
            return None

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(read, [good, bomb, good[:-20]] * 20))
    assert results == [noise(200, 200).tobytes(), None, None] * 20


def test_fitting_cuts_off_evenly_and_does_not_squeeze():
    picture = Image.new("RGB", (120, 40), "black")
    picture.paste("white", (40, 0, 80, 40))
    fitted = fit(picture, 20, 20)
    assert fitted.size == (20, 20)
    assert np.asarray(fitted).min() > 200


def test_enlarging_multiplies_both_sides_and_keeps_flat_colours():
    large = enlarge(Image.new("RGB", (5, 3), (9, 99, 199)), 4)
    assert large.size == (20, 12)
    assert set(large.get_flattened_data()) == {(9, 99, 199)}
    with pytest.raises(ValueError, match="at least 1"):
        enlarge(large, 0)
