"""Choose among the painters that are installed: VQGAN-CLIP, and the rivals of the paper."""

from collections.abc import Mapping, Sequence

from bot.config import LimitSettings
from bot.errors import UserError
from bot.languages.message import Message, option_names
from bot.submission.imagine_options import ImagineOptions
from bot.submission.policy import check_prompt
from bot.submission.seeds import seed_or_any
from bot.ui.formatting import escape_name
from engine.errors import ModelError
from engine.models.catalogue import PAINTERS
from engine.models.painter_entry import PainterEntry
from engine.painters import plain_recipe
from engine.recipes.edit import Edit
from engine.recipes.glide_recipe import GlideRecipe
from engine.recipes.kinds import PAINTER_NAMES, OtherRecipe
from engine.recipes.mindalle_recipe import MinDalleRecipe
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.open_edit_recipe import OpenEditRecipe
from engine.recipes.plain_recipe import PlainRecipe
from engine.recipes.recipe import Recipe
from engine.settings import EngineSettings

MAX_PAINTER = 50
"""Maximum length of the name of a painter, in characters."""
_MAX_CANDIDATES = 16
"""The most candidates of a recipe from elsewhere; a picture chosen among more takes long."""
_WITHOUT = (
    *("negative", "size", "ratio", "steps", "model", "preset", "tile", "like_weights", "fade"),
)
"""Options that only VQGAN-CLIP has."""


def painters(engine: EngineSettings) -> Mapping[str, str]:
    """Return the models of each installed painter besides VQGAN-CLIP, for new pictures."""
    return {each.painter: each.name for each in _installed(engine) if not each.edits}


def editing_painters(engine: EngineSettings) -> Mapping[str, str]:
    """Return the models of each installed painter besides VQGAN-CLIP that edits pictures."""
    return {each.painter: each.name for each in _installed(engine) if each.edits}


def _installed(engine: EngineSettings) -> list[PainterEntry]:
    return [PAINTERS[name] for name in engine.installed_painters if name in PAINTERS]


def painter_choices(engine: EngineSettings) -> tuple[str, ...]:
    """Return the names that the option `painter` takes."""
    return Recipe.painter, *painters(engine)


def editing_choices(engine: EngineSettings) -> tuple[str, ...]:
    """Return the names that the option `painter` takes where a picture is edited."""
    return Recipe.painter, *editing_painters(engine)


def is_other_painter(painter: str | None) -> bool:
    """Return True if an option asks for another painter than VQGAN-CLIP."""
    return painter not in (None, Recipe.painter)


def other_recipe(
    options: ImagineOptions, engine: EngineSettings, limits: LimitSettings, *, has_picture: bool
) -> OtherRecipe:
    """Return the recipe of another painter that the options ask for.

    `has_picture` says whether the command has a picture to start from. Raises `UserError` or
    `EngineError` for what the painter does not have.
    """
    models = _models_of(options.painter or "", painters(engine))
    entry = PAINTERS[models]
    named = PAINTER_NAMES[entry.painter]
    used = [name for name in _WITHOUT if getattr(options, name) is not None]
    used += ["image"] if has_picture else []
    used += ["like"] if options.likes else []
    if used:
        raise UserError(
            Message(
                "{painter} has no {options}: it takes a `prompt` of one plain sentence, `style`, "
                "`seed` and `count`. Leave the rest out.",
                painter=named,
                options=option_names(*used),
            )
        )
    line = (options.prompt or "").strip()
    check_prompt(line, limits)
    words = line if options.style is None else f"{line}, {options.style}"
    return plain_recipe(models, words, seed=seed_or_any(options.seed))


def other_edit(
    painter: str, line: str, engine: EngineSettings, edit: Edit, *, seed: int, used: Sequence[str]
) -> OtherRecipe:
    """Return the recipe of an edit by another painter than VQGAN-CLIP.

    `used` are options that only VQGAN-CLIP has. Raises `UserError` or `EngineError` for what the
    painter does not have.
    """
    models = _models_of(painter, editing_painters(engine))
    if used:
        raise UserError(
            Message(
                "Only VQGAN-CLIP has {options}, so leave that out, or choose no `painter`.",
                options=option_names(*used),
            )
        )
    if painter == GlideRecipe.painter and edit.mask is None:
        raise UserError(
            Message(
                "{painter} changes a picture only inside a mask: attach a `mask`, or choose no "
                "`painter`.",
                painter=PAINTER_NAMES[painter],
            )
        )
    return plain_recipe(models, line, seed=seed, edit=edit, enlarge=1)


def _models_of(painter: str, installed: Mapping[str, str]) -> str:
    """Return the name of a painter's installed models; raise `UserError` if there are none."""
    models = installed.get(painter)
    if models is not None:
        return models
    if painter not in PAINTER_NAMES:
        raise UserError(
            Message(
                "I know no painter called {name}. Choose one of: {painters}.",
                name=escape_name(painter),
                painters=", ".join((Recipe.painter, *installed)),
            )
        )
    raise UserError(missing_text(painter))


def missing_text(painter: str) -> Message:
    """Return that a painter is not installed, and how the host gets it."""
    return Message(
        "{painter} is not installed here. The person who runs me can fetch it with {command} and "
        "name it in `painters` of `config.toml`.",
        painter=PAINTER_NAMES[painter],
        command=f"`python -m engine weights get {painter}`",
    )


def check_usual_effort(recipe: PlainRecipe) -> None:
    """Raise `UserError` or `EngineError` if a recipe from elsewhere takes more than usual."""
    entry = PAINTERS.get(recipe.models)
    if entry is None or recipe.painter != entry.painter:
        raise ModelError(
            "there are no models called {name} for {painter}",
            name=repr(recipe.models),
            painter=recipe.shown_name,
        )
    if recipe.side != entry.side or recipe.enlarge > entry.enlarge:
        raise UserError(
            Message(
                "That recipe is for pictures of another size than {painter} paints.",
                painter=recipe.shown_name,
            )
        )
    if isinstance(recipe, NetworkRecipe):
        return  # its steps count towards the limit, and its size is bounded
    words = "a -> b" if recipe.painter == OpenEditRecipe.painter else "words"
    usual = plain_recipe(recipe.models, words, seed=0, edit=recipe.edit)
    most = 2 * usual.total_steps
    if recipe.total_steps > most:
        raise UserError(
            Message(
                "That recipe asks for {steps} steps. Recipes from elsewhere may ask for at most "
                "{most} of {painter}.",
                steps=recipe.total_steps,
                most=most,
                painter=recipe.shown_name,
            )
        )
    if isinstance(recipe, MinDalleRecipe) and recipe.candidates > _MAX_CANDIDATES:
        raise UserError(
            Message(
                "That recipe asks for {candidates} candidates. Recipes from elsewhere may ask for "
                "at most {most}.",
                candidates=recipe.candidates,
                most=_MAX_CANDIDATES,
            )
        )
