"""Sentences about what a command that paints pictures again does not say about them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.languages.message import Message
from bot.submission.enlargements import is_as_usual
from bot.submission.films import is_from_options, is_usual_restyling
from bot.submission.seeds import LARGEST_SEED, variations
from bot.ui.formatting import escape_name
from engine.errors import EngineError
from engine.presets import (
    infer_keep,
    keep_weights,
    make_recipe,
    preset_of,
    size_of_ratio,
    size_of_shape,
)
from engine.recipes.edit import Edit
from engine.recipes.film import Clip
from engine.recipes.kinds import AnyRecipe
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.recipe import Recipe
from engine.recipes.shapes import RATIOS, SHAPES, read_ratio
from engine.recipes.story import Story

STOPPED = Message("The picture was stopped early, and the command paints all its steps.")
_SERIES = Message("The pictures have settings of their own, and the command is for the first one.")
_SEED = Message("The seed is too large to be typed, so the command paints another picture.")
_START = Message(
    "A line of text can't hold the picture that it started from: attach that as `image`."
)
_ENLARGED = Message(
    "A line of text can't hold the picture that was enlarged: attach that as `image`."
)
_EDITED = Message("A line of text can't hold the picture that was edited: attach that as `image`.")
_RESTYLED = Message("A line of text can't hold the video that was restyled: attach that as `clip`.")
_MASKED = Message(
    "A line of text can't hold the picture that was edited and its mask: attach them as `image` "
    "and `mask`."
)
_VARIATION = Message(
    "It is a variation of another picture, which a line of text can't hold, so the command paints "
    "a picture from the start."
)
_START_OF_BLEND = Message(
    "It started from a picture, which `/blend` can't, so it paints another picture."
)
_LIKE = Message(
    "A line of text can't hold the pictures that it should resemble: attach them again."
)
_ONE_LIKE = Message(
    "A line of text can't hold the picture that it should resemble: attach that twice, as "
    "`image1` and `image2`."
)
_SETTINGS = Message(
    "Some of its settings are not options of the command, so the command paints another picture. "
    "The file of the picture has all settings: give it to `/recipe`."
)
LOOKS_LIKE_OPTION = Message(
    "A part of the prompt looks like an option, so check the fields before you send the command."
)


def shape_of(recipe: Recipe) -> dict[str, str]:
    """Return the option that chooses a picture's width and height; none if no option does."""
    size, models = (recipe.width, recipe.height), recipe.models
    try:
        for name in SHAPES:
            if size_of_shape(name, models) == size:
                return {"size": name}
        for ratio in (*RATIOS, "{}:{}".format(*size)):
            if size_of_ratio(read_ratio(ratio), models) == size:
                return {"ratio": ratio}
    except EngineError:  # there are no such models any more, or the ratio is too extreme
        pass
    return {}


def missing(recipes: Sequence[AnyRecipe], installed: Sequence[str]) -> Iterator[Message]:
    """Yield sentences about what options cannot say of recipes."""
    first = recipes[0]
    if first.models not in installed:
        yield Message(
            "{models} models painted it, which I do not have, so the command paints another "
            "picture.",
            models=escape_name(first.models),
        )
    if isinstance(first, NetworkRecipe):
        yield _ENLARGED
        return
    if not is_series(recipes):
        yield _SERIES
    if first.seed + len(recipes) - 1 > LARGEST_SEED:
        yield _SEED
    if not isinstance(first, Recipe):
        return
    if first.enlargement is not None:
        yield _ENLARGED
        if first.models in installed and not is_as_usual(first):
            yield _SETTINGS
        return
    yield from _missing_pictures(first)
    if first.more:
        yield Message(
            "The command paints its first steps: press *More steps* for the {rounds} after those.",
            rounds=" + ".join(map(str, first.more)),
        )
    if first.models in installed and not _has_usual_settings(first):
        yield _SETTINGS


def _missing_pictures(recipe: Recipe) -> Iterator[Message]:
    if recipe.clip is not None:
        yield _RESTYLED
    elif recipe.edit is not None:
        yield _EDITED if recipe.edit.mask is None else _MASKED
    elif recipe.start_noise > 0:
        yield _VARIATION
    elif recipe.start == "image":
        yield _START if recipe.prompts else _START_OF_BLEND
    if recipe.image_prompts:
        is_one_without_words = not recipe.prompts and len(recipe.image_prompts) == 1
        yield _ONE_LIKE if is_one_without_words else _LIKE


def is_series(recipes: Sequence[AnyRecipe]) -> bool:
    """Return True if recipes differ only in their seeds, which are consecutive."""
    return tuple(recipes) == variations(recipes[0], len(recipes))


def _has_usual_settings(recipe: Recipe) -> bool:
    """Return True if options say all about a recipe except for its words and pictures."""
    preset = preset_of(recipe)
    if preset is None or not _fades_as_typed(recipe.story):
        return False
    if recipe.edit is not None:
        is_variation = recipe.start_noise > 0
        return not is_variation and _keeps_as_typed(recipe.edit, preset, recipe.models)
    if recipe.film is not None and recipe.clip is not None:
        is_variation = recipe.start_noise > 0
        is_usual = is_usual_restyling(recipe.film)
        return is_usual and not is_variation and _keeps_as_typed(recipe.clip, preset, recipe.models)
    if not shape_of(recipe):
        return False
    usual = make_recipe(
        "a picture",
        seed=recipe.seed,
        models=recipe.models,
        preset=preset,
        size=(recipe.width, recipe.height),
        steps=recipe.steps,
        tile=recipe.tile,
    )
    if not is_from_options(recipe):
        return False
    without = replace(
        recipe.at_chapter(0),
        film=None,
        prompts=usual.prompts,
        start=usual.start,
        init_image=None,
        start_noise=0.0,
    )
    return replace(without, image_prompts=(), more=()) == usual


def _fades_as_typed(story: Story | None) -> bool:
    """Return True if a whole percentage says how the chapters of a story fade."""
    return story is None or story.fade == round(100 * story.fade) / 100


def _keeps_as_typed(edit: Edit | Clip, preset: str, models: str) -> bool:
    """Return True if a whole percentage says how much an edit or a film keeps."""
    keep = infer_keep(edit)
    if keep is None:
        return False
    weights = keep_weights(preset, round(100 * keep) / 100, models)
    return all(getattr(edit, name) == weight for name, weight in weights.items())
