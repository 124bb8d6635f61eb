"""Colors of videos of all kinds arrive in sRGB as people see them elsewhere."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.images.clip import read_clip
from engine.images.stored_clip import clip_frames
from tests.engine.images.videos import BLUE, GREEN, RED, Color, plain, video

NEAR = 4
PQ, HLG, BT2020 = 16, 18, 9
_TO_BT2020 = np.array(
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
)
"""From linear BT.709 to linear BT.2020 (Recommendation ITU-R BT.2087)."""


def color_in(content: bytes) -> NDArray[np.int64]:
    """Return the color in the middle of a video's first frame."""
    clip = read_clip(content, size_for=lambda _: (32, 32), rate=24)
    return np.array(next(clip_frames(clip.video)).getpixel((16, 16)))


def assert_near(found: NDArray[np.int64], wanted: Color, most: int = NEAR) -> None:
    assert np.abs(found - wanted).max() <= most, (found, wanted)


@pytest.mark.parametrize("color", [RED, GREEN, BLUE])
@pytest.mark.parametrize("matrix", [1, 5])
@pytest.mark.parametrize("is_full", [False, True])
def test_the_stated_matrix_and_range_count(color: Color, matrix: int, is_full: bool):
    colors = {"colorspace": matrix, "color_range": 2 if is_full else 1}
    film = [plain(color)] * 3
    assert_near(color_in(video(film, colors=colors, matrix=matrix, is_full=is_full)), color)


@pytest.mark.parametrize(("height", "matrix"), [(64, 5), (720, 1)])
def test_without_a_statement_the_height_decides_on_the_matrix(height: int, matrix: int):
    film = [plain(GREEN, (256, height))] * 3
    assert_near(color_in(video(film, matrix=matrix)), GREEN)


def test_ten_bits_are_the_same_color():
    assert_near(color_in(video([plain(RED)] * 3, pixels="yuv420p10le")), RED)


@pytest.mark.parametrize(
    ("form", "codec", "pixels"),
    [("mov", "qtrle", "argb"), ("apng", "apng", "rgba"), ("mov", "png", "rgba")],
)
@pytest.mark.parametrize(("alpha", "wanted"), [(255, RED), (0, (255, 255, 255))])
def test_what_is_transparent_is_white(
    form: str, codec: str, pixels: str, alpha: int, wanted: Color
):
    film = [plain((*RED, alpha))] * 3
    assert_near(color_in(video(film, form=form, codec=codec, pixels=pixels)), wanted)


def hdr(signal: NDArray[np.float64], transfer: int) -> bytes:
    """Return a video of one color with high dynamic range, given as a nonlinear BT.2020 signal."""
    levels = np.rint(signal * 65535).astype(np.uint16)
    film = [np.full((64, 96, 3), levels, np.uint16)] * 3
    colors = {"colorspace": BT2020, "color_primaries": BT2020, "color_trc": transfer}
    return video(film, pixels="yuv420p10le", colors=colors, matrix=BT2020)


def pq(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the signal of light in cd/m2 (SMPTE ST 2084)."""
    power = (light / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def srgb(share: float) -> int:
    """Return the level of a share of white's light (IEC 61966-2-1)."""
    return round(255 * (1.055 * share ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("nits", [5, 20, 50, 80])
def test_light_below_the_highlights_keeps_its_share_of_white(nits: int):
    gray = srgb(nits / 203)
    assert_near(color_in(hdr(pq(np.full(3, nits)), PQ)), (gray, gray, gray))


def test_highlights_keep_their_order_and_do_not_burn_out():
    grays = [color_in(hdr(pq(np.full(3, nits)), PQ))[0] for nits in (100, 203, 400, 1000)]
    assert grays == sorted(set(grays))
    assert 200 < grays[1] < 250
    assert grays[-1] >= 254


@pytest.mark.parametrize("share", [np.array((1, 0, 0)), np.array((0.2, 0.6, 1))])
def test_a_wide_gamut_shows_ordinary_colors_as_they_are(share: NDArray[np.float64]):
    wanted = [srgb(each * 80 / 203) if each else 0 for each in share]
    found = color_in(hdr(pq(_TO_BT2020 @ (80 * share)), PQ))
    assert_near(found, (wanted[0], wanted[1], wanted[2]), 8)


def test_half_of_the_signal_of_hlg_is_a_twelfth_of_the_scene():
    gray = srgb(1000 / 203 * (1 / 12) ** 1.2)
    assert_near(color_in(hdr(np.full(3, 0.5), HLG)), (gray, gray, gray))


def test_a_wide_gamut_without_high_range_is_converted_too():
    colors = {"colorspace": BT2020, "color_primaries": BT2020, "color_trc": 1}
    film = [plain((200, 100, 100))] * 3
    found = color_in(video(film, colors=colors, matrix=BT2020))
    assert found[0] > 205
    assert found[1] < 97
