"""Make recipes of films that paint somebody's clip in another style. No torch in here."""

from dataclasses import replace
from typing import Any

from engine.editing.edit_recipe import DEFAULT_KEEP
from engine.errors import RecipeError
from engine.models.catalogue import find_models
from engine.presets import edit_overrides, find_preset, keep_weights, make_recipe
from engine.recipes.film import Clip, Film
from engine.recipes.recipe import Recipe

USUAL_FILM = Film(frames=2, camera="still", frames_per_second=8, between=2)
"""The film of a clip unless someone asks for another; its number of frames follows the clip."""


def restyle_recipe(
    prompt: str,
    video: bytes,
    *,
    size: tuple[int, int],
    shown: int,
    seed: int,
    keep: float | None = None,
    models: str = "demo",
    preset: str | None = None,
    film: Film = USUAL_FILM,
    **settings: Any,
) -> Recipe:
    """Make a recipe that paints a clip as what `prompt` says.

    Args:
        prompt: What the frames should show, in the syntax of `engine.recipes.prompts`.
        video: The clip as `engine.images.clip` stores it, at the rate `film.shown_rate`.
        size: Width and height of its frames, which are those of the canvas
            (`engine.editing.edit_recipe.canvas_size`).
        shown: Number of its frames, enough for two painted ones.
        seed: Seed of all random numbers of the run.
        keep: How much of each frame to keep, from 0 to 1, as for an edit; by default 0.9.
        models: Name of a pair of models in the catalogue.
        preset: One of `PRESET_NAMES`, by default the one that suits the models.
        film: Steps, strength and rates of the film.
        **settings: Fields of `Recipe` that replace the preset's. `steps` are those of the picture
            before the frames; without them the picture of a story takes no more than another one.

    Raises:
        RecipeError: A value is not allowed.
        ModelError: There are no such models.
    """
    if shown <= 1 + film.between:
        raise RecipeError(
            "the clip is too short to be painted: it needs {least} frames at {rate} a second, and "
            "has {shown}",
            least=2 + film.between,
            rate=film.shown_rate,
            shown=shown,
        )
    preset = preset or find_models(models).preset
    weights = keep_weights(preset, DEFAULT_KEEP if keep is None else keep, models)
    restyled = replace(
        film,
        frames=film.painted_of(shown),
        camera="still",
        loop=False,
        clip=Clip(video, **weights),
    )
    steps = find_preset(preset, models)["steps"]
    overrides = {"steps": steps, **edit_overrides(preset, models)}
    return make_recipe(
        prompt,
        seed=seed,
        models=models,
        preset=preset,
        size=size,
        **{"start": "image", "film": restyled, **overrides, **settings},
    )
