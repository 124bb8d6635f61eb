"""Grounds: sea, beach, meadow, desert, snow, forest, hills, mountains and city.

Each is drawn in layers from the horizon to the front. Far layers take on the color of the haze.
"""

from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType

import numpy as np

from engine.demo.scenes.canvas import lighter
from engine.demo.scenes.ground_parts import (
    dune_shade,
    far_hills,
    fir,
    peak,
    reflection,
    specks,
    tower,
    tufts,
    water_lines,
)
from engine.demo.scenes.land import COLUMNS, Land


def horizon_of(ground: str, random: Random) -> float:
    """Choose the height of the horizon for a ground."""
    low, high = _HORIZONS[ground]
    return random.uniform(low, high)


def draw_ground(land: Land, ground: str) -> None:
    """Draw a ground below the horizon, and what stands behind it."""
    _GROUNDS[ground](land)


def _sea(land: Land) -> None:
    far, near = (96, 168, 200), (18, 84, 142)
    flat = np.full_like(COLUMNS, land.horizon)
    land.layer(flat, land.color(far, 0.55), land.color(near, 0), 0.95 - land.horizon)
    water_lines(land, land.horizon, 1.0, 46)
    reflection(land)


def _beach(land: Land) -> None:
    flat = np.full_like(COLUMNS, land.horizon)
    depth = land.random.uniform(0.1, 0.16)
    land.layer(flat, land.color((84, 170, 204), 0.5), land.color((44, 158, 186), 0), depth)
    water_lines(land, land.horizon, land.horizon + depth, 16)
    reflection(land, land.horizon + depth)
    shore = land.horizon + depth + land.waves(0.035, 2)
    wet = land.color((206, 178, 128), 0)
    land.layer(shore - 0.014, lighter(wet, 0.7), lighter(wet, 0.7), 0.1)
    land.layer(shore, wet, wet, 0.1)
    sand = land.color((242, 216, 160), 0)
    land.layer(shore + 0.022, sand, lighter(sand, -0.12), 0.4)
    specks(land, land.horizon + depth + 0.06, lighter(sand, -0.2), 26, 0.006)


def _meadow(land: Land) -> None:
    far_hills(land, (110, 160, 108), 1)
    green = land.color((124, 188, 72), 0.15)
    land.layer(land.horizon + land.waves(0.03, 2), green, land.color((70, 148, 58), 0), 0.42)
    front = 0.86 + land.waves(0.05, 2)
    grass = land.color((60, 138, 56), 0)
    land.layer(front, grass, lighter(grass, -0.12), 0.2)
    tufts(land, grass, 34)
    for color in ((255, 252, 240), (252, 220, 90)):
        specks(land, land.horizon + 0.1, land.color(color, 0), 16, 0.0065)


def _desert(land: Land) -> None:
    for distance, drop in ((0.5, -0.03), (0.2, 0.05), (0.0, 0.17)):
        ridge = land.horizon + drop + land.waves(0.1, 2)
        sand = land.color((232, 172, 96), distance)
        land.layer(ridge, lighter(sand, 0.12), lighter(sand, -0.06), 0.35)
        dune_shade(land, ridge, lighter(sand, -0.18))
    sand = land.color((236, 180, 104), 0)
    for number in range(7):
        y = 0.8 + number * 0.028
        ripple = np.stack([COLUMNS, y + land.waves(0.012, 3)], 1)
        start = land.random.randint(0, 30)
        part = ripple[start : start + land.random.randint(14, 34)]
        land.canvas.line(part, lighter(sand, -0.13), 0.005)


def _snow(land: Land) -> None:
    far_hills(land, (196, 210, 228), 2)
    white = land.color((244, 248, 255), 0.05, 3)
    land.layer(land.horizon + land.waves(0.05, 2), white, land.color((206, 222, 242), 0, 3), 0.4)
    front = 0.84 + land.waves(0.07, 2)
    land.layer(front, white, land.color((222, 234, 248), 0, 3), 0.2)
    for _ in range(4):
        y = land.random.uniform(land.horizon + 0.1, 0.97)
        start = land.random.randint(0, 40)
        drift = np.stack([COLUMNS, y + land.waves(0.02, 2)], 1)[start : start + 20]
        land.canvas.line(drift, land.color((188, 206, 232), 0, 3), 0.005)


def _forest(land: Land) -> None:
    for distance, rise, size in ((0.62, 0.1, 0.1), (0.34, 0.05, 0.14), (0.08, 0.0, 0.19)):
        color = land.color((34, 92, 66), distance, 5)
        x = land.random.uniform(-0.05, 0)
        base = land.horizon - rise + 0.07
        flat = np.full_like(COLUMNS, base - size * 0.3)
        land.layer(flat, color, color, 0.2)
        while x < 1.05:
            fir(land, x, base, size * land.random.uniform(0.8, 1.25), color)
            x += size * land.random.uniform(0.24, 0.42)
    floor = land.color((72, 118, 62), 0)
    land.layer(land.horizon + 0.06 + land.waves(0.02, 2), floor, lighter(floor, -0.22), 0.34)
    tufts(land, lighter(floor, -0.1), 30)


def _hills(land: Land) -> None:
    steps = ((0.75, -0.07), (0.5, -0.01), (0.27, 0.06), (0.06, 0.15))
    for number, (distance, drop) in enumerate(steps):
        ridge = land.horizon + drop + land.waves(0.13 - 0.015 * number, 3)
        green = land.color((98, 164, 76) if number % 2 else (72, 142, 76), distance, 6)
        land.layer(ridge, lighter(green, 0.14), lighter(green, -0.1), 0.26)
        if number in (1, 2):
            for _ in range(5):
                index = land.random.randint(2, 62)
                x, y = COLUMNS[index], ridge[index]
                bush = lighter(green, -0.22)
                size = land.random.uniform(0.008, 0.016) * (1 + 0.4 * number)
                land.canvas.ellipse(float(x), float(y), size, size * 1.15, bush)
    tufts(land, land.color((60, 130, 62), 0), 16)


def _mountains(land: Land) -> None:
    for distance, height, count in ((0.62, 0.24, 4), (0.3, 0.33, 3)):
        rock = land.color((92, 100, 130), distance, 6)
        base = land.horizon + 0.04
        xs = [(n + land.random.uniform(0.25, 0.75)) / count for n in range(count)]
        for x in xs:
            top = base - height * land.random.uniform(0.72, 1.0)
            peak(land, x, top, base + 0.03, height * land.random.uniform(0.72, 0.95), rock)
    green = land.color((92, 142, 92), 0.16)
    land.layer(land.horizon + land.waves(0.03, 2), green, land.color((56, 108, 74), 0), 0.36)
    land.layer(0.88 + land.waves(0.04, 2), land.color((56, 112, 68), 0), (40, 80, 56), 0.3)


def _city(land: Land) -> None:
    night = land.sky in ("night", "sunset", "storm")
    for distance, low, high in ((0.58, 0.16, 0.36), (0.2, 0.08, 0.26)):
        x = land.random.uniform(-0.05, 0)
        while x < 1:
            width = land.random.uniform(0.07, 0.13)
            top = land.horizon - land.random.uniform(low, high)
            tower(land, x, top, width, distance, night)
            x += width * land.random.uniform(0.92, 1.12)
    street = land.color((120, 124, 134), 0.1)
    flat = np.full_like(COLUMNS, land.horizon + 0.05)
    land.layer(flat, lighter(street, 0.25), lighter(street, 0.25), 0.1)
    land.layer(flat + 0.035, street, lighter(street, -0.2), 0.35)
    y = land.horizon + 0.2
    for number in range(6):
        x = number * 0.2 + land.random.uniform(0, 0.04)
        mark = [(x, y), (x + 0.1, y), (x + 0.1, y + 0.014), (x, y + 0.014)]
        land.canvas.polygon(mark, lighter(street, 0.55))


_HORIZONS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "sea": (0.54, 0.64),
        "beach": (0.5, 0.58),
        "meadow": (0.56, 0.66),
        "desert": (0.56, 0.66),
        "snow": (0.56, 0.66),
        "forest": (0.58, 0.66),
        "hills": (0.54, 0.62),
        "mountains": (0.6, 0.68),
        "city": (0.6, 0.68),
    }
)
_GROUNDS: Mapping[str, Callable[[Land], None]] = MappingProxyType(
    {
        "sea": _sea,
        "beach": _beach,
        "meadow": _meadow,
        "desert": _desert,
        "snow": _snow,
        "forest": _forest,
        "hills": _hills,
        "mountains": _mountains,
        "city": _city,
    }
)
