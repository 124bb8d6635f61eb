"""Make a new recipe from a painted picture's recipe: more rounds, a restart, a variation.

No torch in here.
"""

from dataclasses import replace

from PIL import Image

from engine.editing.edit_pictures import read_source
from engine.errors import RecipeError
from engine.models.catalogue import find_models
from engine.recipes.checks import MAX_STEPS
from engine.recipes.film import MAX_FRAMES, Film
from engine.recipes.kinds import AnyRecipe
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.open_edit_recipe import OpenEditRecipe, read_phrases
from engine.recipes.pictures import check_complete
from engine.recipes.plain_recipe import read_plain
from engine.recipes.prompts import line_of, parse_line
from engine.recipes.recipe import Recipe
from engine.recipes.recipe_checks import MAX_MORE
from engine.recipes.start_image import init_image
from engine.recipes.story import FADE


def with_extra_steps(recipe: Recipe, steps: int) -> Recipe:
    """Return the recipe with an extra round of `steps`, which continues the run of `recipe`.

    A film becomes longer by the frames that take so many steps, at least by one.

    Raises:
        RecipeError: There would be too many rounds, frames or steps, the film has a fixed end, or
            the picture is an enlargement.
    """
    _check_no_enlargement(recipe)
    if recipe.film is not None:
        if recipe.has_fixed_length:
            if recipe.clip is not None:
                raise RecipeError(
                    "this film is as long as the clip that it restyles: restyle a longer clip"
                )
            raise RecipeError(
                "this film is a loop or a story, whose end is fixed: ask for a longer one"
            )
        return replace(recipe, film=_longer(recipe.film, steps))
    if len(recipe.more) == MAX_MORE:
        raise RecipeError("a picture can have at most {most} extra rounds", most=MAX_MORE)
    left = MAX_STEPS - recipe.total_steps
    if steps > left:
        raise RecipeError(
            "a picture can have at most {most} steps, so {left} are left, not {steps}",
            most=MAX_STEPS,
            left=left,
            steps=steps,
        )
    return replace(recipe, more=(*recipe.more, steps))


def _longer(film: Film, steps: int) -> Film:
    frames = film.frames + max(1, round(steps / film.steps))
    if frames > MAX_FRAMES:
        raise RecipeError(
            "a film can have at most {most} frames, so {left} are left, not {frames}",
            most=MAX_FRAMES,
            left=MAX_FRAMES - film.frames,
            frames=frames - film.frames,
        )
    return replace(film, frames=frames)


def reworded(recipe: AnyRecipe, prompt: str) -> AnyRecipe:
    """Return the recipe with other words, in the syntax that its painter reads.

    Raises `RecipeError` if it cannot read them.
    """
    if isinstance(recipe, Recipe):
        line, fade = parse_line(prompt), FADE if recipe.story is None else recipe.story.fade
        story = None if line.story is None else replace(line.story, fade=fade)
        return replace(recipe, prompts=line.prompts, story=story)
    if isinstance(recipe, OpenEditRecipe):
        old, new = read_phrases(prompt)
        return replace(recipe, old=old, new=new)
    if isinstance(recipe, NetworkRecipe):
        raise RecipeError("a network that enlarges pictures reads no words: enlarge it by painting")
    return replace(recipe, prompt=read_plain(prompt, recipe.shown_name))


def words_of(recipe: AnyRecipe) -> str:
    """Return the words of a recipe, in the syntax that `reworded` reads."""
    if isinstance(recipe, OpenEditRecipe):
        return recipe.title
    return line_of(recipe.prompts, recipe.story if isinstance(recipe, Recipe) else None)


def restart_from(recipe: Recipe, picture: bytes | Image.Image) -> Recipe:
    """Return the recipe with `picture` as its start, without extra rounds and start noise.

    The picture, or the one in a file's bytes, is fitted to the canvas. In an edit it replaces the
    source.

    Raises:
        PictureError: The file is not a picture.
        RecipeError: The recipe's quantization cannot start from a picture, the recipe lacks
            pictures that are still needed, restyles a clip, or is that of an enlargement.
    """
    _check_no_enlargement(recipe)
    if recipe.clip is not None:
        raise RecipeError(
            "this film begins with the first frame of the clip that it restyles, and with no other "
            "picture"
        )
    fresh = replace(recipe, more=(), start_noise=0.0)
    if recipe.edit is not None:
        check_complete(recipe)
        size = read_source(recipe.edit.source)[0].size
        return replace(
            fresh, edit=replace(recipe.edit, source=init_image(picture, size, recipe.tile))
        )
    if recipe.quantization == "codebook-sampling":
        raise RecipeError(
            "this picture was painted by codebook sampling, which cannot start from a picture: "
            "paint it again from the start"
        )
    start = init_image(picture, (recipe.width, recipe.height), recipe.tile)
    restarted = replace(fresh, start="image", init_image=start)
    check_complete(restarted)
    return restarted


def variation_of(recipe: Recipe, picture: bytes, seed: int, steps: int | None = None) -> Recipe:
    """Return a recipe for a variation of `picture`, which `recipe` painted in `steps`.

    By default these are all its steps. A variation of a picture of a story is steered towards the
    chapter that the picture shows. Of a restyled clip it is the whole clip in another variation.

    Raises:
        PictureError: The file is not a picture.
        RecipeError: The recipe's quantization cannot start from a picture.
        ModelError: There are no models of the recipe's name.
    """
    noise = find_models(recipe.models).vary_noise
    if recipe.clip is not None:
        check_complete(recipe)
        return replace(recipe, seed=seed, start_noise=noise)
    shown = recipe.at_chapter(recipe.total_steps if steps is None else steps)
    return replace(restart_from(shown, picture), seed=seed, start_noise=noise)


def _check_no_enlargement(recipe: Recipe) -> None:
    if recipe.enlargement is not None:
        raise RecipeError(
            "an enlarged picture has all its steps and can only be enlarged again: vary the "
            "picture that it was made of, or edit it"
        )
