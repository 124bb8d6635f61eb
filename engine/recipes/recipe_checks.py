"""What the values of a recipe of VQGAN-CLIP need of each other (`engine.recipes.recipe`)."""

from reprlib import repr as brief
from typing import TYPE_CHECKING

from engine.errors import RecipeError
from engine.recipes.checks import MAX_STEPS, check_whole, is_tuple_of
from engine.recipes.edit import MAX_BYTES, ImagePrompt
from engine.recipes.enlargement import Enlargement
from engine.recipes.prompts import MAX_PROMPTS
from engine.text import Text

if TYPE_CHECKING:
    from engine.recipes.recipe import Recipe

MAX_MORE = 100
"""Maximum number of extra rounds in a run."""


def check_image_prompts(image_prompts: object) -> None:
    """Raise `RecipeError` unless these can be the image prompts of a recipe."""
    if not is_tuple_of(image_prompts, ImagePrompt):
        raise RecipeError(
            "image_prompts must be a tuple of ImagePrompt, not {value}", value=brief(image_prompts)
        )
    if len(image_prompts) > MAX_PROMPTS or sum(len(p.picture) for p in image_prompts) > MAX_BYTES:
        raise RecipeError(
            "at most {most} image prompts are allowed, with {mebibytes} MiB together",
            most=MAX_PROMPTS,
            mebibytes=MAX_BYTES // 2**20,
        )


def check_more(more: object, steps: int) -> None:
    """Raise `RecipeError` unless these can be the extra rounds of a recipe with so many `steps`."""
    if not is_tuple_of(more, object) or len(more) > MAX_MORE:
        raise RecipeError(
            "more must be a tuple of at most {most} numbers, not {value}",
            most=MAX_MORE,
            value=brief(more),
        )
    total = steps + sum(
        check_whole(Text("each round in more"), each, 1, MAX_STEPS) for each in more
    )
    if total > MAX_STEPS:
        raise RecipeError(
            "all rounds together have {total} steps; at most {most} are allowed",
            total=total,
            most=MAX_STEPS,
        )


def check_film(recipe: "Recipe") -> None:
    """Raise `RecipeError` if the rest of a film's recipe does not go with it."""
    if recipe.more or recipe.edit is not None or recipe.tile != "none":
        raise RecipeError(
            "a film is made of a new picture, or of one to start from: it can have neither "
            "extra rounds nor an edit, and be no tile"
        )
    if recipe.quantization == "codebook-sampling":
        raise RecipeError(
            "the frames of a film are pictures to encode, which codebook sampling cannot: "
            "choose another quantization"
        )
    if recipe.total_steps > MAX_STEPS:
        raise RecipeError(
            "the frames of the film have {total} steps together; at most {most} are allowed",
            total=recipe.total_steps,
            most=MAX_STEPS,
        )


def check_enlargement(recipe: "Recipe", enlargement: Enlargement) -> None:
    """Raise `RecipeError` if the rest of an enlargement's recipe does not go with it."""
    if (
        recipe.more
        or recipe.film is not None
        or recipe.story is not None
        or recipe.init_image is None
    ):
        raise RecipeError(
            "an enlargement needs one picture to start from, and can have neither extra "
            "rounds nor a film, a story or an edit"
        )
    if recipe.start_noise > 0 or recipe.quantization == "codebook-sampling":
        raise RecipeError(
            "the parts of an enlargement are encoded pictures, without start noise and "
            "without codebook sampling"
        )
    if recipe.width > enlargement.size[0] or recipe.height > enlargement.size[1]:
        raise RecipeError(
            "a part of {part} pixels is larger than the enlarged picture, which has {size}",
            part=f"{recipe.width}x{recipe.height}",
            size="{}x{}".format(*enlargement.size),
        )
    if recipe.total_steps > MAX_STEPS:
        raise RecipeError(
            "the {parts} parts of the enlargement have {total} steps together; at most {most} "
            "are allowed",
            parts=recipe.tile_count,
            total=recipe.total_steps,
            most=MAX_STEPS,
        )
