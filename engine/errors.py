"""Errors of the engine, with messages for users.

Every error that a user's input can cause is an `EngineError`. Its message is one sentence that
says what is wrong and what is allowed; front ends show it unchanged, without a traceback. Any
other exception that leaves the engine is a bug.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import reduce

from engine.text import Text


class EngineError(Exception):
    """Base class of errors that a user's input, files or settings can cause.

    `RecipeError("at most {most} prompts are allowed", most=16)`.
    """

    def __init__(self, template: object = "", /, **values: object) -> None:
        self.text = Text(str(template), **values)
        super().__init__(str(self.text))


class RecipeError(EngineError, ValueError):
    """A recipe, a prompt or a preset contains a value that is not allowed."""


class PictureError(EngineError):
    """A picture cannot be read, or an output cannot be written."""


class ModelError(EngineError):
    """A model is unknown, or its files are missing or do not match it."""


class WeightsError(EngineError):
    """A file of a published model is missing, invalid, or cannot be downloaded."""


class SettingsError(EngineError):
    """A settings file cannot be read, or contains a key or value that is not allowed."""


class UsageError(EngineError):
    """The command line has arguments that are unknown or exclude each other."""


class CheckpointError(EngineError):
    """A checkpoint is damaged, or belongs to another run than the one to resume."""


class DivergedError(EngineError):
    """The optimization reached a non-finite value; the last good picture is still available."""


def suggestion(name: str, known: Iterable[str]) -> Text | str:
    """Return a question about the nearest known names for the end of a message, or "".

    Capitals count as small letters, and other signs as dashes: OpenAI writes ViT-B/32, for example.
    """
    plain = {re.sub("[^a-z0-9]+", "-", each.lower()): each for each in known}
    wanted = re.sub("[^a-z0-9]+", "-", name.lower()[:80])
    nearest = [Text(plain[each]) for each in get_close_matches(wanted, plain, 3, 0.7)]
    return Text("; is it {names}?", names=reduce(_either, nearest)) if nearest else ""


def _either(one: Text, other: Text) -> Text:
    return Text("{one} or {other}", one=one, other=other)
