"""Choose seeds, and make several recipes from one."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from engine.recipes.checks import MAX_SEED
from engine.recipes.kinds import AnyRecipe

_R = TypeVar("_R", bound=AnyRecipe)

LARGEST_SEED = min(MAX_SEED, 2**53 - 1)
"""The largest seed that can be typed, because Discord's integers are JavaScript numbers."""
_MAX_RANDOM_SEED = 2**31
"""The limit of random seeds, which keeps them short enough to read out."""


def seed_or_any(seed: int | None) -> int:
    """Return the seed that a user typed, or a random one."""
    return secrets.randbelow(_MAX_RANDOM_SEED) if seed is None else seed


def variations(recipe: _R, count: int) -> tuple[_R, ...]:
    """Return a recipe `count` times, with consecutive seeds."""
    seeds = ((recipe.seed + number) % (MAX_SEED + 1) for number in range(count))
    return tuple(replace(recipe, seed=seed) for seed in seeds)


def reseeded(recipes: Sequence[AnyRecipe]) -> tuple[AnyRecipe, ...]:
    """Return the recipes with consecutive seeds from a random one."""
    first = seed_or_any(None)
    return tuple(replace(recipe, seed=first + number) for number, recipe in enumerate(recipes))
