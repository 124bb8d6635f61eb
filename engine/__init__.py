"""VQGAN-CLIP: pictures from words (Crowson, Biderman et al., 2022).

A library and a command line (`python -m engine`). It knows torch and files, and nothing of
Discord. The names below are its public ones; they are looked up when first used, so that
importing the package costs nothing and loads no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.continuing import continued, prolonged, varied
    from engine.editing import edit_recipe, image_prompt, read_mask, read_source
    from engine.edits import Edit, ImagePrompt
    from engine.errors import (
        CheckpointError,
        DivergedError,
        EngineError,
        ModelError,
        PictureError,
        RecipeError,
        SettingsError,
        WeightsError,
    )
    from engine.generation import Generation
    from engine.models import Models, load_models
    from engine.painting import Origin, paint, read_origin, read_recipe, save_painting
    from engine.preparation import prepare_models
    from engine.presets import make_recipe
    from engine.prompts import Prompt, parse_prompts
    from engine.recipe import Recipe
    from engine.start_image import init_image
    from engine.text_masks import TextMask, find_mask
    from engine.weights.settings import WeightsSettings, read_weights_settings

_HOMES = {
    "CheckpointError": "errors",
    "DivergedError": "errors",
    "EngineError": "errors",
    "ModelError": "errors",
    "PictureError": "errors",
    "RecipeError": "errors",
    "SettingsError": "errors",
    "WeightsError": "errors",
    "Generation": "generation",
    "Models": "models",
    "load_models": "models",
    "Origin": "painting",
    "paint": "painting",
    "read_origin": "painting",
    "read_recipe": "painting",
    "save_painting": "painting",
    "prepare_models": "preparation",
    "make_recipe": "presets",
    "Prompt": "prompts",
    "parse_prompts": "prompts",
    "Recipe": "recipe",
    "init_image": "start_image",
    "Edit": "edits",
    "ImagePrompt": "edits",
    "continued": "continuing",
    "prolonged": "continuing",
    "varied": "continuing",
    "edit_recipe": "editing",
    "image_prompt": "editing",
    "read_mask": "editing",
    "read_source": "editing",
    "TextMask": "text_masks",
    "find_mask": "text_masks",
    "WeightsSettings": "weights.settings",
    "read_weights_settings": "weights.settings",
}

__all__ = [
    "CheckpointError",
    "DivergedError",
    "Edit",
    "EngineError",
    "Generation",
    "ImagePrompt",
    "ModelError",
    "Models",
    "Origin",
    "PictureError",
    "Prompt",
    "Recipe",
    "RecipeError",
    "SettingsError",
    "TextMask",
    "WeightsError",
    "WeightsSettings",
    "continued",
    "edit_recipe",
    "find_mask",
    "image_prompt",
    "init_image",
    "load_models",
    "make_recipe",
    "paint",
    "parse_prompts",
    "prepare_models",
    "prolonged",
    "read_mask",
    "read_origin",
    "read_recipe",
    "read_source",
    "read_weights_settings",
    "save_painting",
    "varied",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
