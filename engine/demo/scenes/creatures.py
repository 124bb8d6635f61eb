"""Living beings: bird, fish, cat, dog and person. Each is drawn in the axes of a pen."""

import math
from random import Random

from engine.demo.scenes.canvas import Color, Pen, lighter, mixed

_INK: Color = (36, 30, 42)
_SKIN: tuple[Color, ...] = ((246, 208, 178), (222, 168, 128), (164, 112, 80), (110, 74, 54))
_HAIR: tuple[Color, ...] = ((50, 36, 32), (110, 70, 42), (210, 164, 84), (150, 70, 40))


def draw_bird(pen: Pen, color: Color, random: Random) -> None:
    """Draw a flying bird from the side, with plumage in `color` and a raised wing."""
    way = random.choice((-1, 1))
    beat = random.uniform(0.0, 0.14)

    def turned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(x * way, y) for x, y in points]

    far = [(0.06, 0.42), (0.16, 0.7), (0.02 + beat, 0.96 - beat), (-0.08, 0.74), (-0.14, 0.44)]
    pen.curve(turned(far), lighter(color, -0.32))
    pen.polygon(
        turned([(-0.3, 0.4), (-0.66, 0.46), (-0.58, 0.33), (-0.68, 0.22), (-0.28, 0.27)]),
        lighter(color, -0.22),
    )
    body = [(-0.42, 0.36), (-0.12, 0.52), (0.3, 0.54), (0.42, 0.36), (0.2, 0.13), (-0.16, 0.14)]
    pen.curve(turned(body), color)
    belly = [(-0.24, 0.26), (0.1, 0.34), (0.32, 0.3), (0.18, 0.14), (-0.1, 0.15)]
    pen.curve(turned(belly), lighter(color, 0.5))
    pen.polygon(turned([(0.53, 0.47), (0.72, 0.4), (0.52, 0.37)]), (246, 168, 48))
    pen.ellipse(0.41 * way, 0.44, 0.145, 0.135, color)
    pen.ellipse(0.46 * way, 0.47, 0.042, 0.042, (255, 255, 255))
    pen.ellipse(0.47 * way, 0.47, 0.027, 0.027, _INK)
    wing = [(0.18, 0.4), (0.06, 0.78), (-0.3 + beat, 1.06 - beat), (-0.36, 0.78), (-0.24, 0.36)]
    pen.curve(turned(wing), lighter(color, -0.12))
    tips = [(-0.02, 0.66), (-0.28 + beat, 0.99 - beat), (-0.32, 0.78), (-0.2, 0.52)]
    pen.curve(turned(tips), lighter(color, 0.22))


def draw_fish(pen: Pen, color: Color, random: Random) -> None:
    """Draw a fish from the side, with scales in `color`, fins and a tail."""
    way = random.choice((-1, 1))
    fins = lighter(color, -0.22)
    thick = random.uniform(0.88, 1.05)

    def turned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(x * way, 0.5 + (y - 0.5) * thick) for x, y in points]

    pen.polygon(turned([(-0.36, 0.5), (-0.82, 0.86), (-0.7, 0.5), (-0.82, 0.14)]), fins)
    pen.curve(turned([(-0.3, 0.7), (-0.12, 1.06), (0.22, 0.96), (0.26, 0.72)]), fins)
    pen.curve(turned([(-0.22, 0.3), (-0.16, 0.0), (0.06, 0.06), (0.14, 0.26)]), fins)
    body = [(-0.58, 0.5), (-0.3, 0.84), (0.3, 0.94), (0.76, 0.5), (0.3, 0.1), (-0.3, 0.18)]
    pen.curve(turned(body), color)
    pen.curve(
        turned([(-0.3, 0.36), (0.2, 0.4), (0.56, 0.4), (0.26, 0.14), (-0.2, 0.2)]),
        lighter(color, 0.42),
    )
    for x in (-0.24, -0.02):
        arc = [
            (x + 0.07 * math.cos(a), 0.52 + 0.24 * math.sin(a)) for a in (-1.2, -0.6, 0, 0.6, 1.2)
        ]
        pen.line(turned(arc), lighter(color, 0.55), 0.04)
    gill = [(0.2, 0.74), (0.14, 0.54), (0.2, 0.34)]
    pen.line(turned(gill), fins, 0.035)
    pen.curve(turned([(0.1, 0.48), (-0.16, 0.4), (-0.1, 0.28), (0.1, 0.36)]), fins, times=2)
    eye = turned([(0.4, 0.6)])[0]
    pen.ellipse(*eye, 0.085, 0.085, (255, 255, 255))
    pen.ellipse(eye[0] + 0.015 * way, eye[1], 0.052, 0.052, _INK)


def draw_cat(pen: Pen, color: Color, random: Random) -> None:
    """Draw the face of a cat with fur in `color`, above its chest."""
    pink: Color = (240, 158, 158)
    iris: Color = random.choice(((122, 188, 92), (236, 190, 70), (96, 168, 206)))
    dark = lighter(color, -0.26)
    pen.curve([(-0.42, -0.02), (-0.34, 0.34), (0.34, 0.34), (0.42, -0.02)], dark)
    pen.curve(
        [(-0.2, -0.02), (-0.15, 0.3), (0.15, 0.3), (0.2, -0.02)], mixed(color, (255, 250, 240), 0.6)
    )
    for side in (-1, 1):
        pen.polygon([(side * 0.44, 0.62), (side * 0.43, 1.04), (side * 0.1, 0.83)], dark)
        pen.polygon([(side * 0.42, 0.6), (side * 0.4, 0.97), (side * 0.13, 0.82)], color)
        pen.polygon([(side * 0.36, 0.7), (side * 0.36, 0.89), (side * 0.2, 0.8)], pink)
    face = [
        (-0.5, 0.44),
        (-0.44, 0.86),
        (0, 0.94),
        (0.44, 0.86),
        (0.5, 0.44),
        (0.24, 0.17),
        (-0.24, 0.17),
    ]
    pen.curve(face, color)
    for x, low in ((-0.09, 0.75), (0, 0.71), (0.09, 0.75)):
        pen.line([(x, 0.85), (x * 0.7, low)], dark, 0.03)
    for side in (-1, 1):
        for y in (0.42, 0.49):
            pen.line([(side * 0.44, y + 0.02), (side * 0.34, y)], dark, 0.025)
    pen.curve(
        [(-0.24, 0.3), (0, 0.5), (0.24, 0.3), (0.14, 0.18), (-0.14, 0.18)],
        mixed(color, (255, 250, 240), 0.72),
    )
    for side in (-1, 1):
        pen.ellipse(side * 0.2, 0.57, 0.105, 0.1, (255, 255, 250))
        pen.ellipse(side * 0.2, 0.57, 0.088, 0.092, iris)
        pen.ellipse(side * 0.2, 0.57, 0.036, 0.08, _INK)
        pen.ellipse(side * 0.2 + 0.03, 0.61, 0.022, 0.022, (255, 255, 255))
    pen.polygon([(-0.055, 0.44), (0.055, 0.44), (0, 0.385)], pink)
    pen.line([(-0.1, 0.32), (-0.045, 0.305), (0, 0.35), (0.045, 0.305), (0.1, 0.32)], _INK, 0.018)
    for side in (-1, 1):
        for y, end in ((0.36, 0.4), (0.32, 0.3)):
            pen.line([(side * 0.18, y), (side * 0.52, end)], (250, 246, 240), 0.012)


def draw_dog(pen: Pen, color: Color, random: Random) -> None:
    """Draw the face of a dog with fur in `color`, hanging ears and a tongue."""
    dark = lighter(color, -0.34)
    collar: Color = random.choice(((206, 58, 56), (58, 110, 196), (70, 150, 84)))
    pen.curve([(-0.4, -0.02), (-0.3, 0.36), (0.3, 0.36), (0.4, -0.02)], lighter(color, -0.12))
    pen.line([(-0.26, 0.15), (0, 0.1), (0.26, 0.15)], collar, 0.07)
    pen.ellipse(0, 0.07, 0.045, 0.045, (248, 206, 80))
    face = [
        (-0.36, 0.5),
        (-0.38, 0.92),
        (0, 1.04),
        (0.38, 0.92),
        (0.36, 0.5),
        (0.22, 0.18),
        (-0.22, 0.18),
    ]
    pen.curve(face, color)
    droop = random.uniform(0.0, 0.06)
    for side in (-1, 1):
        ear = [
            (side * 0.22, 0.97),
            (side * 0.5, 0.9),
            (side * 0.58, 0.5 - droop),
            (side * 0.44, 0.34 - droop),
            (side * 0.33, 0.62),
        ]
        pen.curve(ear, dark)
    white: Color = mixed(color, (255, 250, 242), 0.78)
    pen.curve([(-0.07, 0.98), (0.07, 0.98), (0.1, 0.5), (-0.1, 0.5)], white, times=2)
    pen.curve(
        [(-0.29, 0.3), (-0.2, 0.56), (0.2, 0.56), (0.29, 0.3), (0.14, 0.16), (-0.14, 0.16)], white
    )
    if random.random() < 0.7:
        pen.curve(
            [(-0.075, 0.28), (0.075, 0.28), (0.07, 0.1), (-0.07, 0.1)], (236, 116, 124), times=2
        )
    for side in (-1, 1):
        pen.ellipse(side * 0.17, 0.67, 0.066, 0.072, (255, 255, 255))
        pen.ellipse(side * 0.17, 0.67, 0.05, 0.06, _INK)
        pen.ellipse(side * 0.17 + 0.02, 0.695, 0.018, 0.018, (255, 255, 255))
    pen.curve([(-0.11, 0.5), (0.11, 0.5), (0.07, 0.4), (0, 0.37), (-0.07, 0.4)], _INK, times=2)
    pen.line([(-0.14, 0.29), (-0.05, 0.27), (0, 0.38), (0.05, 0.27), (0.14, 0.29)], _INK, 0.02)


def draw_person(pen: Pen, color: Color, random: Random) -> None:
    """Draw a standing person in clothes of `color`."""
    skin, hair = random.choice(_SKIN), random.choice(_HAIR)
    trousers: Color = random.choice(((62, 70, 104), (92, 80, 74), (66, 66, 72)))
    skirt = random.random() < 0.5
    spread = random.uniform(0.07, 0.1)
    for side in (-1, 1):
        pen.line([(side * 0.05, 0.4), (side * spread, 0.05)], skin if skirt else trousers, 0.085)
        pen.ellipse(side * (spread + 0.02), 0.025, 0.062, 0.028, _INK)
    wave = random.choice((-1, 0, 1))
    for side in (-1, 1):
        hand = (side * 0.3, 0.82) if side == wave else (side * 0.215, 0.42)
        elbow = (side * 0.25, 0.62) if side == wave else (side * 0.2, 0.55)
        pen.line([(side * 0.11, 0.71), elbow, hand], lighter(color, -0.12), 0.07)
        pen.ellipse(*hand, 0.042, 0.042, skin)
    hem = (0.22, 0.27) if skirt else (0.125, 0.36)
    coat = [
        (-0.14, 0.75),
        (0.14, 0.75),
        (0.12, 0.55),
        (hem[0], hem[1]),
        (-hem[0], hem[1]),
        (-0.12, 0.55),
    ]
    pen.polygon(coat, color)
    pen.ellipse(-0.11, 0.72, 0.045, 0.045, color)
    pen.ellipse(0.11, 0.72, 0.045, 0.045, color)
    dark = -pen.lit
    pen.polygon(
        [(dark * 0.13, 0.75), (dark * 0.04, 0.75), (dark * 0.03, hem[1]), (dark * hem[0], hem[1])],
        lighter(color, -0.14),
    )
    pen.box(-0.035, 0.73, 0.035, 0.8, lighter(skin, -0.12))
    if skirt or random.random() < 0.3:
        pen.curve([(-0.14, 0.7), (-0.15, 0.98), (0.15, 0.98), (0.14, 0.7)], hair)
    pen.ellipse(0, 0.87, 0.105, 0.115, skin)
    pen.curve(
        [(-0.125, 0.86), (-0.13, 1.0), (0, 1.03), (0.13, 1.0), (0.125, 0.86), (0.05, 0.95)], hair
    )
    for side in (-1, 1):
        pen.ellipse(side * 0.04, 0.865, 0.013, 0.017, _INK)
    pen.line([(-0.03, 0.815), (0, 0.805), (0.03, 0.815)], (170, 80, 74), 0.013)
