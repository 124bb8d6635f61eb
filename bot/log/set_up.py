"""Set up the log of a process: format, levels, secrets, and what nobody catches."""

import logging
import sys
from collections.abc import Iterable

from pydantic import SecretStr

from bot.config import LogSettings
from bot.log.formats import JsonFormat, TextFormat
from bot.log.libraries import choose_levels
from bot.log.texts import Texts
from bot.log.uncaught import log_uncaught


def set_up_logging(settings: LogSettings, secrets: Iterable[SecretStr | None] = ()) -> None:
    """Write records to standard error, in the format and from the level of `settings`.

    No record holds one of the `secrets`, or of those in environment variables.
    """
    texts = Texts(each.get_secret_value() for each in secrets if each is not None)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormat(texts) if settings.format == "json" else TextFormat(texts))
    logging.basicConfig(handlers=[handler], force=True)
    choose_levels(settings.level)
    log_uncaught()


def is_for_programs() -> bool:
    """Return True if the log of this process is set up, as JSON."""
    return any(isinstance(each.formatter, JsonFormat) for each in logging.root.handlers)
