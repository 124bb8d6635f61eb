"""Structured logs: one record per line, as text or JSON, with fields.

`log.info("job accepted", extra={"job": 7})` writes the field as `job=7`, or as a member of the JSON
object. Characters that are not printable are escaped, so that no name, prompt or error can look
like another record or control a terminal; lines of a traceback are indented.
"""

import json
import logging
import sys
from datetime import UTC, datetime

import aiohttp
import discord

from bot.config import LogSettings

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
"""The attributes of every record; others are fields."""
_USELESS_WARNINGS = ("voice will NOT be supported", "Guilds intent seems to be disabled")
_LOST_CALLS = (discord.DiscordException, aiohttp.ClientError, OSError)
"""Errors of a call to Discord, which discord.py logs with a traceback."""
_EXPIRED = 10062
"""Discord's code for an interaction that nobody waits for any more."""


def set_up_logging(settings: LogSettings) -> None:
    """Write records to standard error, in the format and from the level of `settings`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if settings.format == "json" else _Text())
    logging.basicConfig(level=settings.level, handlers=[handler], force=True)
    logging.getLogger("discord").setLevel(max(logging.INFO, logging.root.level))
    for name in ("discord.client", "discord.state"):
        logging.getLogger(name).addFilter(_is_useful)
    for name in ("discord.client", "discord.shard", "discord.gateway"):
        logging.getLogger(name).addFilter(shorten)


def shorten(record: logging.LogRecord) -> bool:
    """Replace the traceback of a failed call to Discord by its cause; a filter of records.

    Return False for interactions that have expired, such as the choices for a word of which a
    person has typed more: they are logged only at the level DEBUG.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, _LOST_CALLS):
        record.exc_info = None
        record.cause = f"{type(error).__name__}: {error}"
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    if isinstance(error, discord.HTTPException) and error.code == _EXPIRED:
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
    return logging.getLogger(record.name).isEnabledFor(record.levelno)


class _Text(logging.Formatter):
    """`12:30:01 INFO bot.submission.submit: job accepted job=7`"""

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={_field_text(value)}" for name, value in _fields(record).items())
        line = f"{_time(record):%H:%M:%S} {record.levelname} {record.name}: "
        trace = "".join(f"\n  {_escape(each)}" for each in _trace(self, record).splitlines())
        return f"{_escape(f'{line}{record.getMessage()}{fields}')}{trace}"


class _Json(logging.Formatter):
    """`{"time": …, "level": "INFO", "logger": "bot.submission.submit", "message": …, "job": 7}`"""

    def format(self, record: logging.LogRecord) -> str:
        values = {
            "time": _time(record).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if trace := _trace(self, record):
            values["trace"] = trace
        return _escape(json.dumps(values, ensure_ascii=False, default=str))


def _is_useful(record: logging.LogRecord) -> bool:
    """Return False for warnings of discord.py at every start.

    They say that libraries for voice are missing, which this bot does not need, and that simcord
    starts a bot without intents.
    """
    return not any(phrase in record.getMessage() for phrase in _USELESS_WARNINGS)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields of a record, without those that libraries hide in it, as Ray does."""
    fields = record.__dict__.items()
    return {name: value for name, value in fields if name not in _OWN and name[0] != "_"}


def _field_text(value: object) -> str:
    return str(value) if isinstance(value, int | float) else repr(str(value))


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC).astimezone()


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    if record.exc_info is None:
        return record.exc_text or ""  # of a painter in another process
    return formatter.formatException(record.exc_info)


def _escape(text: str) -> str:
    """Write characters that are not printable as JSON does."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
