"""What libraries may write into the log: what a host can act on, in one line where that is enough.

No library is imported here: what has not been imported raises nothing.
"""

import logging
import sys

_OWN = ("bot", "cogs", "engine")
"""The loggers of the program itself."""
_USELESS_WARNINGS = ("voice will NOT be supported", "Guilds intent seems to be disabled")
_CALLERS = ("discord.client", "discord.shard", "discord.gateway", "discord.app_commands.tree")
"""The loggers that tell of failed calls to Discord."""
_EXPIRED = 10062
"""Discord's code for an interaction that nobody waits for any more."""


def choose_levels(level: str) -> None:
    """Let the program log from a level, and libraries from WARNING, or with DEBUG from INFO."""
    own = logging.getLevelNamesMapping()[level]
    logging.root.setLevel(logging.INFO if own <= logging.DEBUG else max(own, logging.WARNING))
    for name in _OWN:
        logging.getLogger(name).setLevel(own)
    for name in ("discord.client", "discord.state"):
        logging.getLogger(name).addFilter(_is_useful)
    for name in _CALLERS:
        logging.getLogger(name).addFilter(_shorten)


def _is_useful(record: logging.LogRecord) -> bool:
    """Return False for warnings of discord.py at every start.

    They say that libraries for voice are missing, which this bot does not need, and that simcord
    starts a bot without intents.
    """
    return not any(phrase in record.getMessage() for phrase in _USELESS_WARNINGS)


def _shorten(record: logging.LogRecord) -> bool:
    """Replace the traceback of a failed call to Discord by its cause; a filter of records.

    Return False for interactions that have expired, such as the choices for a word of which a
    person has typed more: they are logged only at the level DEBUG.
    """
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and _is_lost_call(error):
        record.exc_info = None
        record.cause = f"{type(error).__name__}: {error}"
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        if getattr(error, "code", None) == _EXPIRED:
            record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return logging.getLogger(record.name).isEnabledFor(record.levelno)


def _is_lost_call(error: BaseException) -> bool:
    """Return True for errors of a call to Discord, which discord.py logs with a traceback."""
    if isinstance(error, OSError):
        return True
    kinds = [("discord", "DiscordException"), ("aiohttp", "ClientError")]
    found = [getattr(sys.modules.get(module), name, None) for module, name in kinds]
    return isinstance(error, tuple(each for each in found if isinstance(each, type)))
