"""Plants: tree, pine, palm, flower and mushroom. Each is drawn in the axes of a pen."""

import math
from random import Random

import numpy as np

from engine.demo.scenes.canvas import Color, Pen, lighter

_BARK: Color = (112, 76, 52)


def draw_tree(pen: Pen, color: Color, random: Random) -> None:
    """Draw a broad-leaved tree with a crown in `color`."""
    width = random.uniform(0.3, 0.38)
    _trunk(pen, 0.5, random.uniform(0.035, 0.05), random)
    pen.line([(0, 0.3), (-0.12, 0.46)], _BARK, 0.03)
    pen.line([(0, 0.34), (0.11, 0.5)], _BARK, 0.03)
    middle = 0.66
    blobs = [(0.0, 0.8, 0.2), (-0.6, 0.58, 0.17), (0.6, 0.58, 0.17), (-0.32, 0.72, 0.18)]
    blobs += [(0.32, 0.72, 0.18), (0.0, 0.56, 0.2)]
    placed = [
        (x * width + random.uniform(-0.02, 0.02), y + random.uniform(-0.02, 0.02), size)
        for x, y, size in blobs
    ]
    for x, y, size in placed:
        pen.ellipse(x, y, size, size * 0.94, lighter(color, -0.24))
    for x, y, size in placed:
        shift = 0.02 * pen.lit
        pen.ellipse(x + shift, y + 0.022, size * 0.86, size * 0.82, color)
    for x, y, size in placed:
        if x * pen.lit > -0.1 and y > middle - 0.12:
            shift = 0.045 * pen.lit
            pen.ellipse(x + shift, y + 0.06, size * 0.5, size * 0.42, lighter(color, 0.2))
    for _ in range(9):
        x, y = random.uniform(-0.8, 0.8) * width, middle + random.uniform(-0.16, 0.18)
        pen.ellipse(x, y, 0.022, 0.016, lighter(color, random.choice((-0.18, 0.3))))


def draw_pine(pen: Pen, color: Color, random: Random) -> None:
    """Draw a conifer of four or five tiers in `color`."""
    pen.box(-0.04, 0, 0.04, 0.2, _BARK)
    tiers = random.choice((4, 5))
    width = random.uniform(0.25, 0.31)
    for number in range(tiers):
        share = number / tiers
        low, high = 0.13 + 0.62 * share, 0.13 + 0.62 * share + 0.36 - 0.1 * share
        half = width * (1 - 0.72 * share)
        high = min(high, 1.0) if number < tiers - 1 else 1.0
        skirt = [
            (-half, low),
            (-half * 0.5, low + 0.03),
            (0, low - 0.025),
            (half * 0.5, low + 0.03),
        ]
        tone = lighter(color, -0.12 + 0.1 * share)
        pen.polygon([*skirt, (half, low), (0, high)], tone)
        side = pen.lit
        light = [(side * half, low), (side * half * 0.5, low + 0.03), (side * half * 0.12, low)]
        pen.polygon([*light, (0, high)], lighter(tone, 0.16))


def draw_palm(pen: Pen, color: Color, random: Random) -> None:
    """Draw a leaning palm with fronds in `color` and coconuts."""
    lean = random.choice((-1, 1)) * random.uniform(0.08, 0.18)
    rise = np.linspace(0, 1, 9)
    middle = np.stack([lean * rise**2, rise * 0.72], axis=1)
    half = (0.045 - 0.018 * rise)[:, None] * (1, 0)
    pen.polygon(np.concatenate([middle - half, (middle + half)[::-1]]), (150, 108, 70))
    for number in range(1, 8):
        x, y = middle[number]
        pen.line([(x - 0.03, y), (x + 0.03, y + 0.008)], (112, 78, 50), 0.012)
    x, y = middle[-1]
    angles = [-200, -160, -125, -90, -55, -20, 20]
    for number, degrees in enumerate(angles):
        angle = math.radians(degrees + random.uniform(-9, 9))
        _frond(pen, x, y, angle, random.uniform(0.36, 0.44), lighter(color, -0.16 + 0.055 * number))
    for shift in (-0.03, 0.03):
        pen.ellipse(x + shift, y - 0.02, 0.032, 0.032, (104, 66, 40))


def draw_flower(pen: Pen, color: Color, random: Random) -> None:
    """Draw a large flower with petals in `color`, a stem and two leaves."""
    bend = random.uniform(-0.06, 0.06)
    stem, leaf = (74, 140, 62), (92, 164, 74)
    pen.line([(0, 0), (bend * 0.4, 0.3), (bend, 0.66)], stem, 0.035)
    for side, low in ((-1, 0.12), (1, 0.22)):
        tip = (side * 0.24, low + random.uniform(0.12, 0.18))
        pen.curve([(0, low), (side * 0.12, low + 0.16), tip, (side * 0.12, low - 0.01)], leaf)
    count = random.randint(5, 8)
    turn, y = random.uniform(0, 2 * math.pi), 0.72
    for ring, shade in ((0.165, -0.16), (0.14, 0.06)):
        for number in range(count):
            angle = turn + 2 * math.pi * (number + (shade > 0) * 0.5) / count
            px, py = bend + ring * math.cos(angle), y + ring * math.sin(angle)
            _petal(pen, px, py, angle, 0.135 if shade < 0 else 0.1, lighter(color, shade))
    heart: Color = (250, 206, 62) if color[2] > 120 or color[1] < 150 else (120, 72, 40)
    pen.ellipse(bend, y, 0.085, 0.085, lighter(heart, -0.15))
    pen.ellipse(bend + 0.012 * pen.lit, y + 0.015, 0.062, 0.062, heart)


def draw_mushroom(pen: Pen, color: Color, random: Random) -> None:
    """Draw a mushroom with a spotted cap in `color`."""
    width, bend = random.uniform(0.42, 0.5), random.uniform(-0.03, 0.03)
    stalk: Color = (242, 230, 206)
    pen.curve([(-0.16, 0), (-0.1, 0.5), (0.1, 0.5), (0.16, 0)], stalk, times=2)
    dark = -pen.lit
    pen.curve(
        [(dark * 0.15, 0.01), (dark * 0.1, 0.5), (dark * 0.03, 0.5), (dark * 0.05, 0)],
        lighter(stalk, -0.14),
        times=2,
    )
    pen.ellipse(bend, 0.47, width * 0.84, 0.075, lighter(stalk, -0.22))
    cap = [(-width, 0.42), (-width * 1.06, 0.68), (-width * 0.5, 1.06), (width * 0.5, 1.06)]
    cap += [(width * 1.06, 0.68), (width, 0.42), (0, 0.58)]
    pen.curve([(x + bend, y) for x, y in cap], lighter(color, -0.14))
    pen.curve([(x * 0.88 + bend + 0.03 * pen.lit, y * 0.84 + 0.13) for x, y in cap], color)
    spots: Color = (255, 250, 238) if min(color) < 200 else (222, 120, 100)
    for x, y, size in (
        (-0.5, 0.66, 0.06),
        (0.02, 0.8, 0.075),
        (0.55, 0.66, 0.06),
        (-0.2, 0.62, 0.04),
        (0.28, 0.64, 0.045),
    ):
        pen.ellipse(x * width + bend, y, size, size * 0.85, spots)


def _trunk(pen: Pen, top: float, half: float, random: Random) -> None:
    lean = random.uniform(-0.02, 0.02)
    outline = [(-half * 1.7, 0), (-half, 0.1), (lean - half * 0.8, top), (lean + half * 0.8, top)]
    pen.polygon([*outline, (half, 0.1), (half * 1.7, 0)], _BARK)
    side = pen.lit * half
    light = [(side * 0.2, 0), (side * 0.3, top), (side * 0.8, top), (side, 0.1), (side * 1.6, 0)]
    pen.polygon(light, lighter(_BARK, 0.18))


def _frond(pen: Pen, x: float, y: float, angle: float, length: float, color: Color) -> None:
    """Draw a leaf that bends down under its weight, with a toothed lower edge."""
    along = np.linspace(0, 1, 9)
    dx, dy = math.cos(angle) * length, -math.sin(angle) * length
    spine = np.stack([x + dx * along, y + dy * along - 0.24 * along**2.2], axis=1)
    width = np.sin(np.pi * np.clip(along * 0.92 + 0.06, 0, 1)) * 0.062
    teeth = width * np.where(np.arange(9) % 2, 1.45, 0.6)
    upper, lower = spine + width[:, None] * (0, 0.8), spine - teeth[:, None] * (0, 1.1)
    pen.polygon(np.concatenate([upper, lower[::-1]]), color)


def _petal(pen: Pen, x: float, y: float, angle: float, size: float, color: Color) -> None:
    cos, sin = math.cos(angle) * size, math.sin(angle) * size
    outline = [(-0.9, -0.35), (0.5, -0.75), (1.15, 0.0), (0.5, 0.75), (-0.9, 0.35)]
    pen.curve([(x + a * cos - b * sin, y + a * sin + b * cos) for a, b in outline], color, times=2)
