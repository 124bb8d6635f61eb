"""What can go wrong in the engine, as a person should hear of it.

Every error that somebody's input can cause is an `EngineError` whose message is one
sentence: what is wrong, and what is allowed. A front end shows the message as it is and
never a traceback. Anything else that escapes the engine is a fault of the program.
"""


class EngineError(Exception):
    """Base of everything a person's input, files or settings can cause."""


class RecipeError(EngineError, ValueError):
    """A recipe, a prompt or a preset holds a value that is not allowed."""


class PictureError(EngineError):
    """A picture cannot be read, or an output cannot be written."""


class ModelError(EngineError):
    """A model is unknown, or its files do not fit it."""


class WeightsError(EngineError):
    """A file of a published model is not there, not what it should be, or cannot be fetched."""


class SettingsError(EngineError):
    """A settings file cannot be read, or holds a key or value that is not allowed."""


class UsageError(EngineError):
    """The command line was given arguments that it does not know or that exclude each other."""


class CheckpointError(EngineError):
    """A checkpoint is damaged, or not of the run that should go on from it."""


class DivergedError(EngineError):
    """The optimisation met a value that is not a finite number; the last good picture stands."""
