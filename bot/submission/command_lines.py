"""Write the command that paints pictures again, ready to paste.

What a line of text cannot say about them is said in sentences.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from discord import app_commands

from bot.errors import UserError
from bot.jobs.job import JobState
from bot.jobs.records import JobRecord
from bot.storage import Store
from bot.submission.default_options import DefaultOptions
from bot.submission.pasted_words import pasted_words
from bot.submission.requester import Requester
from bot.submission.seeds import LARGEST_SEED, variations
from bot.submission.styles import NONE, SavedStyles
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
from engine.recipes.recipe import Recipe
from engine.recipes.shapes import RATIOS, SHAPES, read_ratio

IMAGINE, EDIT = "imagine", "edit"
_STOPPED = "The picture was stopped early, and the command paints all its steps."
_SERIES = "The pictures have settings of their own, and the command is for the first one."
_SEED = "The seed is too large to be typed, so the command paints another picture."
_START = "A line of text can't hold the picture that it started from: attach that as `image`."
_EDITED = "A line of text can't hold the picture that was edited: attach that as `image`."
_MASKED = (
    "A line of text can't hold the picture that was edited and its mask: attach them as `image` "
    "and `mask`."
)
_VARIATION = (
    "It is a variation of another picture, which a line of text can't hold, so the command paints "
    "a picture from the start."
)
_LIKE = "A line of text can't hold the pictures that it should resemble: attach them again."
_ROUNDS = "The command paints its first steps: press *More steps* for the {rounds} after those."
_SETTINGS = (
    "Some of its settings are not options of the command, so the command paints another picture. "
    "The file of the picture has all settings: give it to `/recipe`."
)
_MODELS = "{models} models painted it, which I do not have, so the command paints another picture."
_LOOKS_LIKE_OPTION = (
    "A part of the prompt looks like an option, so check the fields before you send the command."
)


@dataclass(frozen=True)
class CommandLine:
    """A command with its options, as a line to paste."""

    text: str
    notices: tuple[str, ...] = ()
    """Sentences about what the line does not say; none if it paints the same pictures."""
    style: str | None = None
    """The option `style` of the line."""


@dataclass(frozen=True)
class CommandWriter:
    """Writes commands for the `installed` models, of which the first ones paint by default."""

    installed: Sequence[str]
    options: Mapping[str, Collection[str]]
    """The names of the options of `IMAGINE` and `EDIT`."""
    has_style: bool = True
    """False if styles have to be written as a part of the prompt."""
    defaults: Collection[str] = ()
    """The names of options of `IMAGINE` that have defaults, so that none may be left out."""

    def write(self, record: JobRecord, number: int | None = None) -> CommandLine:
        """Return the command that paints a job's pictures again, or only picture `number`."""
        every = record.job.recipes
        recipes = every if number is None else every[number - 1 : number]
        first = recipes[0]
        command = IMAGINE if first.edit is None else EDIT
        names = self.options[command]
        has_style = self.has_style and "style" in names
        words = pasted_words(record.job.prompt, first.prompts, names, has_style=has_style)
        values = {"prompt": words.prompt or None} | _options(first) | {"style": words.style}
        values["count"] = str(len(recipes)) if _is_series(recipes) and len(recipes) > 1 else None
        is_other = first.models in self.installed[1:] and "model" in names
        values["model"] = first.models if is_other else None
        if command == IMAGINE:
            values |= self._neutral(values)
        line = " ".join(f"{name}:{value}" for name, value in values.items() if value is not None)
        notices = [] if record.state is not JobState.STOPPED else [_STOPPED]
        notices += _missing(recipes, self.installed)
        notices += [] if words.is_exact else [_LOOKS_LIKE_OPTION]
        return CommandLine(f"/{command} {line}", tuple(notices), words.style)

    def _neutral(self, values: Mapping[str, str | None]) -> dict[str, str]:
        """Return values that keep defaults from being used for options that have no value."""
        neutral = {"style": NONE, "negative": NONE, "count": "1", "model": self.installed[0]}
        left_out = (each for each in neutral if each in self.defaults and values.get(each) is None)
        return {name: neutral[name] for name in left_out}


class CommandLines:
    """Write the commands of pictures for the users who ask for them."""

    def __init__(
        self,
        installed: Sequence[str],
        styles: SavedStyles,
        store: Store,
        default_options: DefaultOptions,
    ) -> None:
        self._installed = installed
        self._styles = styles
        self._store = store
        self._default_options = default_options

    async def write(
        self,
        tree: app_commands.CommandTree[Any],
        record: JobRecord,
        number: int | None,
        requester: Requester,
    ) -> CommandLine:
        """Return the command in `tree` that paints a job, or only picture `number`, again.

        Raises `UserError` if there is no such picture.
        """
        if number is not None and number > len(record.job.recipes):
            raise UserError("There is no such picture.")
        user_id = requester.user_id
        own = await self._store.preferences.get(user_id)
        defaults = {*own.options, *(await self._default_options.of_channel(requester)).options}
        writer = CommandWriter(self._installed, _options_of_commands(tree), defaults=defaults)
        line = writer.write(record, number)
        # A style that the user saved under this name, or "none", would mean something else.
        if line.style is None or await self._styles.words(user_id, line.style) == line.style:
            return line
        return replace(writer, has_style=False).write(record, number)


def _options_of_commands(tree: app_commands.CommandTree[Any]) -> dict[str, list[str]]:
    """Return the names of the options of the commands that paint."""
    commands = (tree.get_command(name) for name in (IMAGINE, EDIT))
    found = (each for each in commands if isinstance(each, app_commands.Command))
    return {command.name: [each.name for each in command.parameters] for command in found}


def _options(recipe: Recipe) -> dict[str, str | None]:
    """Return the options beside words that make a recipe; None for those that have no value."""
    keep = None if recipe.edit is None else infer_keep(recipe.edit)
    shape = {} if recipe.edit is not None else _shape(recipe)
    weights = [each.weight for each in recipe.image_prompts]
    return {
        **shape,
        "keep": None if keep is None else str(round(100 * keep)),
        "steps": str(recipe.steps),
        "seed": str(recipe.seed),
        "preset": preset_of(recipe),
        "like_weights": ", ".join(map(repr, weights)) if set(weights) - {1} else None,
    }


def _shape(recipe: Recipe) -> dict[str, str]:
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


def _missing(recipes: Sequence[Recipe], installed: Sequence[str]) -> Iterator[str]:
    """Yield sentences about what options cannot say of recipes."""
    first = recipes[0]
    if first.models not in installed:
        yield _MODELS.format(models=escape_name(first.models))
    if not _is_series(recipes):
        yield _SERIES
    if first.seed + len(recipes) - 1 > LARGEST_SEED:
        yield _SEED
    yield from _missing_pictures(first)
    if first.more:
        yield _ROUNDS.format(rounds=" + ".join(map(str, first.more)))
    if first.models in installed and not _has_usual_settings(first):
        yield _SETTINGS


def _missing_pictures(recipe: Recipe) -> Iterator[str]:
    if recipe.edit is not None:
        yield _EDITED if recipe.edit.mask is None else _MASKED
    elif recipe.start_noise > 0:
        yield _VARIATION
    elif recipe.start == "image":
        yield _START
    if recipe.image_prompts:
        yield _LIKE


def _is_series(recipes: Sequence[Recipe]) -> bool:
    """Return True if recipes differ only in their seeds, which are consecutive."""
    return tuple(recipes) == variations(recipes[0], len(recipes))


def _has_usual_settings(recipe: Recipe) -> bool:
    """Return True if `_options` say all about a recipe except for its words and pictures."""
    preset = preset_of(recipe)
    if preset is None:
        return False
    if recipe.edit is not None:
        is_variation = recipe.start_noise > 0
        return not is_variation and _keeps_as_typed(recipe.edit, preset, recipe.models)
    if not _shape(recipe):
        return False
    usual = make_recipe(
        "a picture",
        seed=recipe.seed,
        models=recipe.models,
        preset=preset,
        size=(recipe.width, recipe.height),
        steps=recipe.steps,
    )
    without = replace(
        recipe, prompts=usual.prompts, start="codes", init_image=None, start_noise=0.0
    )
    return replace(without, image_prompts=(), more=()) == usual


def _keeps_as_typed(edit: Edit, preset: str, models: str) -> bool:
    """Return True if a whole percentage says how much an edit keeps."""
    keep = infer_keep(edit)
    if keep is None:
        return False
    weights = keep_weights(preset, round(100 * keep) / 100, models)
    return all(getattr(edit, name) == weight for name, weight in weights.items())
