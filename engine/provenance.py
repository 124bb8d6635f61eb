"""Where a picture or a film comes from: the recipe, the models and the steps in its texts.

A PNG has its texts in chunks, an MP4 among its tags; a recipe can also be a file by itself. The
texts of a run that was stopped early contain the complete recipe and the number of steps taken. A
recipe with fewer steps would describe a different run.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import RecipeError
from engine.files import THE_PICTURE, Name, check_length, decode_text, quoted, read_bounded
from engine.images import png
from engine.recipes.kinds import AnyRecipe, recipe_from_json

RECIPE_KEY = "vqgan-clip-recipe"
"""Keyword of the PNG text chunk that holds the recipe as JSON."""
STEPS_KEY = "vqgan-clip-stopped-at"
"""Keyword of the chunk that holds the number of steps taken, if the run was stopped early."""
MODELS_KEY = "vqgan-clip-models"
"""Keyword of the chunk that holds as JSON the models' name, the SHA-256 of their weights, and,
except in old files, the precision that they computed in."""
DESCRIPTION_KEY = "Description"
"""Keyword that the PNG specification reserves for a description of the picture."""
ORIGIN_KEYS = (RECIPE_KEY, STEPS_KEY, MODELS_KEY)
"""Keywords of the texts that tell where a picture comes from."""
PRECISION_NAMES = ("float32", "bfloat16")
"""Precisions that a picture can name."""
_MAX_DIGESTS = 16_384
"""Maximum number of characters of the chunk that holds the SHA-256 of the weights."""


@dataclass(frozen=True)
class Provenance:
    """Where a picture comes from, and how to paint it again."""

    recipe: AnyRecipe
    steps: int
    """Number of the recipe's steps that were taken, fewer than all if the run was stopped."""
    digests: Mapping[str, str]
    """SHA-256 of each weights file that painted the picture, by file name; empty if unknown."""
    precision: str = ""
    """Name of the precision that painted the picture, one of `PRECISION_NAMES`; "" if unknown."""


def origin_texts(
    recipe: AnyRecipe,
    digests: Mapping[str, str],
    *,
    precision: str = "",
    steps: int | None = None,
) -> dict[str, str]:
    """Return the texts that tell how a picture or a film was painted in `steps`, or in all steps.

    `digests` are the SHA-256 of each weights file by file name, and `precision` is the name of the
    precision that painted it, "" if it is unknown.
    """
    models: dict[str, Any] = {"name": recipe.models, "sha256": dict(digests)}
    if precision:
        models["precision"] = precision
    texts = {
        DESCRIPTION_KEY: recipe.title,
        RECIPE_KEY: recipe.to_json(),
        MODELS_KEY: json.dumps(models),
    }
    if steps is not None and steps != recipe.total_steps:
        texts[STEPS_KEY] = str(steps)
    return texts


def read_recipe(path: Path) -> AnyRecipe:
    """Read the recipe in a PNG or JSON file.

    Raises:
        PictureError: The file cannot be read.
        RecipeError: The file contains no valid recipe.
    """
    return read_provenance(path).recipe


def read_provenance(source: Path | bytes, *, name: Name = THE_PICTURE) -> Provenance:
    """Read where a picture comes from: from a PNG painted by this program, or a recipe as JSON.

    `source` is the path of a file, or its bytes, which messages call `name`.

    Raises:
        PictureError: The file cannot be read.
        RecipeError: The file contains no valid recipe.
    """
    if isinstance(source, bytes):
        content = source
    else:
        content, name = read_bounded(source, limit=png.MAX_FILE_BYTES), quoted(source)
    try:
        if content.startswith(png.SIGNATURE):
            return read_origin(png.read_text(content, keywords=ORIGIN_KEYS, name=name))
        check_length(content, limit=png.MAX_TEXT_BYTES, name=name)
        recipe = recipe_from_json(_decoded(content))
        return Provenance(recipe, recipe.total_steps, {})
    except RecipeError as error:
        raise RecipeError("{name}: {error}", name=name, error=error.text) from error


def read_origin(texts: Mapping[str, str]) -> Provenance:
    """Read where a picture or a film comes from out of its texts, which `origin_texts` returned.

    Raises:
        RecipeError: They contain no valid recipe.
    """
    if RECIPE_KEY not in texts:
        raise RecipeError("it contains no recipe, only PNG files painted by this program do")
    recipe = recipe_from_json(texts[RECIPE_KEY])
    total = recipe.total_steps
    steps = texts.get(STEPS_KEY, str(total))
    if not (steps.isascii() and steps.isdigit() and len(steps) < 10 and int(steps) <= total):
        raise RecipeError(
            "the number of steps taken must be a whole number from 0 to {total}", total=total
        )
    digests, precision = _parse_models(texts.get(MODELS_KEY, "{}"))
    return Provenance(recipe, int(steps), digests, precision)


def _parse_models(text: str) -> tuple[dict[str, str], str]:
    """Return the SHA-256 of each weights file, and the precision if it is a known one."""
    if len(text) > _MAX_DIGESTS:
        raise RecipeError("what it says about the models is not valid JSON of a usual length")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError("what it says about the models is not valid JSON") from error
    digests = values.get("sha256", {}) if isinstance(values, dict) else None
    if not isinstance(digests, dict) or not all(isinstance(d, str) for d in digests.values()):
        raise RecipeError("what it says about the models must name a SHA-256 for each file")
    precision = values.get("precision")
    return digests, precision if precision in PRECISION_NAMES else ""


def _decoded(content: bytes) -> str:
    try:
        return decode_text(content)
    except UnicodeDecodeError as error:
        raise RecipeError(
            "it contains no recipe: name a PNG file painted by this program, or a recipe as JSON"
        ) from error
