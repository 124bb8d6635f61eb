"""Films that people ask for: from what is typed into `/animate`, and back."""

from dataclasses import replace
from typing import cast

from engine.editing.restyle import USUAL_FILM
from engine.recipes.film import Camera, Film
from engine.recipes.kinds import AnyRecipe

FILM_KIND = "animate"
"""The kind of a job that paints a film."""
SHORTEST_SECONDS, USUAL_SECONDS, LONGEST_SECONDS = 0.5, 6, 30.0
_RATE, _BETWEEN = 8, 2
"""Painted frames a second, and computed ones after each: 24 are shown, and a third is painted."""


def film_from_options(
    camera: str | None, seconds: float | None, speed: float | None, *, loop: bool | None
) -> Film:
    """Return the film that the options of `/animate` ask for; None is what was left out.

    Raises `RecipeError` for a value that is not allowed.
    """
    usual = Film(frames=2)
    frames = round((USUAL_SECONDS if seconds is None else seconds) * _RATE)
    return Film(
        frames=max(2, frames),
        camera=usual.camera if camera is None else cast(Camera, camera),
        speed=usual.speed if speed is None else speed,
        frames_per_second=_RATE,
        between=_BETWEEN,
        loop=bool(loop),
    )


def options_of_film(film: Film) -> dict[str, str | None]:
    """Return the options of `/animate` that make a film; None for those that have no value."""
    return {
        "camera": film.camera,
        "seconds": f"{film.frames / _RATE:g}",
        "speed": None if film.speed == 1 else f"{film.speed:g}",
        "loop": "True" if film.loop else None,
    }


def is_from_options(recipe: AnyRecipe) -> bool:
    """Return True if the options of `/animate` say all about a recipe's film, or it has none."""
    film = recipe.film
    if film is None:
        return True
    if film.clip is not None:
        return is_usual_restyling(film)
    usual = film_from_options(film.camera, film.frames / _RATE, film.speed, loop=film.loop)
    return film == usual


def is_usual_restyling(film: Film) -> bool:
    """Return True if a film of a clip is one that `/restyle` makes."""
    return film == replace(USUAL_FILM, frames=film.frames, clip=film.clip)
