"""Make the request of a film from the command line of `animate` or `restyle`. No torch in here."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from engine.cli.arguments import FILM_OPTIONS
from engine.cli.request import (
    WithNotices,
    read_new,
    readings,
    seed_of,
    unknown_words_notice,
)
from engine.editing.edit_recipe import canvas_size
from engine.editing.restyle import USUAL_FILM, restyle_recipe
from engine.errors import UsageError
from engine.files import check_output, quoted, read_bounded
from engine.films import FILM_SUFFIXES, check_length, film_of, read_any_provenance
from engine.images.clip import read_clip
from engine.images.video_file import MAX_FILE_BYTES
from engine.models.catalogue import find_entry, find_models
from engine.models.model_entry import ModelEntry
from engine.models.painter_entry import PainterEntry
from engine.painting import check_paintable
from engine.presets import with_film
from engine.provenance import Provenance
from engine.recipes.film import Film
from engine.recipes.recipe import Recipe
from engine.settings import EngineSettings
from engine.text import Text

DEFAULT_FRAMES = 48
"""Number of frames of a film unless someone asks for another."""


@dataclass(frozen=True)
class FilmRequest:
    """Everything that one call of `animate` or `restyle` asks for."""

    recipe: Recipe
    models: ModelEntry
    settings: EngineSettings
    """The table `[engine]`, with the device of the command line."""
    out: Path
    force: bool
    """True to overwrite an existing file."""
    notices: tuple[str | Text, ...]
    """Notices to print before painting."""
    digests: Mapping[str, str]
    """SHA-256 of each weights file that painted the film with the recipe; empty if unknown."""
    painted_in: str
    """Name of the precision in which it was painted; "" if unknown."""

    @property
    def names_to_reserve(self) -> tuple[Path, ...]:
        """Files whose names no other program may take meanwhile."""
        return () if self.force else (self.out,)


def read_film_request(arguments: argparse.Namespace, settings: EngineSettings) -> FilmRequest:
    """Make a request from the command line.

    Raises:
        EngineError: An argument is not allowed.
    """
    check_output(arguments.out, suffixes=FILM_SUFFIXES, force=arguments.force)
    if arguments.command == "restyle":
        found, notices = _restyled(arguments, settings)
    elif arguments.recipe is None:
        found, notices = _new(arguments, settings)
    else:
        found, notices = read_any_provenance(arguments.recipe), ()
    recipe, film = film_of(found.recipe)
    check_paintable(recipe)
    check_length(film, arguments.out)
    return FilmRequest(
        recipe=recipe,
        models=find_models(recipe.models),
        settings=settings.model_copy(update={"device": arguments.device or settings.main_device}),
        out=arguments.out,
        force=arguments.force,
        notices=notices,
        digests=found.digests,
        painted_in=found.precision,
    )


def _new(arguments: argparse.Namespace, settings: EngineSettings) -> WithNotices:
    """Return the recipe of a new film, and notices about it."""
    _check_models(arguments.models or settings.models, "animate")
    film = _film(arguments, Film(frames=DEFAULT_FRAMES))
    found, notices = read_new(arguments, settings)
    assert isinstance(found.recipe, Recipe)
    recipe = with_film(found.recipe, film, arguments.steps)
    return replace(found, recipe=recipe, steps=recipe.total_steps), notices


def _restyled(arguments: argparse.Namespace, settings: EngineSettings) -> WithNotices:
    """Return the recipe of a clip in another style, and notices about it."""
    models = arguments.models or settings.editing
    _check_models(models, "restyle")
    film = _film(arguments, USUAL_FILM)
    clip = read_clip(
        read_bounded(arguments.clip, limit=MAX_FILE_BYTES),
        size_for=partial(canvas_size, models=models),
        rate=film.shown_rate,
        name=quoted(arguments.clip),
    )
    given = {name: getattr(arguments, name) for name in ("steps", "fade")}
    recipe = restyle_recipe(
        arguments.prompt,
        clip.video,
        size=clip.info.size,
        shown=clip.info.frames,
        seed=seed_of(arguments),
        keep=arguments.keep,
        models=models,
        preset=arguments.preset,
        film=film,
        **{name: value for name, value in given.items() if value is not None},
    )
    unknown = unknown_words_notice(find_models(models), recipe.prompts, recipe.story)
    notices = (*clip.notices, *readings(arguments.prompt, None), unknown)
    return Provenance(recipe, recipe.total_steps, {}), tuple(filter(None, notices))


def _film(arguments: argparse.Namespace, usual: Film) -> Film:
    """Return a film with what someone asked for."""
    given = {field: getattr(arguments, name, None) for name, field in FILM_OPTIONS.items()}
    chosen: dict[str, Any] = {field: each for field, each in given.items() if each is not None}
    return replace(usual, **chosen)


def _check_models(name: str, command: str) -> None:
    if isinstance(find_entry(name), PainterEntry):
        raise UsageError(
            "the models {models} paint single pictures, so they cannot {command}: choose models of "
            "VQGAN-CLIP",
            models=repr(name),
            command=command,
        )
