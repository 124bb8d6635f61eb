"""The names of the files that the bot posts, from which it knows them again."""

import re

_SPOILER_PREFIX = "SPOILER_"
_FILM = re.compile(r"picture-\d{1,18}-film\.mp4")
_FULL_SIZE = re.compile(r"(picture-\d{1,18}(?:-(\d{1,3}))?)\.(?:png|webp)")


def result_stem(filename: str) -> str | None:
    """Return the name without extension of a full-size picture of the bot.

    None for all other files: grids, comparisons, clips and progress.
    """
    found = _FULL_SIZE.fullmatch(plain_name(filename))
    return None if found is None else found[1]


def is_film(filename: str) -> bool:
    """Return True if a file of the bot is a film."""
    return _FILM.fullmatch(plain_name(filename)) is not None


def result_number(filename: str) -> int:
    """Return the position among a job's pictures, from 1, of a full-size picture of the bot."""
    found = _FULL_SIZE.fullmatch(plain_name(filename))
    return int(found[2] or 1) if found is not None else 1


def plain_name(filename: str) -> str:
    """Return the name of a file without the prefix by which Discord knows spoilers."""
    return filename.removeprefix(_SPOILER_PREFIX)


def recipe_filename(name: str) -> str:
    """Return the name of the file with the recipe of a picture that can't hold it."""
    return f"{name}-recipe.json"
