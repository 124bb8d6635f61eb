"""The pictures inside a recipe, without which it can be shared but not painted.

A recipe that was shared without its pictures has empty files in their place.
"""

from dataclasses import replace

from engine.errors import RecipeError
from engine.recipes.edit import Edit
from engine.recipes.kinds import AnyRecipe
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.recipe import Recipe


def without_pictures(recipe: AnyRecipe) -> AnyRecipe:
    """Return the recipe with empty files for its pictures; it cannot be painted."""
    if isinstance(recipe, NetworkRecipe):
        return replace(recipe, source=b"")
    if not isinstance(recipe, Recipe):
        edit = None if recipe.edit is None else _without_pictures(recipe.edit)
        return replace(recipe, edit=edit)
    film = recipe.film
    if film is not None and film.clip is not None:
        film = replace(film, clip=replace(film.clip, video=b""))
    return replace(
        recipe,
        film=film,
        init_image=_emptied(recipe.init_image),
        edit=None if recipe.edit is None else _without_pictures(recipe.edit),
        image_prompts=tuple(replace(each, picture=b"") for each in recipe.image_prompts),
    )


def check_complete(recipe: AnyRecipe) -> None:
    """Raise `RecipeError` if pictures or a clip were left out of a recipe."""
    if isinstance(recipe, Recipe) and recipe.clip is not None and not recipe.clip.video:
        raise RecipeError(
            "the clip that this recipe restyles was left out when it was posted, so it cannot be "
            "painted from here: press Rerun under the film on Discord, or use the complete recipe, "
            "which /privacy export sends to the person who asked for the film"
        )
    if any(not picture for picture in pictures_of(recipe)):
        raise RecipeError(
            "the pictures that this recipe starts from were left out when it was posted, so it "
            "cannot be painted from here: press Rerun under the picture on Discord, or use the "
            "complete recipe, which /privacy export sends to the person who asked for the picture"
        )


def seen_pictures(recipe: AnyRecipe) -> list[bytes]:
    """Return the pictures that a painting is made from, without masks and those left out."""
    source = None if recipe.edit is None else recipe.edit.source
    goals = (each.picture for each in recipe.image_prompts)
    return [each for each in (recipe.init_image, source, *goals) if each]


def _without_pictures(edit: Edit) -> Edit:
    return replace(edit, source=b"", mask=_emptied(edit.mask))


def _emptied(picture: bytes | None) -> bytes | None:
    return None if picture is None else b""


def pictures_of(recipe: AnyRecipe) -> list[bytes]:
    """Return the pictures inside a recipe, and the clip of a film."""
    edit = recipe.edit
    clip = recipe.clip if isinstance(recipe, Recipe) else None
    optional = (recipe.init_image, *(() if edit is None else (edit.source, edit.mask)))
    prompts = [each.picture for each in recipe.image_prompts]
    clips = [] if clip is None else [clip.video]
    return [*(each for each in optional if each is not None), *prompts, *clips]
