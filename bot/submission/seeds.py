"""What several commands ask for in the same way: prompts, seeds, presets, how much is kept."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from engine.recipes.recipe import MAX_SEED, Recipe

LARGEST_SEED = min(MAX_SEED, 2**53 - 1)
"""That can be typed: Discord's integers are JavaScript's."""
MAX_COUNT = 4
"""Variations that Discord's clients offer; the settings may allow fewer."""
_MAX_RANDOM_SEED = 2**31
"""Short enough to be read out."""


def seed_or_any(seed: int | None) -> int:
    """The seed that somebody typed, or a random one."""
    return secrets.randbelow(_MAX_RANDOM_SEED) if seed is None else seed


def variations(recipe: Recipe, count: int) -> tuple[Recipe, ...]:
    """A recipe `count` times, with seeds that follow each other."""
    seeds = ((recipe.seed + number) % (MAX_SEED + 1) for number in range(count))
    return tuple(replace(recipe, seed=seed) for seed in seeds)


def reseeded(recipes: Sequence[Recipe]) -> tuple[Recipe, ...]:
    """The recipes with random seeds that follow each other."""
    first = seed_or_any(None)
    return tuple(replace(recipe, seed=first + number) for number, recipe in enumerate(recipes))
