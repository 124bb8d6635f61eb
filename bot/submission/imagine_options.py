"""The options of `/imagine` and `/blend`, and the recipe that they ask for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from bot.config import LimitSettings
from bot.errors import UserError
from bot.languages.message import Message, option_names
from bot.preferences import KEEPS
from bot.submission.policy import check_prompt
from bot.submission.seeds import seed_or_any
from bot.ui.formatting import escape_name
from engine.presets import default_size, make_recipe, size_of_ratio, size_of_shape
from engine.recipes.edit import ImagePrompt
from engine.recipes.prompt_syntax import MAX_WEIGHT, with_excluded
from engine.recipes.prompts import Prompt
from engine.recipes.recipe import Recipe
from engine.recipes.shapes import SHAPES, read_ratio

MAX_LIKES = 3
"""Maximum number of pictures that a painting can be asked to resemble by the command."""
MAX_WEIGHTS = 60
"""Maximum length of the weights of pictures, in characters."""
MAX_RATIO_TEXT = 20
"""Maximum length of a ratio, in characters."""
_WEIGHT = re.compile(r"[+-]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})", re.ASCII)
_NOTHING = Message(
    "Say in `prompt` what the picture should show. `/blend` paints from pictures alone, without "
    "words."
)


@dataclass(frozen=True)
class ImagineOptions:
    """What a person typed into a command's options; None for what they left out."""

    prompt: str | None = None
    negative: str | None = None
    """What to push away from, separated by commas."""
    size: str | None = None
    """One of `SHAPES`."""
    ratio: str | None = None
    """Any aspect ratio, instead of a `size`."""
    steps: int | None = None
    tile: str | None = None
    """Axes along which the picture continues across its edges."""
    seed: int | None = None
    model: str | None = None
    """Name of the models that paint."""
    painter: str | None = None
    """Name of the method that paints, VQGAN-CLIP if left out."""
    preset: str | None = None
    style: str | None = None
    keep: str | None = None
    """One of `KEEPS`: whether the best of several pictures is shown large."""
    likes: int = 0
    """Number of pictures that the painting should resemble, from 0 to `MAX_LIKES`."""
    like_weights: str | None = None
    """The weights of these pictures, separated by commas; 1 for those without any."""
    fade: int | None = None
    """How much of each chapter fades in from the one before, in percent."""
    weights_option: str = "like_weights"
    """The name of the command's option for these weights."""

    @cached_property
    def line(self) -> str:
        """The prompt with what to push away from, in the syntax of prompts, or ""."""
        return with_excluded((self.prompt or "").strip(), self.negative or "")

    @property
    def settings(self) -> dict[str, Any]:
        """Fields of the recipe that replace the preset's."""
        values = {"steps": self.steps, "tile": self.tile}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def has_own_shape(self) -> bool:
        """True if an option chooses the shape of the picture, whatever the prompt says."""
        return self.size is not None or self.ratio is not None


def imagine_recipe(
    options: ImagineOptions, installed: Sequence[str], limits: LimitSettings
) -> Recipe:
    """Return the recipe that the options ask for, with empty files for pictures to resemble.

    The first of the `installed` models paint unless the options name others. Raises `UserError` or
    `EngineError` for what is not allowed.
    """
    _check(options, limits)
    line = options.line
    models = installed[0] if options.model is None else checked_models(options.model, installed)
    likes = tuple(ImagePrompt(b"", weight) for weight in _weights(options))
    recipe = make_recipe(
        line or None,
        seed=seed_or_any(options.seed),
        models=models,
        preset=options.preset,
        size=_size(options, models),
        image_prompts=likes,
        fade=None if options.fade is None else options.fade / 100,
        **options.settings,
    )
    return recipe if options.style is None else styled(recipe, options.style)


def title_of(options: ImagineOptions, recipe: Recipe) -> str:
    """Return the words under which people find the job: those that were typed, if there are any."""
    return options.line if (options.prompt or "").strip() else recipe.title


def checked_models(name: str, installed: Sequence[str]) -> str:
    """Return the name of models; raise `UserError` unless they are installed."""
    if name not in installed:
        raise UserError(
            Message(
                "I have no models called {name}. Choose one of: {installed}.",
                name=escape_name(name),
                installed=", ".join(installed),
            )
        )
    return name


def styled(recipe: Recipe, style: str) -> Recipe:
    """Append a style to each prompt of a recipe that has a positive weight.

    In a chapter that has none, or a recipe without a story, the style becomes a prompt.
    """
    return recipe.with_chapters([_in_style(each, style) for each in recipe.chapters])


def keeps_best(options: ImagineOptions, count: int, *, is_typed: bool = True) -> bool:
    """Return whether the best of `count` pictures is to be shown large.

    `is_typed` is False for a default, which only counts where there is something to choose from.
    Raises `UserError` for one picture, and for what is no choice.
    """
    check_keep(options.keep)
    if options.keep != "best" or count > 1:
        return options.keep == "best"
    if is_typed:
        raise UserError(
            Message(
                "`keep: best` chooses among several pictures, and this is only one. Ask for more, "
                "such as `count: 4`, or leave `keep` out."
            )
        )
    return False


def check_keep(keep: str | None) -> None:
    """Raise `UserError` for a value that Discord's own commands do not offer."""
    if keep is not None and keep not in KEEPS:
        raise UserError(
            Message("Choose one of the ways in the list for `keep`: {ways}.", ways=", ".join(KEEPS))
        )


def with_likes(recipe: Recipe, pictures: Sequence[ImagePrompt]) -> Recipe:
    """Return a recipe with the files of the pictures that it should resemble."""
    likes = zip(recipe.image_prompts, pictures, strict=True)
    return replace(
        recipe, image_prompts=tuple(replace(like, picture=each.picture) for like, each in likes)
    )


def _check(options: ImagineOptions, limits: LimitSettings) -> None:
    """Raise `UserError` for options that are too long, or do not go together."""
    check_prompt(" ".join(filter(None, (options.prompt, options.negative))), limits)
    if not (options.prompt or "").strip() and not options.likes:
        raise UserError(_NOTHING)
    if options.size is not None and options.ratio is not None:
        raise UserError(
            Message("Both `size` and `ratio` choose the shape of the picture. Leave one out.")
        )


def _size(options: ImagineOptions, models: str) -> tuple[int, int]:
    """Return the width and height in pixels that the options ask for."""
    if options.ratio is not None:
        return size_of_ratio(read_ratio(options.ratio), models)
    if options.size is None:
        return default_size(options.line or None, models)
    if options.size not in SHAPES:
        raise UserError(
            Message(
                "There's no size called {name}. Choose one of: {sizes}.",
                name=options.size,
                sizes=", ".join(SHAPES),
            )
        )
    return size_of_shape(options.size, models)


def _weights(options: ImagineOptions) -> tuple[float, ...]:
    """Return the weight of each picture to resemble."""
    typed = [] if options.like_weights is None else re.split(r"[,;]", options.like_weights)
    if typed and not options.likes:
        raise UserError(
            Message(
                "{option} needs a picture in `like`.", option=option_names(options.weights_option)
            )
        )
    if len(typed) > options.likes:
        raise UserError(
            Message.counted(
                "You gave {count} weight in {option}, but the number of pictures to resemble is "
                "{pictures}. Give one weight for each, separated by commas, such as: 2, 0.5",
                "You gave {count} weights in {option}, but the number of pictures to resemble is "
                "{pictures}. Give one weight for each, separated by commas, such as: 2, 0.5",
                len(typed),
                option=option_names(options.weights_option),
                pictures=options.likes,
            )
        )
    given = [_weight(each.strip(), options.weights_option) for each in typed]
    return (*given, *(1.0 for _ in range(options.likes - len(given))))


def _weight(typed: str, option: str) -> float:
    if _WEIGHT.fullmatch(typed) is None or abs(float(typed)) > MAX_WEIGHT:
        raise UserError(
            Message(
                "Each weight in {option} must be a number from {least} to {most}, and commas "
                "separate them, such as: 2, -0.5",
                option=option_names(option),
                least=f"-{MAX_WEIGHT:g}",
                most=f"{MAX_WEIGHT:g}",
            )
        )
    return float(typed)


def _in_style(chapter: tuple[Prompt, ...], style: str) -> tuple[Prompt, ...]:
    prompts = tuple(
        replace(prompt, text=f"{prompt.text}, {style}") if prompt.weight > 0 else prompt
        for prompt in chapter
    )
    return prompts if any(prompt.weight > 0 for prompt in prompts) else (Prompt(style), *prompts)
