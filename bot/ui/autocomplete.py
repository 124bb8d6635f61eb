"""Choices that Discord offers while a person types an option."""

from collections.abc import Iterable

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
