"""Parts of grounds: far hills, water, dunes, grass, firs, peaks and towers."""

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.demo.scenes.canvas import FINE, Color, lighter, mixed, tinted
from engine.demo.scenes.land import COLUMNS, Land


def far_hills(land: Land, color: Color, count: int) -> None:
    """Draw `count` rows of hills behind the horizon."""
    for number in range(count, 0, -1):
        ridge = land.horizon - 0.035 * number + land.waves(0.07, 2)
        hill = land.color(color, 0.35 + 0.2 * number)
        land.layer(ridge, hill, lighter(hill, 0.1), 0.15)


def water_lines(land: Land, top: float, bottom: float, count: int) -> None:
    """Draw light and dark dashes that are longer and farther apart towards the viewer."""
    for _ in range(count):
        near = land.random.random() ** 1.3
        y = top + 0.012 + near * (bottom - top)
        length = 0.02 + 0.09 * near
        x = land.random.uniform(-0.05, 1)
        bright = land.random.random() < 0.6
        tone = land.color((206, 236, 244) if bright else (20, 84, 132), 0.3 * (1 - near))
        course = [(x, y), (x + length / 2, y - 0.004 - 0.006 * near), (x + length, y)]
        land.canvas.line(course, tone, 0.004 + 0.004 * near)


def reflection(land: Land, bottom: float = 1.0) -> None:
    """Draw the path of light that a low sun or the moon leaves on water."""
    if land.sky not in ("sunset", "dawn", "night"):
        return
    color = {"sunset": (255, 196, 110), "dawn": (255, 226, 190), "night": (186, 198, 236)}[land.sky]
    y = land.horizon + 0.012
    while y < bottom - 0.02:
        near = (y - land.horizon) / (1 - land.horizon)
        half = land.random.uniform(0.02, 0.05) * (1 + near)
        middle = land.light_x + land.random.uniform(-0.02, 0.02)
        land.canvas.ellipse(middle, y, half, 0.004 + 0.004 * near, color, 0.6)
        y += 0.016 + 0.02 * near


def dune_shade(land: Land, ridge: NDArray[np.float64], color: Color) -> None:
    """Shade the side of a dune that is turned away from the light, from its crest down."""
    top = int(ridge[8:-8].argmin()) + 8
    reach = 20
    side = -land.lit
    xs = np.clip(top + side * np.arange(reach + 1), 0, 64)
    crest = np.stack([COLUMNS[xs], ridge[xs]], axis=1)
    low = crest[0] + np.array([side * 0.05, 0.13])
    curve = np.stack(
        [
            np.linspace(crest[-1][0], low[0], 12),
            crest[-1][1] + 0.02 + (low[1] - crest[-1][1] - 0.02) * np.linspace(0, 1, 12) ** 0.6,
        ],
        axis=1,
    )
    back = np.stack([crest[0] + np.array([side * 0.015, 0.05]), crest[0]])
    land.canvas.polygon(np.concatenate([crest, curve, back]), color, 0.35)


def specks(land: Land, top: float, color: Color, count: int, size: float) -> None:
    """Scatter pebbles or blossoms from `top` to the lower edge."""
    for _ in range(count):
        y = land.random.uniform(top, 1)
        near = 0.5 + 0.8 * (y - top) / max(1 - top, 0.01)
        radius = size * near * land.random.uniform(0.6, 1)
        land.canvas.ellipse(land.random.random(), y, radius, radius * 0.8, color)


def tufts(land: Land, color: Color, count: int) -> None:
    """Draw blades of grass."""
    for _ in range(count):
        x, y = land.random.random(), land.random.uniform(land.horizon + 0.12, 1)
        size = 0.012 + 0.03 * (y - land.horizon)
        lean = land.random.uniform(-0.5, 0.5) * size
        tone = lighter(color, land.random.uniform(-0.1, 0.2))
        blade = [(x - size * 0.2, y), (x + lean, y - size), (x + size * 0.2, y)]
        land.canvas.polygon(blade, tone)


def fir(land: Land, x: float, base: float, size: float, color: Color) -> None:
    """Draw the outline of a fir."""
    half = size * 0.23
    for bottom, top, share in ((0, 0.55, 1), (0.3, 0.8, 0.75), (0.55, 1.05, 0.5)):
        left, right = x - half * share, x + half * share
        low, high = base - bottom * size, base - top * size
        land.canvas.polygon([(left, low), (x, high), (right, low)], color)


def peak(land: Land, x: float, top: float, base: float, half: float, rock: Color) -> None:
    """Draw a mountain with a snowy summit, lit from one side."""
    land.canvas.polygon([(x - half, base), (x, top), (x + half, base)], lighter(rock, 0.12))
    dark = x - land.lit * half
    ridge = [
        (x, top),
        (x - land.lit * half * 0.1, (top + base) / 2),
        (x + land.lit * half * 0.06, base),
    ]
    land.canvas.polygon([*ridge, (dark, base)], lighter(rock, -0.14))
    cap, snow = (base - top) * 0.32, mixed(tinted((250, 252, 255), land.tint), land.haze, 0.12)
    wide = half * 0.32
    zigzag = [
        (x - wide, top + cap),
        (x - wide * 0.5, top + cap * 0.78),
        (x - wide * 0.15, top + cap * 1.15),
        (x + wide * 0.3, top + cap * 0.75),
        (x + wide * 0.55, top + cap * 1.0),
        (x + wide * 0.95, top + cap * 0.95),
    ]
    land.canvas.polygon([(x, top), *zigzag[::-1]], snow)
    shaded = zigzag[:3] if land.lit > 0 else zigzag[3:][::-1]
    land.canvas.polygon([(x, top), *shaded], lighter(mixed(snow, rock, 0.3), 0))


def tower(land: Land, x: float, top: float, width: float, distance: float, night: bool) -> None:
    """Draw a high building with rows of windows."""
    hues = ((110, 122, 150), (140, 132, 146), (96, 112, 138), (150, 140, 134))
    wall = land.color(land.random.choice(hues), distance)
    base = land.horizon + 0.06
    land.canvas.polygon([(x, top), (x + width, top), (x + width, base), (x, base)], wall)
    edge = x if land.lit < 0 else x + width * 0.68
    side = [(edge, top), (edge + width * 0.32, top), (edge + width * 0.32, base), (edge, base)]
    land.canvas.polygon(side, lighter(wall, 0.12))
    if land.random.random() < 0.25:
        land.canvas.line([(x + width / 2, top), (x + width / 2, top - 0.05)], wall, 0.006)
    glass = (255, 222, 140) if night else mixed(lighter(wall, 0.45), land.haze, 0.3)
    pixels = land.canvas.pixels
    step = 0.028
    for row in range(int((base - top) / step) - 1):
        for column in range(int(width / step)):
            if land.random.random() < (0.5 if night else 0.8):
                left = round((x + 0.008 + column * step) * FINE)
                high = round((top + 0.012 + row * step) * FINE)
                shown = mixed(glass, land.haze, 0.5 * distance)
                cv2.rectangle(pixels, (left, high), (left + 2, high + 3), shown, -1)
