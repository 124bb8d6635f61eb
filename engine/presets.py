"""Presets: named settings of the optimisation, and recipes made from them.

`paper` holds the paper's numbers; where the paper is silent, those of its authors' published
notebook, each named below. `demo` suits the demo pair. Beside the preset that suits a pair of
models stand `fast` and `fine`. How the demo pair's were found: docs/benchmarks.md, Presets.
"""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from engine.augmentations import DEMO, PAPER
from engine.catalogue import CATALOGUE, find_models
from engine.edits import Edit
from engine.errors import RecipeError
from engine.prompts import parse_prompts
from engine.recipe import MAX_SIDE, MIN_SIDE, Recipe

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "paper": MappingProxyType(
            {
                "steps": 400,  # Section 2
                "learning_rate": 0.15,  # Section 2
                "learning_rate_end": 1.0,  # Section 2 names one rate for the whole run
                "cutouts": 64,  # notebook
                "augmentations": PAPER,  # Section 2.3 and the notebook
                "regularizer": 1.5,  # notebook; Section 2.4 gives no value
                "regularizer_decay": 0.005,  # Section 2.4, read as a share per step
            }
        ),
        "demo": MappingProxyType(
            {
                "steps": 130,
                "learning_rate": 0.3,
                "learning_rate_end": 0.05,
                "cutouts": 8,
                "augmentations": DEMO,
                "regularizer": 0.6,
                "regularizer_decay": 0.01,
                "smoothness": 1.0,
            }
        ),
    }
)

BESIDE: Mapping[str, Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "fast": MappingProxyType(
            {
                # For published models nobody could measure `fast` and `fine`.
                "paper": MappingProxyType({"steps": 200, "cutouts": 16, "regularizer_decay": 0.01}),
                "demo": MappingProxyType(
                    {"steps": 40, "learning_rate": 0.5, "regularizer_decay": 0.0322}
                ),
            }
        ),
        "fine": MappingProxyType(
            {
                "paper": MappingProxyType({"steps": 800, "regularizer_decay": 0.0025}),
                "demo": MappingProxyType(
                    {"steps": 260, "learning_rate": 0.25, "regularizer_decay": 0.005}
                ),
            }
        ),
    }
)
"""Presets beside the one that suits a pair of models: what each changes in it. The regulariser
fades to the same share, in fewer or more steps."""

PRESET_NAMES = (*PRESETS, *BESIDE)
"""All that can be asked for."""

KEEPING: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        # Section 2.4's regulariser, towards the source instead of zero, and Appendix G.2's sum of
        # both distances; the paper gives no weights.
        "paper": MappingProxyType({"keep_latent": 1.0, "keep_look": 0.5}),
        "demo": MappingProxyType({"keep_structure": 1.0}),
    }
)
"""For each of `PRESETS`, an edit's weights that keep the whole source."""


EDITING: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "paper": MappingProxyType({}),
        # What is recoloured has no outlines to find and no dirt to smooth away, and pulling the
        # latent to zero made it paler.
        "demo": MappingProxyType({"steps": 60, "regularizer": 0.0, "smoothness": 0.0}),
    }
)
"""For each of `PRESETS`, what an edit of a whole picture has in place of the preset's settings."""


EDITING_BESIDE: Mapping[str, Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        # Of 12 tuning pictures whose object was to change its colour, it had the new one in 11
        # after 40 steps, and in 8 after 18.
        "fast": MappingProxyType(
            {"paper": MappingProxyType({}), "demo": MappingProxyType({"steps": 40})}
        ),
        "fine": MappingProxyType(
            {"paper": MappingProxyType({}), "demo": MappingProxyType({"steps": 120})}
        ),
    }
)
"""What `BESIDE` is to `PRESETS`, for `EDITING`."""


def keeping(preset: str, keep: float, models: str = "demo") -> Mapping[str, float]:
    """An edit's weights for a `keep` from 0, nothing is held, to 1."""
    if not 0 <= keep <= 1:
        raise RecipeError(f"keep must be a number from 0 to 1, not {keep:g}")
    known = KEEPING[base_of(preset, models)]
    return {name: keep * weight for name, weight in known.items()}


def keep_of(edit: Edit) -> float | None:
    """The `keep` that `keeping` made an edit's weights of; None if they are of another origin."""
    names = ("keep_latent", "keep_look", "keep_structure")
    held = {name: getattr(edit, name) for name in names if getattr(edit, name) > 0}
    if not held:
        return 0.0
    for known in KEEPING.values():
        if held.keys() == known.keys():
            shares = [weight / known[name] for name, weight in held.items()]
            if max(shares) <= 1 and math.isclose(min(shares), max(shares), rel_tol=1e-6):
                return shares[0]
    return None


def base_of(preset: str, models: str = "demo") -> str:
    """Which of `PRESETS` a preset is, or is beside; raises `RecipeError` naming all there are."""
    base = find_models(models).preset if preset in BESIDE else preset
    if base not in PRESETS:
        known = ", ".join(PRESET_NAMES)
        raise RecipeError(f"there is no preset called {base!r}; there are: {known}")
    return base


def find_preset(name: str, models: str = "demo") -> Mapping[str, Any]:
    """The settings of a preset for `models`; raises `RecipeError` naming all there are."""
    base = base_of(name, models)
    changes = BESIDE[name][base] if name in BESIDE else {}
    return MappingProxyType({**PRESETS[base], **changes})


def editing(preset: str, models: str = "demo") -> Mapping[str, Any]:
    """What an edit of a whole picture has in place of the preset's settings."""
    base = base_of(preset, models)
    changes = EDITING_BESIDE[preset][base] if preset in BESIDE else {}
    return MappingProxyType({**EDITING[base], **changes})


def preset_of(recipe: Recipe) -> str | None:
    """The preset that a recipe's settings are, whatever its steps; None if they are none's."""
    known = PRESET_NAMES if recipe.models in CATALOGUE else tuple(PRESETS)
    models = recipe.models if recipe.models in CATALOGUE else "demo"
    edits_whole = recipe.edit is not None and recipe.edit.mask is None
    for name in known:
        whole = editing(name, models) if edits_whole else {}
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
        prompt: in the syntax of `engine.prompts`.
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
