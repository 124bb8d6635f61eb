"""Make the request of a film from the command line of `animate`. No torch in here."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.cli.arguments import FILM_OPTIONS
from engine.cli.request import WithNotices, read_new
from engine.errors import UsageError
from engine.files import check_output
from engine.films import FILM_SUFFIXES, check_length, film_of, read_any_provenance
from engine.models.catalogue import ModelEntry, PainterEntry, find_entry, find_models
from engine.painting import check_paintable
from engine.presets import with_film
from engine.recipes.film import Film
from engine.recipes.recipe import Recipe
from engine.settings import EngineSettings
from engine.text import Text

DEFAULT_FRAMES = 48
"""Number of frames of a film unless someone asks for another."""


@dataclass(frozen=True)
class FilmRequest:
    """Everything that one call of `animate` asks for."""

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
    if arguments.recipe is None:
        found, notices = _new(arguments, settings)
    else:
        found, notices = read_any_provenance(arguments.recipe), ()
    recipe, film = film_of(found.recipe)
    check_paintable(recipe)
    check_length(film, arguments.out)
    return FilmRequest(
        recipe=recipe,
        models=find_models(recipe.models),
        settings=settings.model_copy(update={"device": arguments.device or settings.device}),
        out=arguments.out,
        force=arguments.force,
        notices=notices,
        digests=found.digests,
        painted_in=found.precision,
    )


def _new(arguments: argparse.Namespace, settings: EngineSettings) -> WithNotices:
    """Return the recipe of a new film, and notices about it."""
    models = find_entry(arguments.models or settings.models)
    if isinstance(models, PainterEntry):
        raise UsageError(
            "the models {models} paint single pictures, so they cannot animate: choose models of "
            "VQGAN-CLIP",
            models=repr(models.name),
        )
    given = {field: getattr(arguments, name) for name, field in FILM_OPTIONS.items()}
    chosen: dict[str, Any] = {"frames": DEFAULT_FRAMES}
    chosen |= {field: value for field, value in given.items() if value is not None}
    film = Film(**chosen)
    found, notices = read_new(arguments, settings)
    assert isinstance(found.recipe, Recipe)
    recipe = with_film(found.recipe, film, arguments.steps)
    return replace(found, recipe=recipe, steps=recipe.total_steps), notices
