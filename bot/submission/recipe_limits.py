"""Compare the recipes of a request with the limits, and lower to them what nobody has named."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from math import isqrt

from bot.config import LimitSettings
from bot.errors import UserError
from bot.languages.message import Message
from engine.comparison.systems import system_name
from engine.presets import size_within
from engine.recipes.checks import MAX_PROMPTS, MAX_SIDE
from engine.recipes.film import Film
from engine.recipes.kinds import AnyRecipe, painted_size
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.recipe import Recipe

_ROOM_FOR_STYLES = 128 * MAX_PROMPTS
"""Number of characters that a recipe's prompts may have beyond the limit for typed prompts."""
Fitted = tuple[tuple[AnyRecipe, ...], Message | str]
"""Recipes that were lowered to the limits, and sentences about that, or ""."""


def check_recipes(recipes: Sequence[AnyRecipe], limits: LimitSettings) -> None:
    """Raise `UserError`, naming the limit, if the recipes of a command exceed one."""
    count = max(Counter(map(system_name, recipes)).values())
    if count > limits.count:
        raise UserError(
            Message(
                "At most {most} variations are allowed here, not {count}.",
                most=limits.count,
                count=count,
            )
        )
    steps = _most_steps(recipes)
    for recipe in recipes:
        _check_tiles(recipe, limits.steps)
    if steps > limits.steps:
        raise UserError(
            Message(
                "At most {most} steps are allowed here, not {steps}. A new picture can have "
                "`steps: {most}`.",
                most=limits.steps,
                steps=steps,
            )
        )
    for recipe in recipes:
        _check_size(recipe, limits.pixels)
        if sum(len(each.text) for each in recipe.prompts) > limits.prompt_length + _ROOM_FOR_STYLES:
            raise UserError(
                Message(
                    "The prompts of this picture are too long: at most {most} characters are "
                    "allowed here.",
                    most=limits.prompt_length,
                )
            )


def fit_steps(recipes: Sequence[AnyRecipe], limits: LimitSettings) -> Fitted:
    """Lower steps to the limit; return the recipes, and a sentence about that or ""."""
    most = _most_steps(recipes)
    if most <= limits.steps:
        return tuple(recipes), ""
    notice = Message(
        "{allowed} steps instead of {asked}, because more are not allowed here.",
        allowed=limits.steps,
        asked=most,
    )
    return tuple(_shortened(recipe, limits.steps) for recipe in recipes), notice


def fit_size(recipe: AnyRecipe, limits: LimitSettings) -> tuple[AnyRecipe, Message | str]:
    """Shrink a recipe to the limit if possible; return it, and a sentence about that or "".

    Its initial image, if it has one, must not be read yet.
    """
    if not isinstance(recipe, Recipe):
        return recipe, ""
    width, height = size_within((recipe.width, recipe.height), limits.pixels, recipe.models)
    notice = size_notice((width, height), (recipe.width, recipe.height))
    return (replace(recipe, width=width, height=height) if notice else recipe), notice


def size_notice(size: tuple[int, int], asked: tuple[int, int]) -> Message | str:
    """Return a sentence about a size that was lowered, or "" if it is as `asked`."""
    if size == asked:
        return ""
    return Message(
        "Painted at {size} instead of {asked}, because larger pictures are not allowed here.",
        size=f"{size[0]}×{size[1]}",
        asked=f"{asked[0]}×{asked[1]}",
    )


def fit_count(recipes: Sequence[AnyRecipe], limits: LimitSettings) -> Fitted:
    """Leave out variations beyond the limit; return the rest, and a sentence about that or ""."""
    if len(recipes) <= limits.count:
        return tuple(recipes), ""
    notice = Message(
        "{allowed} of {asked} pictures, because more are not allowed here.",
        allowed=limits.count,
        asked=len(recipes),
    )
    return tuple(recipes[: limits.count]), notice


def _most_steps(recipes: Sequence[AnyRecipe]) -> int:
    """Return the number of steps of the longest recipe whose number people choose."""
    return max((each.total_steps for each in recipes if isinstance(each, Recipe)), default=0)


def _shortened(recipe: AnyRecipe, most: int) -> AnyRecipe:
    """Return a recipe whose rounds have at most `most` steps together, at least 1."""
    if not isinstance(recipe, Recipe):
        return recipe
    if recipe.film is not None:
        return _shortened_film(recipe, recipe.film, most)
    if recipe.enlargement is not None:
        return replace(recipe, steps=max(1, most // recipe.tile_count))
    rounds: list[int] = []
    for steps in recipe.rounds:
        left = most - sum(rounds)
        if left > 0:
            rounds.append(min(steps, left))
    return replace(recipe, steps=rounds[0], more=tuple(rounds[1:]))


def _shortened_film(recipe: Recipe, film: Film, most: int) -> Recipe:
    """Return a film of as many frames as `most` steps paint; at least 2, if need be with less."""
    steps = min(recipe.steps, max(1, most - 2 * film.steps))
    frames = max(2, (most - steps) // film.steps)
    return replace(recipe, steps=steps, film=replace(film, frames=min(film.frames, frames)))


def _check_tiles(recipe: AnyRecipe, most: int) -> None:
    if isinstance(recipe, NetworkRecipe):
        parts = recipe.total_steps
    elif isinstance(recipe, Recipe) and recipe.enlargement is not None:
        parts = recipe.tile_count
    else:
        return
    if recipe.total_steps > most:
        raise UserError(
            Message(
                "Enlarged, this picture has {parts} parts, which take {steps} steps; at most "
                "{most} are allowed here. Choose a smaller picture, factor or number of steps.",
                parts=parts,
                steps=recipe.total_steps,
                most=most,
            )
        )


def _check_size(recipe: AnyRecipe, most: int) -> None:
    width, height = recipe.width, recipe.height
    if width * height > most:
        side = isqrt(most)
        raise UserError(
            Message(
                "Pictures of at most {most} pixels are painted here, such as {side}×{side}, and "
                "this one has {width}×{height}. Choose a smaller one.",
                most=most,
                side=side,
                width=width,
                height=height,
            )
        )
    width, height = painted_size(recipe)
    if width * height * recipe.enlarge**2 > MAX_SIDE**2:
        raise UserError(
            Message(
                "This picture would be shown {times} times larger than {width}×{height}; at most "
                "{most}×{most} pixels are possible.",
                times=recipe.enlarge,
                width=width,
                height=height,
                most=MAX_SIDE,
            )
        )
