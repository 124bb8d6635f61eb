"""Buildings: house, castle, lighthouse and windmill. Each is drawn in the axes of a pen."""

import math
from random import Random

from engine.demo.scenes.canvas import Color, Pen, lighter

_GLASS: Color = (120, 176, 206)
_LAMP: Color = (255, 224, 130)
_WOOD: Color = (118, 78, 52)
_ROOFS: tuple[Color, ...] = ((158, 66, 52), (92, 84, 96), (122, 82, 58))


def draw_house(pen: Pen, color: Color, random: Random) -> None:
    """Draw a house with walls in `color`, a gabled roof, a chimney, a door and windows."""
    half, wall = random.uniform(0.42, 0.52), random.uniform(0.46, 0.54)
    roof = random.choice(_ROOFS)
    side = -pen.lit
    pen.box(side * 0.25 - 0.055, 0.6, side * 0.25 + 0.055, 0.98, lighter(roof, -0.25))
    pen.box(side * 0.25 - 0.07, 0.95, side * 0.25 + 0.07, 1.0, lighter(roof, -0.1))
    pen.box(-half, 0, half, wall, color)
    dark = sorted((side * half, side * half * 0.45))
    pen.box(dark[0], 0, dark[1], wall, lighter(color, -0.14))
    pen.box(-half, 0, half, 0.045, lighter(color, -0.32))
    peak = random.uniform(0.9, 0.96)
    eave = half + 0.09
    pen.polygon([(-eave, wall - 0.03), (0, peak), (eave, wall - 0.03)], roof)
    pen.polygon(
        [(0, peak), (side * eave, wall - 0.03), (side * eave * 0.15, wall - 0.03)],
        lighter(roof, -0.18),
    )
    pen.line([(-eave, wall - 0.025), (eave, wall - 0.025)], lighter(roof, 0.24), 0.024)
    _window(pen, 0.0, wall + 0.16, 0.055, round_top=True)
    door = random.choice((-0.2, 0.0, 0.2)) * half / 0.5
    pen.box(door - 0.075, 0, door + 0.075, 0.29, (250, 240, 222))
    pen.box(door - 0.058, 0, door + 0.058, 0.27, _WOOD)
    pen.ellipse(door + 0.03, 0.13, 0.012, 0.012, _LAMP)
    for x in (-0.3, 0.0, 0.3):
        place = x * half / 0.45
        if abs(place - door) > 0.17:
            _window(pen, place, 0.26, 0.075)


def draw_castle(pen: Pen, color: Color, random: Random) -> None:
    """Draw a castle with walls in `color`: two towers with cone roofs, a keep, a gate, flags."""
    roof: Color = random.choice(((176, 58, 56), (70, 84, 150), (96, 72, 130)))
    half = random.uniform(0.46, 0.54)
    tower = 0.125
    keep = random.uniform(0.62, 0.7)
    _turret(pen, -0.0, 0.1, keep, 0.155, color, None)
    _flag(pen, 0, keep + 0.045, roof, random)
    pen.box(-half, 0, half, 0.4, lighter(color, -0.1))
    _battlements(pen, -half, half, 0.4, lighter(color, -0.1), 9)
    for x, height in ((-half, random.uniform(0.56, 0.66)), (half, random.uniform(0.56, 0.66))):
        _turret(pen, x, 0, height, tower, color, roof)
        _flag(pen, x, height + 0.27, roof, random)
    for x in (-0.27, 0.27):
        pen.box(x - 0.017, 0.19, x + 0.017, 0.31, lighter(color, -0.6))
    arch = [(-0.11, 0), (-0.11, 0.17), (-0.06, 0.25), (0.06, 0.25), (0.11, 0.17), (0.11, 0)]
    pen.polygon([(x * 1.25, y * 1.12) for x, y in arch], lighter(color, 0.25))
    pen.polygon(arch, (74, 46, 36))
    for x in (-0.05, 0.0, 0.05):
        pen.line([(x, 0.01), (x, 0.22)], (122, 84, 56), 0.013)


def draw_lighthouse(pen: Pen, color: Color, random: Random) -> None:
    """Draw a lighthouse on a rock, white with bands in `color`, and its lamp."""
    low, high = random.uniform(0.135, 0.165), 0.095
    rock: Color = (112, 108, 112)
    pen.curve([(-0.36, 0), (-0.3, 0.08), (-0.1, 0.15), (0.14, 0.13), (0.34, 0.06), (0.38, 0)], rock)
    pen.curve([(-0.1, 0.02), (0.0, 0.12), (0.2, 0.1), (0.3, 0.02)], lighter(rock, 0.16))
    bottom, top = 0.08, 0.74
    bands = random.choice((5, 7))
    for number in range(bands):
        y0 = bottom + (top - bottom) * number / bands
        y1 = bottom + (top - bottom) * (number + 1) / bands
        h0 = low + (high - low) * number / bands
        h1 = low + (high - low) * (number + 1) / bands
        tone = (250, 248, 242) if number % 2 else color
        pen.polygon([(-h0, y0), (h0, y0), (h1, y1), (-h1, y1)], tone)
        dark = -pen.lit
        shade = [(dark * h0, y0), (dark * h0 * 0.3, y0), (dark * h1 * 0.3, y1), (dark * h1, y1)]
        pen.polygon(shade, lighter(tone, -0.16))
    for y in (0.28, 0.5):
        pen.box(-0.022, y, 0.022, y + 0.07, (70, 76, 96))
    pen.box(-0.15, 0.73, 0.15, 0.765, (62, 66, 82))
    pen.box(-0.075, 0.765, 0.075, 0.88, _LAMP)
    pen.light(0, 0.82, 0.34, _LAMP, 0.75)
    for x in (-0.075, 0, 0.075):
        pen.line([(x, 0.765), (x, 0.88)], (62, 66, 82), 0.016)
    pen.polygon([(-0.115, 0.875), (0, 0.99), (0.115, 0.875)], lighter(color, -0.2))
    pen.ellipse(0, 0.985, 0.02, 0.02, (62, 66, 82))


def draw_windmill(pen: Pen, color: Color, random: Random) -> None:
    """Draw a windmill with a body in `color` and four sails that are turned anyhow."""
    low, high = random.uniform(0.2, 0.24), 0.115
    pen.polygon([(-low, 0), (low, 0), (high, 0.58), (-high, 0.58)], color)
    dark = -pen.lit
    pen.polygon(
        [(dark * low, 0), (dark * low * 0.35, 0), (dark * high * 0.35, 0.58), (dark * high, 0.58)],
        lighter(color, -0.16),
    )
    pen.polygon(
        [(-low, 0), (low, 0), (low * 0.96, 0.06), (-low * 0.96, 0.06)], lighter(color, -0.36)
    )
    roof = random.choice(_ROOFS)
    pen.curve(
        [
            (-high * 1.3, 0.55),
            (-high * 1.1, 0.68),
            (0, 0.82),
            (high * 1.1, 0.68),
            (high * 1.3, 0.55),
        ],
        roof,
        times=2,
    )
    pen.box(-0.055, 0, 0.055, 0.17, _WOOD)
    _window(pen, 0, 0.33, 0.045)
    turn = random.uniform(0, math.pi / 2)
    hub = 0.63
    cloth: Color = (250, 244, 228)
    for number in range(4):
        angle = turn + number * math.pi / 2
        cos, sin = math.cos(angle), math.sin(angle)

        def placed(along: float, across: float, c: float = cos, s: float = sin):
            return (along * c - across * s, hub + along * s + across * c)

        sail = [placed(0.08, 0.0), placed(0.37, 0.0), placed(0.37, 0.105), placed(0.08, 0.085)]
        pen.polygon(sail, cloth)
        for along in (0.15, 0.22, 0.3):
            pen.line([placed(along, 0.0), placed(along, 0.095)], (176, 150, 118), 0.009)
        pen.line([placed(0, 0), placed(0.38, 0)], (96, 66, 46), 0.022)
    pen.ellipse(0, hub, 0.032, 0.032, (96, 66, 46))


def _window(pen: Pen, x: float, y: float, half: float, *, round_top: bool = False) -> None:
    """Draw a window with a frame; it is lit when the scene is dark."""
    glass = _LAMP if sum(pen.tint) < 2.4 else _GLASS
    frame: Color = (250, 244, 230)
    if round_top:
        pen.ellipse(x, y, half * 1.3, half * 1.3, frame)
        pen.ellipse(x, y, half * 0.95, half * 0.95, glass)
    else:
        pen.box(x - half * 1.2, y - half * 1.3, x + half * 1.2, y + half * 1.3, frame)
        pen.box(x - half * 0.9, y - half, x + half * 0.9, y + half, glass)
    pen.line([(x, y - half), (x, y + half)], frame, 0.014)
    pen.line([(x - half, y), (x + half, y)], frame, 0.014)


def _turret(
    pen: Pen, x: float, bottom: float, top: float, half: float, color: Color, roof: Color | None
) -> None:
    """Draw a tower with a cone for a roof, or with battlements."""
    pen.box(x - half, bottom, x + half, top, color)
    dark = sorted((x - pen.lit * half, x - pen.lit * half * 0.3))
    pen.box(dark[0], bottom, dark[1], top, lighter(color, -0.16))
    light = sorted((x + pen.lit * half, x + pen.lit * half * 0.6))
    pen.box(light[0], bottom, light[1], top, lighter(color, 0.18))
    pen.box(x - 0.02, top - 0.2, x + 0.02, top - 0.08, lighter(color, -0.6))
    if roof is None:
        _battlements(pen, x - half * 1.12, x + half * 1.12, top, color, 5)
        return
    wide = half * 1.3
    pen.polygon([(x - wide, top), (x, top + 0.28), (x + wide, top)], roof)
    pen.polygon(
        [(x, top + 0.28), (x - pen.lit * wide, top), (x - pen.lit * wide * 0.2, top)],
        lighter(roof, -0.2),
    )


def _battlements(pen: Pen, left: float, right: float, y: float, color: Color, count: int) -> None:
    step = (right - left) / count
    pen.box(left, y - 0.03, right, y + 0.005, lighter(color, 0.12))
    for number in range(0, count, 2):
        pen.box(left + number * step, y, left + (number + 1) * step, y + 0.055, color)


def _flag(pen: Pen, x: float, y: float, color: Color, random: Random) -> None:
    pen.line([(x, y), (x, y + 0.12)], (90, 70, 60), 0.014)
    wave = random.uniform(-0.015, 0.015)
    pen.polygon([(x, y + 0.12), (x + 0.11, y + 0.09 + wave), (x, y + 0.06)], lighter(color, 0.15))
