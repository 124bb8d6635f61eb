"""Read the values of options, and refuse what they cannot be.

Each function takes an option's text as argparse passes it on, returns its value and raises
`UsageError` with a sentence that names the option and what it takes.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path

from engine.errors import RecipeError, UsageError
from engine.images.tiling import TILES, Tile
from engine.recipes.checks import MAX_SIDE, MIN_SIDE
from engine.recipes.enlargement import FACTORS
from engine.recipes.film import MAX_SPEED
from engine.recipes.prompt_syntax import MAX_WEIGHT
from engine.recipes.prompts import shorten
from engine.recipes.shapes import read_ratio
from engine.settings import DEVICES, MAX_MORE_MODELS, is_device

_WEIGHT = r"[+-]?(?:[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})"


def names(text: str) -> tuple[str, ...]:
    """Return the names in a list with commas."""
    names = tuple(filter(None, (each.strip() for each in text.split(","))))
    if not names or len(names) > MAX_MORE_MODELS:
        raise UsageError(
            f"--painters must be 1 to {MAX_MORE_MODELS} names with commas, not {shorten(text)!r}"
        )
    return names


def whole_number(option: str, low: int, high: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `low` to `high`."""

    def read(text: str) -> int:
        value = int(text) if re.fullmatch(r"[+-]?[0-9]{1,30}", text) else None
        if value is None or not low <= value <= high:
            raise UsageError(
                f"{option} must be a whole number from {low} to {high}, not {shorten(text)!r}"
            )
        return value

    return read


def number(option: str, low: float, high: float) -> Callable[[str], float]:
    """Return a reader of decimal numbers from `low` to `high`, without exponents."""

    def read(text: str) -> float:
        value = float(text) if re.fullmatch(r"[0-9]{0,9}\.?[0-9]{1,9}", text) else math.nan
        if not low <= value <= high:
            raise UsageError(
                f"{option} must be a number from {low:g} to {high:g}, not {shorten(text)!r}"
            )
        return value

    return read


def signed(option: str) -> Callable[[str], float]:
    """Return a reader of the speed of a camera, which may be negative."""

    def read(text: str) -> float:
        value = float(text) if re.fullmatch(r"[+-]?[0-9]{0,9}\.?[0-9]{1,9}", text) else math.nan
        if not abs(value) <= MAX_SPEED:
            raise UsageError(
                f"{option} must be a number from {-MAX_SPEED:g} to {MAX_SPEED:g}, "
                f"not {shorten(text)!r}"
            )
        return value

    return read


def size(text: str) -> tuple[int, int]:
    """Return a width and height in pixels; one number is a square."""
    match = re.fullmatch(r"([0-9]{1,9})(?:[x×]([0-9]{1,9}))?", text.lower())
    if match is None:
        raise UsageError(
            f"--size must be WxH or one number, such as 96x64 or 64, not {shorten(text)!r}"
        )
    width, height = int(match[1]), int(match[2] or match[1])
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise UsageError(
            f"--size must be from {MIN_SIDE} to {MAX_SIDE} pixels each way, not {width}x{height}"
        )
    return width, height


def ratio(text: str) -> float:
    """Return width by height of a shape such as 16:9."""
    try:
        return read_ratio(text)
    except RecipeError as error:  # argparse would hide its reason
        raise UsageError(str(error)) from error


def like(text: str) -> tuple[Path, float]:
    """Return the file of a picture to resemble, and its weight."""
    name, _, weight = text.rpartition(":")
    if not name or re.fullmatch(_WEIGHT, weight) is None or Path(text).exists():
        return Path(text), 1.0
    if abs(float(weight)) > MAX_WEIGHT:
        raise UsageError(
            f"a weight of --like must be from -{MAX_WEIGHT:g} to {MAX_WEIGHT:g}, not {weight}"
        )
    return Path(name), float(weight)


def factor(text: str) -> int:
    """Return how many times as large a picture becomes."""
    if text not in map(str, FACTORS):
        known = " or ".join(map(str, FACTORS))
        raise UsageError(f"--factor must be {known}, not {shorten(text)!r}")
    return int(text)


def tile(text: str) -> Tile:
    """Return along which axes a picture continues across its edges."""
    if text not in TILES:
        raise UsageError(f"--tile must be {', '.join(TILES)}, not {shorten(text)!r}")
    return text


def device(text: str) -> str:
    """Return the name of a device as it is, if it is one."""
    if not is_device(text):
        raise UsageError(f"--device must be {DEVICES}, not {shorten(text)!r}")
    return text
