"""Write the command that paints pictures again, ready to paste.

What a line of text cannot say about them is said in sentences.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from discord import app_commands

from bot.errors import UserError
from bot.jobs.job import JobState
from bot.jobs.records import JobRecord
from bot.languages.message import Message
from bot.storage import Store
from bot.submission.command_notices import (
    LOOKS_LIKE_OPTION,
    STOPPED,
    is_series,
    missing,
    shape_of,
)
from bot.submission.default_options import DefaultOptions
from bot.submission.films import options_of_film
from bot.submission.pasted_words import Wording, pasted_phrases, pasted_words
from bot.submission.requester import Requester
from bot.submission.styles import NONE, SavedStyles
from engine.presets import infer_keep, preset_of
from engine.recipes.edit import Edit
from engine.recipes.film import Clip
from engine.recipes.kinds import AnyRecipe, is_comparison, without_seed
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.open_edit_recipe import OpenEditRecipe
from engine.recipes.recipe import Recipe
from engine.recipes.story import FADE, Story
from engine.settings import EngineSettings

IMAGINE, BLEND, EDIT = "imagine", "blend", "edit"
ANIMATE, RESTYLE, UPSCALE = "animate", "restyle", "upscale"
_COMMANDS = (IMAGINE, BLEND, EDIT, ANIMATE, RESTYLE, UPSCALE)
_WITHOUT_DEFAULTS = frozenset((EDIT, RESTYLE, UPSCALE))
"""Commands that no defaults apply to."""


@dataclass(frozen=True)
class CommandLine:
    """A command with its options, as a line to paste."""

    text: str
    notices: tuple[Message, ...] = ()
    """Sentences about what the line does not say; none if it paints the same pictures."""
    style: str | None = None
    """The option `style` of the line."""


@dataclass(frozen=True)
class CommandWriter:
    """Writes commands for the `installed` models, of which the first ones paint by default."""

    installed: Sequence[str]
    painters: Sequence[str]
    """The names of the models of other painters."""
    options: Mapping[str, Collection[str]]
    """The names of the options of the commands that paint."""
    editing: str = ""
    """The name of the models that restyle by default; "" for the first ones."""
    has_style: bool = True
    """False if styles have to be written as a part of the prompt."""
    defaults: Collection[str] = ()
    """The names of options that have defaults, so that commands that they apply to must not lack
    them."""

    def write(self, record: JobRecord, number: int | None = None) -> CommandLine:
        """Return the command that paints a job's pictures again, or only picture `number`."""
        every = record.job.recipes
        recipes = every if number is None else every[number - 1 : number]
        first = recipes[0]
        if is_comparison(recipes):
            return _comparison_line(record, recipes)
        command = _command(first)
        names = self.options[command]
        has_style = self.has_style and "style" in names
        if isinstance(first, OpenEditRecipe):
            words = pasted_phrases(first.title, names)
        else:
            wanted = Wording.of(first.prompts, _story(first))
            words = pasted_words(record.job.prompt, wanted, names, has_style=has_style)
        if isinstance(first, NetworkRecipe):
            words = replace(words, prompt="", style=None, is_exact=True)
        values = {"prompt": words.prompt or None} | _options(first) | {"style": words.style}
        if first.film is not None and first.film.clip is None:
            values |= options_of_film(first.film)
        values["count"] = str(len(recipes)) if is_series(recipes) and len(recipes) > 1 else None
        if record.job.keeps_best and values["count"] is not None and command != EDIT:
            values["keep"] = "best"
        usual = self.installed[0]
        if command == RESTYLE and self.editing:
            usual = self.editing
        is_other = first.models in self.installed and first.models != usual and "model" in names
        values["model"] = first.models if is_other else None
        if command not in _WITHOUT_DEFAULTS and isinstance(first, Recipe):
            values |= self._neutral(values, command)
        line = " ".join(f"{name}:{value}" for name, value in values.items() if value is not None)
        notices = [] if record.state is not JobState.STOPPED else [STOPPED]
        notices += missing(recipes, (*self.installed, *self.painters))
        notices += [] if words.is_exact else [LOOKS_LIKE_OPTION]
        return CommandLine(f"/{command} {line}", tuple(notices), words.style)

    def _neutral(self, values: Mapping[str, str | None], command: str) -> dict[str, str]:
        """Return values that keep defaults from being used for options that have no value."""
        neutral = {
            "style": NONE,
            "negative": NONE,
            "count": "1",
            "keep": "all",
            "model": self.installed[0],
        }
        if command == ANIMATE:
            del neutral["count"], neutral["keep"]  # it paints one film
        left_out = (each for each in neutral if each in self.defaults and values.get(each) is None)
        return {name: neutral[name] for name in left_out}


class CommandLines:
    """Write the commands of pictures for the users who ask for them."""

    def __init__(
        self,
        engine: EngineSettings,
        styles: SavedStyles,
        store: Store,
        default_options: DefaultOptions,
    ) -> None:
        self._engine = engine
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
            raise UserError(Message("There is no such picture."))
        user_id = requester.user_id
        own = await self._store.preferences.get(user_id)
        defaults = {*own.options, *(await self._default_options.of_channel(requester)).options}
        engine = self._engine
        installed, painters = engine.installed, (*engine.installed_painters, *engine.networks)
        options = options_of_commands(tree)
        writer = CommandWriter(installed, painters, options, engine.editing, defaults=defaults)
        line = writer.write(record, number)
        # A style that the user saved under this name, or "none", would mean something else.
        if line.style is None or await self._styles.words(user_id, line.style) == line.style:
            return line
        return replace(writer, has_style=False).write(record, number)


def _comparison_line(record: JobRecord, recipes: Sequence[AnyRecipe]) -> CommandLine:
    """Return the command that compares painters again."""
    tries = max(len(list(group)) for _, group in groupby(recipes, key=without_seed))
    line = f"/compare prompt:{record.job.prompt} seed:{recipes[0].seed} tries:{tries}"
    return CommandLine(line, (STOPPED,) if record.state is JobState.STOPPED else ())


def options_of_commands(tree: app_commands.CommandTree[Any]) -> dict[str, list[str]]:
    """Return the names of the options of the commands that paint."""
    commands = (tree.get_command(name) for name in _COMMANDS)
    found = (each for each in commands if isinstance(each, app_commands.Command))
    return {command.name: [each.name for each in command.parameters] for command in found}


def _command(recipe: AnyRecipe) -> str:
    """Return the command that paints a recipe."""
    is_enlarged = isinstance(recipe, Recipe) and recipe.enlargement is not None
    if is_enlarged or isinstance(recipe, NetworkRecipe):
        return UPSCALE
    if recipe.edit is not None:
        return EDIT
    if recipe.film is not None:
        return ANIMATE if recipe.film.clip is None else RESTYLE
    return IMAGINE if recipe.prompts else BLEND


def _options(recipe: AnyRecipe) -> dict[str, str | None]:
    """Return the options beside words that make a recipe; None for those that have no value."""
    if isinstance(recipe, NetworkRecipe):
        return {"factor": str(recipe.factor), "by": recipe.painter}
    if not isinstance(recipe, Recipe):
        return {"seed": str(recipe.seed), "painter": recipe.painter}
    if recipe.enlargement is not None:
        factor, steps = str(recipe.enlargement.factor), str(recipe.steps)
        return {"factor": factor, "steps": steps, "seed": str(recipe.seed)}
    kept = recipe.edit or recipe.clip
    return {
        **(shape_of(recipe) if kept is None else _kept(kept)),
        "steps": str(recipe.steps),
        "seed": str(recipe.seed),
        "preset": preset_of(recipe),
        "tile": None if recipe.tile == "none" else recipe.tile,
        **_weights(recipe),
        **_fade(recipe),
    }


def _story(recipe: AnyRecipe) -> Story | None:
    return recipe.story if isinstance(recipe, Recipe) else None


def _fade(recipe: Recipe) -> dict[str, str]:
    """Return the option that says how a story's chapters fade; none if it is the usual one."""
    if recipe.story is None or recipe.story.fade == FADE:
        return {}
    return {"fade": str(round(100 * recipe.story.fade))}


def _kept(edit: Edit | Clip) -> dict[str, str]:
    """Return the option that says how much an edit or a film keeps; none if no option does."""
    keep = infer_keep(edit)
    return {} if keep is None else {"keep": str(round(100 * keep))}


def _weights(recipe: AnyRecipe) -> dict[str, str]:
    """Return the option with the weights of pictures; none if all are 1."""
    weights, is_blend = [each.weight for each in recipe.image_prompts], not recipe.prompts
    if set(weights) <= {1}:
        return {}
    if is_blend and len(weights) == 1:
        weights *= 2  # it is attached twice
    return {"weights" if is_blend else "like_weights": ", ".join(map(repr, weights))}
