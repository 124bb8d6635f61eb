"""Simple scenes that every CLIP of photographs knows, as drawings of any side."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from engine.self_check.canvas import Canvas, Color

_WHITE, _BLACK, _RED, _YELLOW = (250, 250, 250), (15, 15, 15), (215, 35, 40), (250, 215, 40)
_GREEN, _BLUE, _BROWN, _SKY = (50, 140, 60), (30, 80, 180), (120, 75, 40), (150, 205, 245)


def draw_scene(name: str, side: int) -> Tensor:
    """Return the drawing (3, side, side) in [0, 1] of one of `SCENES`."""
    return SCENES[name](side).picture


def _house(side: int) -> Canvas:
    canvas = Canvas(side, _SKY)
    canvas.box((0, 0.75), (1, 1), _GREEN)
    canvas.box((0.25, 0.45), (0.75, 0.85), (235, 215, 180))
    canvas.polygon([(0.5, 0.15), (0.82, 0.46), (0.18, 0.46)], (170, 50, 40))
    canvas.box((0.45, 0.62), (0.56, 0.85), _BROWN)
    for left in (0.31, 0.61):
        canvas.box((left, 0.54), (left + 0.09, 0.64), (90, 130, 190))
    return canvas


def _tree(side: int) -> Canvas:
    canvas = Canvas(side, _SKY)
    canvas.box((0, 0.82), (1, 1), (110, 180, 80))
    canvas.box((0.46, 0.5), (0.54, 0.86), _BROWN)
    for center, radius in (((0.5, 0.3), 0.2), ((0.36, 0.42), 0.15), ((0.64, 0.42), 0.15)):
        canvas.disk(center, radius, _GREEN)
    return canvas


def _sunset(side: int) -> Canvas:
    canvas = Canvas(side, (250, 150, 60))
    canvas.box((0, 0), (1, 0.25), (200, 90, 90))
    canvas.disk((0.5, 0.55), 0.17, (255, 225, 90))
    canvas.box((0, 0.58), (1, 1), (40, 60, 120))
    for row, half in ((0.64, 0.15), (0.72, 0.1), (0.8, 0.06)):
        canvas.box((0.5 - half, row), (0.5 + half, row + 0.025), (255, 205, 100))
    return canvas


def _night(side: int) -> Canvas:
    canvas = Canvas(side, (15, 20, 55))
    moon = torch.maximum(canvas.around((0.6, 0.38), 0.2), -canvas.around((0.69, 0.33), 0.18))
    canvas.fill(moon, (250, 240, 190))
    stars = (
        (0.15, 0.2),
        (0.3, 0.5),
        (0.2, 0.8),
        (0.45, 0.15),
        (0.85, 0.7),
        (0.55, 0.8),
        (0.9, 0.1),
    )
    for center in stars:
        canvas.disk(center, 0.014, _WHITE)
    return canvas


def _face(side: int) -> Canvas:
    canvas = Canvas(side, _WHITE)
    canvas.disk((0.5, 0.5), 0.41, _BLACK)
    canvas.disk((0.5, 0.5), 0.39, _YELLOW)
    for x in (0.36, 0.64):
        canvas.disk((x, 0.4), 0.05, _BLACK)
    mouth = torch.maximum(canvas.around((0.5, 0.5), 0.24).abs() - 0.02, 0.58 - canvas.y)
    canvas.fill(mouth, _BLACK)
    return canvas


def _flower(side: int) -> Canvas:
    canvas = Canvas(side, _WHITE)
    canvas.box((0.485, 0.45), (0.515, 0.95), _GREEN)
    canvas.polygon([(0.52, 0.8), (0.6, 0.68), (0.75, 0.62), (0.68, 0.74)], _GREEN)
    for petal in range(6):
        angle = math.tau * petal / 6
        canvas.disk((0.5 + 0.17 * math.cos(angle), 0.35 + 0.17 * math.sin(angle)), 0.1, _RED)
    canvas.disk((0.5, 0.35), 0.1, _YELLOW)
    return canvas


def _chessboard(side: int) -> Canvas:
    canvas = Canvas(side, (240, 220, 180))
    for row in range(8):
        for column in range((row + 1) % 2, 8, 2):
            canvas.box((column / 8, row / 8), ((column + 1) / 8, (row + 1) / 8), (110, 70, 40))
    return canvas


def _rainbow(side: int) -> Canvas:
    canvas = Canvas(side, _SKY)
    bands = (_RED, (245, 135, 25), _YELLOW, _GREEN, _BLUE, (120, 50, 160))
    for number, color in enumerate(bands):
        canvas.disk((0.5, 0.85), 0.45 - 0.045 * number, color)
    canvas.disk((0.5, 0.85), 0.45 - 0.045 * len(bands), _SKY)
    canvas.box((0, 0.85), (1, 1), _GREEN)
    return canvas


def _heart(side: int) -> Canvas:
    canvas = Canvas(side, _WHITE)
    for x in (0.36, 0.64):
        canvas.disk((x, 0.38), 0.19, _RED)
    canvas.polygon([(0.5, 0.3), (0.79, 0.5), (0.5, 0.85), (0.21, 0.5)], _RED)
    return canvas


def _traffic_light(side: int) -> Canvas:
    canvas = Canvas(side, _SKY)
    canvas.box((0.47, 0.7), (0.53, 1), (90, 90, 90))
    canvas.box((0.34, 0.08), (0.66, 0.78), (40, 40, 40))
    for y, color in ((0.2, (230, 30, 30)), (0.43, (250, 200, 40)), (0.66, (40, 200, 80))):
        canvas.disk((0.5, y), 0.09, color)
    return canvas


def _boat(side: int) -> Canvas:
    canvas = Canvas(side, _SKY)
    canvas.box((0, 0.72), (1, 1), _BLUE)
    canvas.box((0.485, 0.15), (0.505, 0.65), _BROWN)
    canvas.polygon([(0.52, 0.15), (0.78, 0.6), (0.52, 0.6)], _WHITE)
    canvas.polygon([(0.47, 0.22), (0.47, 0.6), (0.27, 0.6)], _WHITE)
    canvas.polygon([(0.22, 0.65), (0.8, 0.65), (0.7, 0.78), (0.32, 0.78)], (150, 60, 40))
    return canvas


def _snowman(side: int) -> Canvas:
    canvas = Canvas(side, (120, 170, 220))
    canvas.box((0, 0.82), (1, 1), _WHITE)
    for y, radius in ((0.72, 0.2), (0.45, 0.14), (0.25, 0.1)):
        canvas.disk((0.5, y), radius, _WHITE)
    canvas.box((0.42, 0.05), (0.58, 0.17), _BLACK)
    canvas.box((0.37, 0.16), (0.63, 0.19), _BLACK)
    for center in ((0.465, 0.23), (0.535, 0.23), (0.5, 0.4), (0.5, 0.48)):
        canvas.disk(center, 0.014, _BLACK)
    canvas.polygon([(0.5, 0.255), (0.6, 0.275), (0.5, 0.285)], (245, 135, 25))
    return canvas


def _flag(bands: tuple[Color, Color, Color], *, upright: bool) -> Callable[[int], Canvas]:
    def draw(side: int) -> Canvas:
        canvas = Canvas(side, bands[0])
        for number, color in enumerate(bands[1:], 1):
            start = number / 3
            canvas.box((start, 0) if upright else (0, start), (1, 1), color)
        return canvas

    return draw


def _japan(side: int) -> Canvas:
    canvas = Canvas(side, _WHITE)
    canvas.disk((0.5, 0.5), 0.28, (190, 0, 40))
    return canvas


SCENES: Mapping[str, Callable[[int], Canvas]] = MappingProxyType(
    {
        "a simple drawing of a house": _house,
        "a simple drawing of a tree": _tree,
        "a simple drawing of the sun setting over the sea": _sunset,
        "a simple drawing of the moon and stars at night": _night,
        "a smiling face, an emoji": _face,
        "a simple drawing of a flower": _flower,
        "a chessboard": _chessboard,
        "a simple drawing of a rainbow": _rainbow,
        "a red heart": _heart,
        "a simple drawing of a traffic light": _traffic_light,
        "a simple drawing of a sailing boat": _boat,
        "a simple drawing of a snowman": _snowman,
        "the flag of Japan": _japan,
        "the flag of Germany": _flag((_BLACK, (221, 0, 0), (255, 206, 0)), upright=False),
        "the flag of Italy": _flag(((0, 140, 69), _WHITE, (205, 33, 42)), upright=True),
    }
)
"""Drawings by what they show, in words."""
