"""What several commands ask for in the same way: prompts, seeds, presets, how much is kept."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace

from discord.app_commands import Choice

from bot.answers import RefusalError
from bot.phrases import name
from bot.settings import LimitSettings
from engine.presets import PRESET_NAMES
from engine.recipe import MAX_SEED, Recipe

LARGEST_SEED = min(MAX_SEED, 2**53 - 1)
"""That can be typed: Discord's integers are JavaScript's."""
MAX_COUNT = 4
"""Variations that Discord's clients offer; the settings may allow fewer."""
_MAX_RANDOM_SEED = 2**31
"""Short enough to be read out."""
_MAX_CHOICES = 25


def check_prompt(prompt: str, limits: LimitSettings) -> None:
    """Raise `RefusalError` if a prompt is too long."""
    limit = limits.prompt_length
    if len(prompt) > limit:
        raise RefusalError(
            f"The prompt has {len(prompt)} characters; at most {limit} are allowed here."
        )


def check_models(recipe: Recipe, models: str) -> None:
    """Raise `RefusalError` if a recipe is for others than the `models` that paint here."""
    if recipe.models != models:
        raise RefusalError(
            f"That picture was painted by {name(recipe.models)} models; now I paint with {models} "
            "ones."
        )


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


def matching(typed: str, names: Iterable[str]) -> list[Choice[str]]:
    """What autocomplete offers: names that contain what was typed."""
    found = [name for name in names if typed.lower() in name.lower()]
    return [Choice(name=name, value=name) for name in found[:_MAX_CHOICES]]


def matching_presets(typed: str) -> list[Choice[str]]:
    """What autocomplete offers for a preset."""
    return matching(typed, PRESET_NAMES)
