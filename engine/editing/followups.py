"""From a painted picture's recipe to that of another one: further rounds, or a new start from it.

No torch in here.
"""

from dataclasses import replace

from engine.editing.edit_recipe import read_source
from engine.errors import RecipeError
from engine.models.catalogue import find_models
from engine.recipes.recipe import MAX_MORE, MAX_STEPS, Recipe
from engine.recipes.start_image import init_image


def with_extra_steps(recipe: Recipe, steps: int) -> Recipe:
    """The recipe with a further round of `steps`: its run begins as that of `recipe` ends.

    Raises `RecipeError` if that is too much for one run.
    """
    if len(recipe.more) == MAX_MORE:
        raise RecipeError(f"a picture is painted in at most {MAX_MORE} further rounds")
    left = MAX_STEPS - recipe.total_steps
    if steps > left:
        raise RecipeError(f"of at most {MAX_STEPS} steps {left} are left, not {steps}")
    return replace(recipe, more=(*recipe.more, steps))


def restart_from(recipe: Recipe, picture: bytes) -> Recipe:
    """The recipe once more, from a picture in place of what it started from.

    It is fitted to the canvas, or of an edit takes the place of the source. Further rounds and
    noise belonged to the run that was before.

    Raises `PictureError` if it is no picture, `RecipeError` if no run of the kind can start so.
    """
    fresh = replace(recipe, more=(), start_noise=0.0)
    if recipe.edit is not None:
        size = read_source(recipe.edit.source)[0].size
        return replace(fresh, edit=replace(recipe.edit, source=init_image(picture, size)))
    if recipe.quantization == "codebook-sampling":
        raise RecipeError(
            "codebook sampling painted this, and that cannot start from a picture: paint it anew"
        )
    start = init_image(picture, (recipe.width, recipe.height))
    return replace(fresh, start="image", init_image=start)


def variation_of(recipe: Recipe, picture: bytes, seed: int) -> Recipe:
    """A recipe for a picture that is like `picture`, which `recipe` painted, and yet another.

    Raises as `continued`, and `ModelError` if there are no such models.
    """
    noise = find_models(recipe.models).vary_noise
    return replace(restart_from(recipe, picture), seed=seed, start_noise=noise)
