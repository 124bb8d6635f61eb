"""Things that carry people: boat, balloon and rocket. Each is drawn in the axes of a pen."""

import math
from random import Random

import numpy as np

from engine.demo.scenes.canvas import Color, Pen, lighter

_WOOD: Color = (128, 84, 54)


def draw_boat(pen: Pen, color: Color, random: Random) -> None:
    """Draw a sailing boat with a hull in `color` and two white sails."""
    half, way = random.uniform(0.42, 0.5), random.choice((-1, 1))
    mast = -0.04 * way
    pen.line([(mast, 0.16), (mast, 0.99)], _WOOD, 0.026)
    belly = random.uniform(0.05, 0.1)
    main = [
        (mast + 0.03 * way, 0.26),
        (mast + 0.03 * way, 0.96),
        (way * 0.22, 0.62 + belly),
        (way * half * 0.92, 0.28),
    ]
    white: Color = (252, 248, 236)
    pen.polygon(main, white)
    pen.polygon([main[0], main[1], (mast + 0.09 * way, 0.28)], lighter(white, -0.1))
    jib = [(mast - 0.04 * way, 0.27), (mast - 0.04 * way, 0.86), (-way * half * 0.84, 0.27)]
    pen.polygon(jib, lighter(white, -0.08))
    pen.polygon([jib[0], jib[1], (mast - 0.12 * way, 0.27)], white)
    pen.polygon([(mast, 0.99), (mast - 0.13 * way, 0.955), (mast, 0.92)], color)
    hull = [
        (-half, 0.2),
        (half, 0.2),
        (half * 0.78, 0.05),
        (half * 0.66, 0),
        (-half * 0.62, 0),
        (-half * 0.8, 0.06),
    ]
    pen.polygon(hull, color)
    pen.polygon(
        [(-half * 0.84, 0.08), (half * 0.82, 0.08), (half * 0.66, 0), (-half * 0.62, 0)],
        lighter(color, -0.25),
    )
    pen.line([(-half, 0.195), (half, 0.195)], lighter(color, 0.6), 0.026)
    for x in (-0.55, -0.1, 0.35):
        pen.line([(x * half, -0.015), (x * half + 0.12, -0.015)], (224, 242, 248), 0.016)


def draw_balloon(pen: Pen, color: Color, random: Random) -> None:
    """Draw a hot-air balloon with an envelope in `color`, striped, and a basket."""
    half = random.uniform(0.33, 0.37)
    middle = 0.66
    stripe = lighter(color, 0.5) if min(color) < 200 else (222, 170, 120)
    for x in (-0.08, 0.08):
        pen.line([(x * 1.9, 0.33), (x, 0.12)], (92, 70, 54), 0.012)
    angles = np.linspace(0, 2 * math.pi, 41)[:-1]
    low = np.sin(angles) < 0
    narrowing = np.where(low, 1 - 0.42 * np.abs(np.sin(angles)) ** 3, 1.0)
    rim = np.stack([np.cos(angles) * half * narrowing, middle + np.sin(angles) * 0.34], axis=1)
    pen.polygon(rim, color)
    gores = ((0.62, stripe), (0.3, color))
    for share, tone in gores:
        inner = (rim - (0, 0)) * (share, 1.0)
        pen.polygon(inner, tone)
    pen.polygon(rim * (0.1, 1.0), stripe)
    dark = rim[np.cos(angles) * -pen.lit > 0.0]
    dark = dark[np.argsort(dark[:, 1])]
    inside = dark * (0.5, 1.0)
    pen.polygon(np.concatenate([dark, inside[::-1]]), (40, 20, 70), 0.2)
    light = rim * (0.16, 0.5) + (pen.lit * half * 0.45, 0.42)
    pen.polygon(light, (255, 255, 255), 0.28)
    pen.polygon(
        [(-0.135, 0.355), (0.135, 0.355), (0.105, 0.315), (-0.105, 0.315)], lighter(color, -0.3)
    )
    pen.box(-0.095, 0.0, 0.095, 0.13, (150, 102, 62))
    pen.box(-0.11, 0.11, 0.11, 0.145, (112, 74, 46))
    for y in (0.035, 0.075):
        pen.line([(-0.085, y), (0.085, y)], (120, 80, 50), 0.012)


def draw_rocket(pen: Pen, color: Color, random: Random) -> None:
    """Draw a rocket with its body in `color`, a window, fins, and a flame if it flies."""
    half = random.uniform(0.135, 0.16)
    fins: Color = (232, 234, 240) if min(color) < 200 else (206, 64, 60)
    pen.curve([(-0.1, 0.2), (0.1, 0.2), (0.06, 0.06), (0, -0.02), (-0.06, 0.06)], (255, 148, 44))
    pen.curve([(-0.06, 0.2), (0.06, 0.2), (0.03, 0.1), (0, 0.05), (-0.03, 0.1)], (255, 232, 120))
    pen.light(0, 0.12, 0.26, (255, 190, 90), 0.5)
    for side in (-1, 1):
        fin = [
            (side * half * 0.8, 0.46),
            (side * half * 2.0, 0.24),
            (side * half * 1.9, 0.12),
            (side * half * 0.7, 0.22),
        ]
        pen.polygon(fin, fins if side == pen.lit else lighter(fins, -0.2))
    body = [(-half * 0.7, 0.19), (-half * 1.15, 0.4), (-half * 1.08, 0.7), (0, 1.08)]
    body += [(half * 1.08, 0.7), (half * 1.15, 0.4), (half * 0.7, 0.19)]
    pen.curve(body, color)
    shade = [(x if x * pen.lit < 0 else -pen.lit * half * 0.25, y) for x, y in body]
    pen.curve(shade, lighter(color, -0.18))
    pen.curve([(-half * 0.72, 0.79), (0, 1.08), (half * 0.72, 0.79), (0, 0.83)], fins, times=3)
    pen.ellipse(0, 0.6, half * 0.58, half * 0.58, (236, 238, 244))
    pen.ellipse(0, 0.6, half * 0.42, half * 0.42, (70, 120, 170))
    pen.ellipse(pen.lit * half * 0.13, 0.62, half * 0.15, half * 0.15, (196, 228, 246))
    pen.line([(-half * 0.95, 0.32), (half * 0.95, 0.32)], fins, 0.03)
    pen.polygon([(-0.025, 0.36), (0.025, 0.36), (0.025, 0.12), (-0.025, 0.12)], lighter(fins, -0.1))
