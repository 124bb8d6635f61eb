"""Presets: the named settings of `engine.recipes.preset_values`, and recipes made from them."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from engine.errors import RecipeError
from engine.models.catalogue import CATALOGUE, find_models
from engine.recipes.edit import Edit
from engine.recipes.preset_values import (
    EDIT_OVERRIDES,
    EDIT_OVERRIDES_OF_VARIANTS,
    KEEP_WEIGHTS,
    PRESET_NAMES,
    PRESETS,
    VARIANTS,
)
from engine.recipes.prompts import parse_prompts
from engine.recipes.recipe import MAX_SIDE, MIN_SIDE, Recipe


def keep_weights(preset: str, keep: float, models: str = "demo") -> Mapping[str, float]:
    """An edit's weights for a `keep` from 0, nothing is held, to 1."""
    if not 0 <= keep <= 1:
        raise RecipeError(f"keep must be a number from 0 to 1, not {keep:g}")
    known = KEEP_WEIGHTS[resolve(preset, models)]
    return {name: keep * weight for name, weight in known.items()}


def infer_keep(edit: Edit) -> float | None:
    """The `keep` that `keeping` made an edit's weights of; None if they are of another origin."""
    names = ("keep_latent", "keep_look", "keep_structure")
    held = {name: getattr(edit, name) for name in names if getattr(edit, name) > 0}
    if not held:
        return 0.0
    for known in KEEP_WEIGHTS.values():
        if held.keys() == known.keys():
            shares = [weight / known[name] for name, weight in held.items()]
            if max(shares) <= 1 and math.isclose(min(shares), max(shares), rel_tol=1e-6):
                return shares[0]
    return None


def resolve(preset: str, models: str = "demo") -> str:
    """Which of `PRESETS` a preset is, or is beside; raises `RecipeError` naming all there are."""
    base = find_models(models).preset if preset in VARIANTS else preset
    if base not in PRESETS:
        known = ", ".join(PRESET_NAMES)
        raise RecipeError(f"there is no preset called {base!r}; there are: {known}")
    return base


def find_preset(name: str, models: str = "demo") -> Mapping[str, Any]:
    """The settings of a preset for `models`; raises `RecipeError` naming all there are."""
    base = resolve(name, models)
    changes = VARIANTS[name][base] if name in VARIANTS else {}
    return MappingProxyType({**PRESETS[base], **changes})


def edit_overrides(preset: str, models: str = "demo") -> Mapping[str, Any]:
    """What an edit of a whole picture has in place of the preset's settings."""
    base = resolve(preset, models)
    changes = EDIT_OVERRIDES_OF_VARIANTS[preset][base] if preset in VARIANTS else {}
    return MappingProxyType({**EDIT_OVERRIDES[base], **changes})


def preset_of(recipe: Recipe) -> str | None:
    """The preset that a recipe's settings are, whatever its steps; None if they are none's."""
    known = PRESET_NAMES if recipe.models in CATALOGUE else tuple(PRESETS)
    models = recipe.models if recipe.models in CATALOGUE else "demo"
    edits_whole = recipe.edit is not None and recipe.edit.mask is None
    for name in known:
        whole = edit_overrides(name, models) if edits_whole else {}
        preset = find_preset(name, models)
        wanted = {"smoothness": 0.0, "quantization": "z-quantize", **preset, **whole}
        if all(getattr(recipe, key) == wanted[key] for key in wanted if key != "steps"):
            return name
    return None


def make_recipe(
    prompt: str,
    *,
    seed: int,
    models: str = "demo",
    preset: str | None = None,
    size: tuple[int, int] | None = None,
    init_image: bytes | None = None,
    **settings: Any,
) -> Recipe:
    """A recipe from a line of prompts, a preset and whatever else is said.

    Args:
        prompt: in the syntax of `engine.recipes.prompts`.
        seed: where all randomness comes from.
        models: a name in the catalogue.
        preset: of `PRESET_NAMES`; by default the one that suits the models.
        size: width and height in pixels, on the models' grid (see `round_to_grid`); by default
            the models' own.
        init_image: the bytes of a picture of that size to start from.
        **settings: fields of `Recipe` that replace the preset's.

    Raises:
        RecipeError, ModelError: what is not allowed, and what is.
    """
    entry = find_models(models)
    width, height = size or (entry.side, entry.side)
    values = dict(find_preset(preset or entry.preset, models)) | settings
    if init_image is not None:
        values |= {"start": "image", "init_image": init_image}
    return Recipe(
        prompts=parse_prompts(prompt),
        models=models,
        width=width,
        height=height,
        seed=seed,
        enlarge=values.pop("enlarge", entry.enlarge),
        **values,
    )


def round_to_grid(size: tuple[int, int], models: str) -> tuple[int, int]:
    """The size on the models' latent grid that is nearest to `size` and within bounds."""
    factor = find_models(models).factor
    lowest, highest = -(-MIN_SIDE // factor), MAX_SIDE // factor
    width, height = (factor * max(lowest, min(highest, round(side / factor))) for side in size)
    return width, height
