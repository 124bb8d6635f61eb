"""What the tests of the command line paint: little, and quickly."""

import sys
from typing import Any

from PIL import Image

from engine import Recipe, make_recipe

COMMAND = [sys.executable, "-m", "engine"]
QUICK = ["--size", "32x24", "--steps", "3", "--seed", "5"]


def small(**changes: Any) -> Recipe:
    return make_recipe("a red circle", **({"seed": 1, "size": (32, 24), "steps": 3} | changes))


def picture(size: tuple[int, int] = (40, 30), mode: str = "RGB") -> Image.Image:
    return Image.linear_gradient("L").resize(size).convert(mode)
