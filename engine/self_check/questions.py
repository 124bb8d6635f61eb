"""Pictures of which the program knows what they show, and phrases to choose from.

A perceptor that works tells them apart without having been trained on them (zero-shot). Those of
`engine.demo.world` are what the demo models know; drawings of scenes are for all others.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.demo.world import COLORS, PALETTE, SHAPES, TYPICAL_RADIUS, signed_distance
from engine.self_check.canvas import Canvas
from engine.self_check.scenes import SCENES, draw_scene


@dataclass(frozen=True)
class Questions:
    """Pictures (N, 3, S, S) in [0, 1] and N phrases, of which the n-th is true of the n-th only."""

    name: str
    """What is asked for: "colors", "shapes" or "scenes"."""
    pictures: Tensor
    phrases: tuple[str, ...]


def ask(side: int, *, shapes_only: bool) -> tuple[Questions, ...]:
    """Return the questions for a perceptor whose pictures have `side` pixels.

    `shapes_only` leaves out the scenes, which the demo models do not know.
    """
    asked = [
        _draw_colors(side),
        _draw_object_colors(side),
        _draw_shapes(side, "black", "white"),
        _draw_shapes(side, "yellow", "blue"),
    ]
    if not shapes_only:
        pictures = torch.stack([draw_scene(name, side) for name in SCENES])
        asked.append(Questions("scenes", pictures, tuple(SCENES)))
    return tuple(asked)


def draw_shape(side: int, shape: str, color: str, background: str) -> Tensor:
    """Return a drawing (3, side, side) of one of `SHAPES` in one of `COLORS` on another."""
    canvas = Canvas(side, PALETTE[background])
    x, y = ((each - 0.5) / TYPICAL_RADIUS for each in (canvas.x, canvas.y))
    distances = signed_distance(SHAPES.index(shape), x, y) * TYPICAL_RADIUS
    canvas.fill(distances, PALETTE[color])
    return canvas.picture


def _draw_colors(side: int) -> Questions:
    pictures = torch.stack([Canvas(side, PALETTE[color]).picture for color in COLORS])
    return Questions("colors", pictures, tuple(f"a plain {color} background" for color in COLORS))


def _draw_object_colors(side: int) -> Questions:
    scenes = [("circle", color, "white") for color in COLORS if color != "white"]
    return _of_shapes("colors", side, scenes)


def _draw_shapes(side: int, color: str, background: str) -> Questions:
    return _of_shapes("shapes", side, [(shape, color, background) for shape in SHAPES])


def _of_shapes(name: str, side: int, scenes: list[tuple[str, str, str]]) -> Questions:
    pictures = torch.stack([draw_shape(side, *scene) for scene in scenes])
    return Questions(name, pictures, tuple(_phrases(scenes)))


def _phrases(scenes: list[tuple[str, str, str]]) -> Iterator[str]:
    for shape, color, background in scenes:
        article = "an" if color == "orange" else "a"
        yield f"{article} {color} {shape} on a {background} background"
