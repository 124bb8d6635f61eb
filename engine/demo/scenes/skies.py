"""Skies: their gradients, clouds, stars, rain and light."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

import cv2
import numpy as np

from engine.demo.scenes.canvas import FINE, Canvas, Color, lighter, mixed, rounded


@dataclass(frozen=True)
class Sky:
    """How a kind of sky looks."""

    colors: tuple[Color, ...]
    """Colors from the zenith to the horizon, at equal distances."""
    tint: Color
    """Color of the light on everything below, where 1 is white."""
    cloud: Color
    """Color of clouds where light falls on them."""
    clouds: tuple[int, int]
    """Least and largest number of clouds."""


SKIES: Mapping[str, Sky] = MappingProxyType(
    {
        "day": Sky(
            ((52, 128, 214), (112, 180, 236), (204, 232, 246)), (1, 1, 1), (255, 255, 255), (1, 4)
        ),
        "dawn": Sky(
            ((126, 134, 200), (214, 168, 206), (250, 190, 190), (255, 228, 190)),
            (1.0, 0.93, 0.94),
            (255, 226, 226),
            (1, 3),
        ),
        "sunset": Sky(
            ((62, 44, 112), (150, 58, 118), (232, 92, 84), (255, 176, 74)),
            (0.98, 0.84, 0.78),
            (244, 120, 100),
            (1, 4),
        ),
        "night": Sky(
            ((8, 12, 44), (18, 30, 78), (44, 62, 116)), (0.56, 0.6, 0.8), (58, 72, 122), (0, 2)
        ),
        "storm": Sky(
            ((40, 46, 58), (74, 82, 94), (128, 134, 138)), (0.74, 0.77, 0.8), (98, 104, 116), (5, 8)
        ),
        "snow": Sky(
            ((164, 178, 198), (198, 208, 220), (228, 233, 238)),
            (0.93, 0.95, 1.0),
            (226, 230, 238),
            (1, 3),
        ),
        "rainbow": Sky(
            ((92, 148, 200), (156, 196, 222), (222, 234, 232)),
            (0.98, 1.0, 0.98),
            (246, 248, 250),
            (1, 3),
        ),
    }
)
"""All skies by name."""
_RAINBOW: tuple[Color, ...] = (
    (226, 62, 66),
    (246, 148, 50),
    (250, 226, 86),
    (88, 186, 96),
    (66, 130, 216),
    (140, 84, 186),
)
_SUN: Mapping[str, Color] = MappingProxyType(
    {"day": (255, 226, 92), "dawn": (255, 214, 140), "sunset": (255, 206, 92)}
)


def draw_sky(canvas: Canvas, name: str, horizon: float, random: Random) -> None:
    """Fill the canvas with a sky that reaches down to `horizon`, without the sun and clouds."""
    sky = SKIES[name]
    stops = np.linspace(0, max(horizon, 0.3), len(sky.colors))
    shift = np.array([random.uniform(-9, 9) for _ in range(3)])
    rows = (np.arange(FINE) + 0.5) / FINE
    channels = np.array(sky.colors).T
    paint = np.stack([np.interp(rows, stops, channel) for channel in channels], axis=1) + shift
    canvas.pixels[...] = np.clip(paint, 0, 255).astype(np.uint8)[:, None]
    if name == "night":
        _draw_stars(canvas, horizon, random)
    if name == "rainbow":
        _draw_rainbow(canvas, horizon, random)


def draw_sun(canvas: Canvas, sky: str, x: float, y: float, radius: float) -> None:
    """Draw the sun with its glow; `radius` is that of its disc."""
    color = _SUN[sky]
    canvas.glow(x, y, radius * 4.5, lighter(color, 0.35), 0.75)
    canvas.ellipse(x, y, radius * 1.32, radius * 1.32, lighter(color, 0.3), 0.4)
    canvas.ellipse(x, y, radius, radius, color)
    canvas.ellipse(x, y, radius * 0.82, radius * 0.82, lighter(color, 0.35), 0.55)


def draw_moon(canvas: Canvas, x: float, y: float, radius: float, random: Random) -> None:
    """Draw a full or a crescent moon with its halo."""
    color = (250, 244, 214)
    canvas.glow(x, y, radius * 4, (150, 168, 220), 0.6)
    if random.random() < 0.5:
        canvas.ellipse(x, y, radius, radius, color)
        for dx, dy, size in ((-0.3, -0.25, 0.26), (0.35, 0.1, 0.2), (-0.1, 0.45, 0.16)):
            spot = radius * size
            canvas.ellipse(x + dx * radius, y + dy * radius, spot, spot, (226, 218, 190))
        return
    side = random.choice((-1, 1))
    angles = np.linspace(-math.pi / 2, math.pi / 2, 24)
    outer = np.stack([np.cos(angles) * side, np.sin(angles)], axis=1)
    inner = np.stack([np.cos(angles) * side * 0.35, np.sin(angles)], axis=1)[::-1]
    canvas.polygon(np.concatenate([outer, inner]) * radius + (x - side * radius * 0.4, y), color)


def draw_clouds(
    canvas: Canvas,
    name: str,
    horizon: float,
    lit: int,
    random: Random,
    *,
    keep_free: tuple[float, float],
) -> None:
    """Draw the clouds of a sky, far ones first; those of a storm cover its upper part.

    No cloud covers the sun or the moon at `keep_free`.
    """
    sky = SKIES[name]
    count = random.randint(*sky.clouds)
    for number in range(count):
        near = (number + 1) / max(count, 1)
        y = horizon * random.uniform(0.12, 0.75) * (1.05 - 0.5 * near)
        width = random.uniform(0.16, 0.3) * (0.6 + 0.6 * near)
        if name == "storm":
            y, width = random.uniform(0.0, 0.16), random.uniform(0.3, 0.5)
        color = mixed(sky.cloud, sky.colors[-1], random.uniform(0.0, 0.3))
        x = random.uniform(0, 1)
        is_free = abs(x - keep_free[0]) > width * 0.6 + 0.08 or abs(y - keep_free[1]) > 0.2
        if is_free or name == "storm":
            _draw_cloud(canvas, x, y, width, color, sky, lit, random)
    if name == "storm":
        _draw_lightning(canvas, horizon, random)


def draw_weather(canvas: Canvas, name: str, random: Random) -> None:
    """Draw the rain of a storm or the flakes of snowfall over everything."""
    numbers = np.random.default_rng(random.getrandbits(32))
    if name == "storm":
        rain = canvas.pixels.copy()
        slant = random.uniform(-0.03, 0.03)
        for x, y, length in numbers.random((70, 3)) * (1, 1, 0.05) + (0, 0, 0.03):
            course = np.rint(np.array([(x, y), (x + slant, y + length)]) * FINE * 16)
            cv2.polylines(
                rain, [course.astype(np.int32)], False, (190, 202, 214), 1, cv2.LINE_AA, 4
            )
        canvas.pixels = cv2.addWeighted(rain, 0.5, canvas.pixels, 0.5, 0).astype(np.uint8)
    if name == "snow":
        for x, y, size in numbers.random((85, 3)).tolist():
            radius = round((1.1 + 1.9 * size * size) * 16)
            center = (round(x * FINE * 16), round(y * FINE * 16))
            cv2.circle(canvas.pixels, center, radius, (255, 255, 255), -1, cv2.LINE_AA, 4)


def _draw_stars(canvas: Canvas, horizon: float, random: Random) -> None:
    for _ in range(random.randint(45, 75)):
        x, y = random.random(), random.random() ** 1.2 * horizon
        size = 0.0028 + 0.0042 * random.random() ** 3
        color = random.choice(((255, 255, 255), (255, 240, 204), (206, 222, 255)))
        canvas.ellipse(x, y, size, size, mixed((60, 78, 140), color, random.uniform(0.5, 1)))


def _draw_rainbow(canvas: Canvas, horizon: float, random: Random) -> None:
    x = random.uniform(0.25, 0.75)
    radius, y = random.uniform(0.44, 0.6), horizon + random.uniform(0.0, 0.1)
    band = 0.022
    angles = np.linspace(math.pi, 2 * math.pi, 48)
    arc = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    before = canvas.pixels.copy()
    for number, color in enumerate(_RAINBOW):
        canvas.line(arc * (radius - number * band) + (x, y), color, band * 1.15)
    canvas.pixels = cv2.addWeighted(canvas.pixels, 0.72, before, 0.28, 0).astype(np.uint8)


def _draw_cloud(
    canvas: Canvas,
    x: float,
    y: float,
    width: float,
    color: Color,
    sky: Sky,
    lit: int,
    random: Random,
) -> None:
    """Draw a heap of discs on a flat base, with a shaded underside."""
    height = width * random.uniform(0.24, 0.36)
    count = random.randint(4, 6)
    discs = []
    for number in range(count):
        along = (number + 0.5) / count - 0.5
        rise = (1 - (2 * along) ** 2) * random.uniform(0.7, 1.0) + 0.25
        discs.append((x + along * width * 0.8, height * rise * 0.62))
    shade = mixed(color, sky.colors[0], 0.28)
    low = y + height * 0.1
    base = rounded(
        [
            (x - width * 0.56, low),
            (x - width * 0.5, y - height * 0.4),
            (x + width * 0.5, y - height * 0.4),
            (x + width * 0.56, low),
        ],
        2,
    )
    canvas.polygon(base, shade)
    for cx, radius in discs:
        canvas.ellipse(cx, y - radius * 0.55, radius, radius, shade)
    for cx, radius in discs:
        canvas.ellipse(
            cx + lit * radius * 0.12, y - radius * 0.72, radius * 0.88, radius * 0.8, color
        )


def _draw_lightning(canvas: Canvas, horizon: float, random: Random) -> None:
    x, y = random.uniform(0.12, 0.88), random.uniform(0.1, 0.16)
    canvas.glow(x, 0.2, 0.34, (206, 208, 240), 0.55)
    course = [(x, y)]
    while y < horizon - 0.03:
        y += random.uniform(0.05, 0.09)
        x += random.choice((-1, 1)) * random.uniform(0.02, 0.055)
        course.append((x, min(y, horizon)))
    canvas.line(course, (255, 250, 206), 0.014)
    if len(course) > 3:
        fork = course[2]
        side = random.choice((-1, 1))
        end = [(fork[0] + side * 0.06, fork[1] + 0.06), (fork[0] + side * 0.07, fork[1] + 0.13)]
        canvas.line([fork, *end], (255, 250, 206), 0.008)
