"""Colors of wide gamut and high dynamic range in sRGB, as pictures here have them.

Sources: the curves PQ and HLG are those of Recommendation ITU-R BT.2100-2 (Tables 4 and 5; PQ is
also SMPTE ST 2084); reference white is at 203 cd/m2 (Report ITU-R BT.2408, Section 2.2); highlights
are compressed by the curve of Report ITU-R BT.2390 (Section 5.4.1, "EETF"); primaries are those of
ITU-T H.273, Table 2; the last curve is that of IEC 61966-2-1 (sRGB).
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

PQ, HLG = 16, 18
"""Numbers of the transfer curves of high dynamic range (ITU-T H.273, Table 3)."""
BT2020, P3 = 9, 12
"""Numbers of the wide color primaries: BT.2020, and SMPTE EG 432-1 (Display P3)."""
_WHITE, _PEAK = 203.0, 1000.0
"""Luminances in cd/m2 of reference white, which becomes white, and of the brightest highlights."""
_XY = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    P3: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""Chromaticities x and y of red, green and blue."""
_D65 = (0.3127, 0.3290)
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_HLG_GAMMA = 1.2
"""System gamma of HLG on a display of 1000 cd/m2."""
_KR, _KG, _KB = 0.2627, 0.6780, 0.0593


def to_srgb_levels(signal: Floats, transfer: int, primaries: int) -> NDArray[np.uint8]:
    """Return levels (H, W, 3) in sRGB of a nonlinear signal (H, W, 3) in [0, 1].

    `transfer` and `primaries` are numbers of ITU-T H.273; other curves than PQ and HLG count as
    that of BT.709, which sRGB screens show unchanged.
    """
    if transfer == PQ:
        light = _compressed(_pq_to_light(signal)) / _WHITE
    elif transfer == HLG:
        light = _compressed(_hlg_to_light(signal)) / _WHITE
    else:
        light = _srgb_to_linear(signal)
    linear = light @ _to_bt709(primaries).T
    return np.rint(255 * _linear_to_srgb(linear.clip(0, 1))).astype(np.uint8)


def _pq_to_light(signal: Floats) -> Floats:
    """Return light in cd/m2 (PQ EOTF)."""
    power = np.power(signal.clip(0, 1), 1 / _M2)
    ratio: Floats = (power - _C1).clip(0) / (_C2 - _C3 * power)
    return np.power(ratio, 1 / _M1) * np.float32(10_000)


def _light_to_pq(light: Floats) -> Floats:
    power = np.power(light.clip(0) / 10_000, _M1)
    return np.power((_C1 + _C2 * power) / (1 + _C3 * power), _M2)


def _hlg_to_light(signal: Floats) -> Floats:
    """Return light in cd/m2 of a display of 1000 cd/m2 (HLG inverse OETF and OOTF)."""
    signal = signal.clip(0, 1)
    high = (np.exp((signal.clip(0.5) - _C) / _A) + _B) / 12
    scene = np.where(signal <= 0.5, signal**2 / 3, high)
    luminance = scene @ np.array([_KR, _KG, _KB], np.float32)
    return _PEAK * scene * np.power(luminance.clip(1e-6), _HLG_GAMMA - 1)[..., None]


def _compressed(light: Floats) -> Floats:
    """Return light with highlights of up to 1000 cd/m2 brought below white (BT.2390)."""
    brightest = light.max(-1, keepdims=True).clip(1e-4)
    peak, white = _light_to_pq(np.array([_PEAK, _WHITE], np.float32))
    most = white / peak
    knee = 1.5 * most - 0.5
    level = (_light_to_pq(brightest) / peak).clip(0, 1)
    t = ((level - knee) / (1 - knee)).clip(0, 1)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * most
    )
    wanted = _pq_to_light(np.where(level < knee, level, spline) * peak)
    return light * (wanted / brightest)


def _srgb_to_linear(levels: Floats) -> Floats:
    levels = levels.clip(0, 1)
    return np.where(levels <= 0.04045, levels / 12.92, np.power((levels + 0.055) / 1.055, 2.4))


def _linear_to_srgb(linear: Floats) -> Floats:
    curve = 1.055 * np.power(linear.clip(1e-9), 1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, curve)


@cache
def _to_bt709(primaries: int) -> Floats:
    """Return the matrix (3, 3) from linear colors of some primaries to those of BT.709."""
    wide = _to_xyz(primaries if primaries in _XY else 1)
    return (np.linalg.inv(_to_xyz(1)) @ wide).astype(np.float32)


def _to_xyz(primaries: int) -> NDArray[np.float64]:
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in _XY[primaries]]).T
    x, y = _D65
    white = np.array([x / y, 1, (1 - x - y) / y])
    return columns * np.linalg.solve(columns, white)
