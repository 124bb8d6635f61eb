import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from engine.errors import PictureError
from engine.images.image_io import enlarge, fit, load_picture, read_picture
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


def photograph() -> Image.Image:
    """Draw a smooth picture with a little noise, as cameras take them."""
    smooth = Image.radial_gradient("L").resize((200, 150)).convert("RGB")
    return Image.blend(smooth, noise(200, 150), 0.1)


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


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF", "GIF"])
def test_lossy_formats_come_back_nearly(format: str):
    flat = Image.new("RGB", (16, 8), (200, 30, 90))
    read = read_picture(encoded(flat, format))
    assert (read.mode, read.size) == ("RGB", (16, 8))
    assert np.abs(np.asarray(read).astype(int) - np.asarray(flat)).max() <= 4


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {}),
        ("WEBP", {}),
        ("AVIF", {}),
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


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("lost", [1, 2, 12])
def test_a_jpeg_that_lacks_its_last_bytes_is_read(progressive: bool, lost: int):
    whole = encoded(photograph(), "JPEG", progressive=progressive)
    cut = load_picture(whole[:-lost])
    assert cut.is_cut
    assert not load_picture(whole).is_cut
    difference = np.abs(np.asarray(cut.picture).astype(int) - np.asarray(read_picture(whole)))
    assert np.median(difference) <= 1
    assert difference[: 3 * 150 // 4].max() <= 40


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_a_jpeg_of_which_much_is_missing_is_refused(progressive: bool, share: float):
    whole = encoded(photograph(), "JPEG", progressive=progressive)
    assert "damaged or cut off" in refusal(whole[: round(len(whole) * share)])


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
    assert "PNG, JPEG, WebP, AVIF, GIF, BMP and TIFF are allowed" in random


def test_bytes_are_called_by_the_name_given():
    with pytest.raises(PictureError, match="Cannot read the attachment 'x': the file is empty"):
        read_picture(b"", name="the attachment 'x'")


@pytest.mark.parametrize("format", ["PPM", "ICO", "TGA", "PCX", "JPEG2000", "DDS", "SGI"])
def test_formats_off_the_list_are_not_decoded(format: str):
    assert "are allowed" in refusal(encoded(noise(32, 32), format))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "F"])
def test_compressed_tiffs_are_read_in_silence(
    compression: str, mode: str, capfd: pytest.CaptureFixture[str]
):
    picture = noise(80, 60).convert(mode)
    whole = encoded(picture, "TIFF", compression=compression)
    assert read_picture(whole) == read_picture(encoded(picture, "TIFF"))
    damaged = bytearray(whole)
    damaged[40:200] = Random(0).randbytes(160)
    for content in (bytes(damaged), whole[: len(whole) // 2]):
        with suppress(PictureError):
            read_picture(content)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("compression", ["jpeg", "group4"])
def test_costly_kinds_of_tiff_are_refused(compression: str):
    picture = noise().convert("1" if compression == "group4" else "RGB")
    assert "LZW or Deflate" in refusal(encoded(picture, "TIFF", compression=compression))


@pytest.mark.parametrize(
    ("tag", "told"), [((254, 4, 1, 1), "raw file"), ((339, 3, 1, 9), "of its kind")]
)
def test_tiffs_of_other_kinds_are_refused(tag: tuple[int, ...], told: str):
    tags = [(256, 3, 1, 16), (257, 3, 1, 16), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8)]
    entries = b"".join(struct.pack("<HHII", *each) for each in sorted([*tags, tag]))
    directory = struct.pack("<H", 6) + entries + bytes(4)
    assert told in refusal(b"II*\0" + struct.pack("<I", 264) + bytes(256) + directory)


def test_jpegs_that_browsers_do_not_read_are_refused():
    whole = encoded(noise(), "JPEG")
    assert "rare kind" in refusal(whole.replace(b"\xff\xc0", b"\xff\xc9", 1))


def test_heic_is_refused_with_what_to_do():
    assert "save or send it as JPEG" in refusal(b"\0\0\0\x18ftypheic" + bytes(100))


def test_compressed_bitmaps_are_not_decoded():
    rle8 = 1
    info = struct.pack("<IiiHHIIiiII", 40, 8, 8, 1, 8, rle8, 4, 0, 0, 0, 0)
    palette = bytes(1024)
    start = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(info) + len(palette))
    assert "save it uncompressed" in refusal(start + info + palette + b"\x08\0\0\1")


@pytest.mark.parametrize(
    "start",
    [SIGNATURE, SIGNATURE + header(9, 9), b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"MM\0*"]
    + [b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", b"\0\0\0\x0cftypavis"]
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
        assert "16.8 megapixels" in message

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

    @pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP"])
    def test_what_is_larger_than_any_canvas_needs(self, kind: str):
        message = refusal(encoded(Image.new("1", (4100, 4100)), kind))
        assert "16.8 megapixels" in message
        assert "smaller" in message

    def test_forty_bytes_of_webp_that_claim_64_megapixels(self):
        forty = "5249464620000000574542505650384c140000002f3f9fcf17075081540820000a9a92c58888fe07"
        assert "8000 x 7999" in refusal(bytes.fromhex(forty))

    def test_an_avif_whose_frames_are_larger_than_it_says(self):
        whole = encoded(Image.new("RGBA", (64, 48), "red"), "AVIF")
        size = struct.pack(">II", 64, 48)
        assert whole.count(size) >= 1
        claimed = whole.replace(size, struct.pack(">II", 16, 12))
        assert read_picture(whole, max_pixels=64 * 48).size == (64, 48)
        for content in (whole, claimed):
            with pytest.raises(PictureError, match="megapixels"):
                read_picture(content, max_pixels=1000)

    def test_a_large_photograph_is_read_at_a_fraction(self):
        loaded = load_picture(encoded(Image.new("RGB", (8200, 6100), "red"), "JPEG"))
        assert (loaded.size, loaded.picture.size) == ((8200, 6100), (4100, 3050))
        assert loaded.picture.getpixel((9, 9)) == (254, 0, 0)

    @pytest.mark.parametrize(("size", "scans"), [((9000, 9000), 0), ((3000, 2900), 70)])
    def test_progressive_jpegs_that_take_much_memory_or_time(
        self, size: tuple[int, int], scans: int
    ):
        whole = encoded(noise(), "JPEG", progressive=True)
        scan = whole[whole.rindex(b"\xff\xda") : -2]
        frame = whole.index(b"\xff\xc2") + 5
        claimed = whole[:frame] + struct.pack(">HH", *size) + whole[frame + 4 : -2]
        assert "progressive" in refusal(claimed + scan * scans + b"\xff\xd9")

    def test_what_follows_the_end_of_a_jpeg_counts_for_nothing(self):
        whole = encoded(noise(), "JPEG")
        assert read_picture(whole + b"\xff\xda" * 10_000) == read_picture(whole)

    def test_a_jpeg_whose_headers_disagree(self):
        whole = encoded(noise(), "JPEG")
        frame = whole.index(b"\xff\xc0")
        huge = whole[frame : frame + 5] + b"\xff\xdc\xff\xdc" + whole[frame + 9 : frame + 19]
        # Pillow skips this segment without its data, and would then take the frame inside it.
        hidden = b"\xff\xf0" + (2 + 19).to_bytes(2, "big") + whole[frame : frame + 19]
        for trick in (huge + whole[frame:], hidden + huge + whole[frame + 19 :]):
            refusal(whole[:frame] + trick)

    @pytest.mark.parametrize("tiles", [(16_400, 16_400), (1, 1)])
    def test_tiffs_of_huge_or_countless_tiles(self, tiles: tuple[int, int]):
        count = 1 if tiles[0] > 1 else 80_000
        tags = [(256, 3, 1, 300), (257, 3, 1, 300), (258, 3, 1, 8), (262, 3, 1, 1)]
        tags += [(322, 3, 1, tiles[0]), (323, 3, 1, tiles[1]), (324, 1, count, 8)]
        entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
        directory = struct.pack("<H", len(tags)) + entries + bytes(4)
        refusal(b"II*\0" + struct.pack("<I", 8) + directory + bytes(90_000))

    def test_tags_that_share_their_data(self):
        tags = [(40_000 + number, 1, 4000, 8) for number in range(500)]
        entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
        directory = struct.pack("<H", len(tags)) + entries + bytes(4)
        content = b"II*\0" + struct.pack("<I", 4008) + bytes(4000) + directory
        assert "damaged" in refusal(content)
        exif = chunk(b"eXIf", content)
        assert read_picture(png_file(header(1, 1), [b"\1\2\3"], exif)).size == (1, 1)

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
            ([0.0, 0.25, 0.5, 0.75, 40.0], [0, 64, 128, 191, 255]),
            ([-0.001, 0.5, 0.2, 1.0, *[0.5] * 20], [0, 128, 51, 255, *[128] * 20]),
            ([float("inf"), 0.5, float("-inf")], [255, 128, 0]),
            ([float("nan"), float("nan")], [0, 0]),
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


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
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


@pytest.mark.parametrize("format", ["GIF", "WEBP", "AVIF", "PNG", "TIFF"])
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
