"""All kinds of recipes, one for each painter, and how one is read whatever its kind.

No torch in here.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from reprlib import repr as brief

from engine.errors import RecipeError
from engine.images.tiling import Tile
from engine.recipes.glide_recipe import GlideRecipe
from engine.recipes.json_form import as_object, check_version, parse
from engine.recipes.mindalle_recipe import MinDalleRecipe
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.open_edit_recipe import OpenEditRecipe
from engine.recipes.recipe import NEWEST_VERSION, Recipe
from engine.text import Text

OtherRecipe = GlideRecipe | MinDalleRecipe | OpenEditRecipe | NetworkRecipe
"""A recipe of another painter than VQGAN-CLIP."""
AnyRecipe = Recipe | OtherRecipe
"""A recipe of any painter."""
PAINTER_NAMES = {
    each.painter: each.shown_name for each in (GlideRecipe, MinDalleRecipe, OpenEditRecipe)
}
"""The names of the paper's rivals for people, by those in recipes."""
_KINDS: tuple[type[AnyRecipe], ...] = (
    *(Recipe, GlideRecipe, MinDalleRecipe, OpenEditRecipe, NetworkRecipe),
)


def is_comparison(recipes: Sequence[AnyRecipe]) -> bool:
    """Return True if several painters paint these recipes."""
    return len({recipe.painter for recipe in recipes}) > 1


def without_seed(recipe: AnyRecipe) -> AnyRecipe:
    """Return a recipe that all tries of one system have in common: they differ in their seed."""
    return replace(recipe, seed=0)


def has_tries(recipes: Sequence[AnyRecipe]) -> bool:
    """Return True if painters are compared of which one has several tries."""
    return is_comparison(recipes) and shown_count(recipes) < len(recipes)


def shown_count(recipes: Sequence[AnyRecipe]) -> int:
    """Return how many pictures of a job are shown: one of each compared system, else all."""
    if not is_comparison(recipes):
        return len(recipes)
    return sum(1 for _ in groupby(recipes, key=without_seed))


def painter_name(recipe: AnyRecipe) -> str:
    """Return the name of a recipe's painter for people."""
    return "VQGAN-CLIP" if isinstance(recipe, Recipe) else recipe.shown_name


def tile_of_recipe(recipe: AnyRecipe) -> Tile:
    """Return along which axes a recipe's picture continues; only VQGAN-CLIP paints tiles."""
    return recipe.tile if isinstance(recipe, Recipe) else "none"


def painted_size(recipe: AnyRecipe) -> tuple[int, int]:
    """Return width and height of a painted picture in pixels, before it is shown enlarged."""
    return recipe.size


def vqgan_clip_recipe(recipe: AnyRecipe) -> Recipe:
    """Return a recipe of VQGAN-CLIP as it is; raise `RecipeError` for those of other painters."""
    if isinstance(recipe, Recipe):
        return recipe
    raise RecipeError(
        "this picture was painted by {painter}, which can only paint it again, with another seed "
        "or other words: for anything else, edit the picture with VQGAN-CLIP",
        painter=recipe.shown_name,
    )


def recipe_from_json(text: str) -> AnyRecipe:
    """Read the output of `to_json` of a recipe of any painter.

    Raises:
        RecipeError: The text is no recipe, or one for a newer program.
    """
    values = as_object(parse(text), Text("the recipe"))
    check_version(values.pop("version", None), NEWEST_VERSION)
    name = values.pop("painter", Recipe.painter)
    kind = next((each for each in _KINDS if each.painter == name), None)
    if kind is None:
        raise RecipeError(
            "the recipe is for the painter {name}; this program knows {known}",
            name=brief(name),
            known=", ".join(each.painter for each in _KINDS),
        )
    return kind.from_values(values)
