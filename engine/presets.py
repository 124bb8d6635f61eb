"""Look up presets of `engine.recipes.preset_values`, and make recipes from them."""

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from types import MappingProxyType
from typing import Any

from engine.errors import RecipeError
from engine.models.catalogue import CATALOGUE, find_models
from engine.recipes.checks import MAX_SIDE, MIN_SIDE
from engine.recipes.edit import Keep, kept_weights
from engine.recipes.film import Film
from engine.recipes.preset_values import (
    EDIT_OVERRIDES,
    EDIT_OVERRIDES_OF_VARIANTS,
    KEEP_WEIGHTS,
    PRESET_NAMES,
    PRESETS,
    VARIANTS,
)
from engine.recipes.prompts import parse_line, parse_prompts
from engine.recipes.recipe import Recipe
from engine.recipes.shapes import SHAPES, checked_ratio
from engine.recipes.story import Story


def keep_weights(preset: str, keep: float, models: str = "demo") -> Mapping[str, float]:
    """Return an edit's weights for a `keep` from 0 (keep nothing) to 1 (keep the whole source).

    Raises:
        RecipeError: `keep` is out of range, or there is no such preset.
    """
    if not 0 <= keep <= 1:
        raise RecipeError("keep must be a number from 0 to 1, not {keep}", keep=f"{keep:g}")
    full = KEEP_WEIGHTS[resolve(preset, models)]
    return {name: keep * weight for name, weight in full.items()}


def infer_keep(edit: Keep) -> float | None:
    """Return the `keep` for which `keep_weights` gives these weights, or None if none does."""
    weights = kept_weights(edit)
    if not weights:
        return 0.0
    for full in KEEP_WEIGHTS.values():
        if weights.keys() == full.keys():
            shares = [weight / full[name] for name, weight in weights.items()]
            if max(shares) <= 1 and math.isclose(min(shares), max(shares), rel_tol=1e-6):
                return shares[0]
    return None


def resolve(preset: str, models: str = "demo") -> str:
    """Return which of `PRESETS` a preset is, or which one it is a variant of for `models`.

    Raises:
        RecipeError: There is no such preset.
    """
    base = find_models(models).preset if preset in VARIANTS else preset
    if base not in PRESETS:
        raise RecipeError(
            "there is no preset called {name}; there are: {known}",
            name=repr(base),
            known=", ".join(PRESET_NAMES),
        )
    return base


def find_preset(name: str, models: str = "demo") -> Mapping[str, Any]:
    """Return the settings of a preset for `models`.

    Raises:
        RecipeError: There is no such preset.
    """
    base = resolve(name, models)
    changes = VARIANTS[name][base] if name in VARIANTS else {}
    return MappingProxyType({**PRESETS[base], **changes})


def edit_overrides(preset: str, models: str = "demo") -> Mapping[str, Any]:
    """Return the settings that replace the preset's in an edit of a whole picture."""
    base = resolve(preset, models)
    changes = EDIT_OVERRIDES_OF_VARIANTS[preset][base] if preset in VARIANTS else {}
    return MappingProxyType({**EDIT_OVERRIDES[base], **changes})


def preset_of(recipe: Recipe) -> str | None:
    """Return the preset whose settings a recipe has, apart from its steps, or None."""
    candidates = PRESET_NAMES if recipe.models in CATALOGUE else tuple(PRESETS)
    models = recipe.models if recipe.models in CATALOGUE else "demo"
    default = find_models(models).ways[0]
    edits_whole = recipe.edit is not None and recipe.edit.mask is None
    edits_whole |= recipe.clip is not None
    for name in candidates:
        overrides = edit_overrides(name, models) if edits_whole else {}
        preset = find_preset(name, models)
        expected = {
            "smoothness": 0.0,
            "reencode_every": 0,
            "quantization": default,
            **preset,
            **overrides,
        }
        if all(getattr(recipe, key) == expected[key] for key in expected if key != "steps"):
            return name
    return None


def make_recipe(
    prompt: str | None,
    *,
    seed: int,
    models: str = "demo",
    preset: str | None = None,
    size: tuple[int, int] | None = None,
    init_image: bytes | None = None,
    fade: float | None = None,
    **settings: Any,
) -> Recipe:
    """Make a recipe from a line of prompts, a preset and other settings.

    Args:
        prompt: Prompts in the syntax of `engine.recipes.prompts`; None for a picture that only
            resembles its `image_prompts`.
        seed: Seed of all random numbers of the run.
        models: Name of a pair of models in the catalogue.
        preset: One of `PRESET_NAMES`, by default the one that suits the models.
        size: Width and height on the models' grid (`round_to_grid`), by default those of the
            prompt's `--ar`, or else the models' own size.
        init_image: Picture file of that size to start from.
        fade: Part of each chapter of the prompt's story over which it fades in, from 0 to 1.
        **settings: Fields of `Recipe` that replace the preset's. Without `steps`, each chapter of
            a story has as many as the preset.

    Raises:
        RecipeError: A value is not allowed.
        ModelError: There are no such models.
    """
    entry = find_models(models)
    width, height = size or default_size(prompt, models)
    own: dict[str, Any] = {"quantization": entry.ways[0], "start": entry.starts[0]}
    story = None if prompt is None else parse_line(prompt).story
    values = own | dict(find_preset(preset or entry.preset, models))
    if settings.get("quantization") == "codebook-sampling":  # which encodes no pictures (5.1)
        values |= {"reencode_every": 0}
    values |= {"steps": steps_with_story(values["steps"], story)} | settings
    if init_image is not None:
        values |= {"start": "image", "init_image": init_image}
    return Recipe(
        prompts=() if prompt is None else parse_prompts(prompt),
        story=_with_fade(story, fade),
        models=models,
        width=width,
        height=height,
        seed=seed,
        enlarge=values.pop("enlarge", entry.enlarge),
        **values,
    )


def with_film(recipe: Recipe, film: Film | None, steps: int | None) -> Recipe:
    """Return a recipe as a film; with None as it is.

    `steps` are those that someone asked for. Without them, the picture of a story takes no more
    than another one: the chapters after the first are painted in the frames.
    """
    if film is None:
        return recipe
    chapters = 1 if recipe.story is None or steps is not None else len(recipe.story.chapters)
    return replace(recipe, film=film, steps=max(1, recipe.steps // chapters))


def steps_with_story(steps: int, story: Story | None) -> int:
    """Return how many steps a recipe has where nobody says it: `steps` for each chapter."""
    return steps if story is None else steps * len(story.chapters)


def _with_fade(story: Story | None, fade: float | None) -> Story | None:
    """Return a story with its fade, if one is given; raises `RecipeError` without a story."""
    if fade is None:
        return story
    if story is None:
        raise RecipeError(
            "only the chapters of a story fade into each other: write ^ between chapters, as in "
            "a forest ^ ashes, or leave out how they fade"
        )
    return replace(story, fade=fade)


def default_size(prompt: str | None, models: str) -> tuple[int, int]:
    """Return the size of the ratio that a prompt asks for by `--ar`, or else the models' own.

    Raises:
        RecipeError: The ratio is too extreme.
    """
    aspect = None if prompt is None else parse_line(prompt).aspect
    if aspect is None:
        return size_of_shape("square", models)
    width, height = aspect
    return size_of_ratio(checked_ratio(width / height, f"{width}:{height}"), models)


def size_of_shape(shape: str, models: str) -> tuple[int, int]:
    """Return the width and height in pixels of one of `SHAPES` for `models`."""
    side = find_models(models).side
    width, height = SHAPES[shape]
    return round_to_grid((round(side * width), round(side * height)), models)


def size_of_ratio(ratio: float, models: str) -> tuple[int, int]:
    """Return the size on the grid with about this width / height and the models' usual area."""
    entry, root = find_models(models), math.sqrt(ratio)
    widths, heights = (
        [entry.factor * rounded(side / entry.factor) for rounded in (math.floor, math.ceil)]
        for side in (entry.side * root, entry.side / root)
    )
    sizes = [round_to_grid(each, models) for each in product(widths, heights)]
    return min(sizes, key=lambda size: abs(math.log(size[0] / size[1] / ratio)))


def round_to_grid(size: tuple[int, int], models: str) -> tuple[int, int]:
    """Return the nearest size within limits that lies on the models' latent grid."""
    factor = find_models(models).factor
    lowest, highest = -(-MIN_SIDE // factor), MAX_SIDE // factor
    width, height = (factor * max(lowest, min(highest, round(side / factor))) for side in size)
    return width, height


def size_within(size: tuple[int, int], pixels: int, models: str) -> tuple[int, int]:
    """Return a size of at most `pixels` with about the same shape, on the models' latent grid.

    A size that is small enough is returned as it is. The smallest canvas of the models, or of a
    long shape, can have more than `pixels`.
    """
    if size[0] * size[1] <= pixels:
        return size
    factor = find_models(models).factor
    lowest, scale = -(-MIN_SIDE // factor), math.sqrt(pixels / (size[0] * size[1]))
    width, height = (factor * max(lowest, int(side * scale / factor)) for side in size)
    return width, height
