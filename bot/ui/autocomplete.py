"""Choices that Discord offers while a person types an option."""

from collections.abc import Iterable
from itertools import chain

from discord.app_commands import Choice

from engine.presets import PRESET_NAMES

_MAX_CHOICES = 25


def matching(typed: str, names: Iterable[str]) -> list[Choice[str]]:
    """Return the names that contain what was typed, as choices."""
    found = [name for name in names if typed.lower() in name.lower()]
    return [Choice(name=name, value=name) for name in found[:_MAX_CHOICES]]


def matching_presets(typed: str) -> list[Choice[str]]:
    """Return the presets that contain what was typed, as choices."""
    return matching(typed, PRESET_NAMES)


def first_choices(*groups: Iterable[Choice[str]]) -> list[Choice[str]]:
    """Return as many choices as Discord shows, in order; of equal values only the first."""
    found: dict[str, Choice[str]] = {}
    for choice in chain(*groups):
        found.setdefault(choice.value.casefold(), choice)
    return list(found.values())[:_MAX_CHOICES]
