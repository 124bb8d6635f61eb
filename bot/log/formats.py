"""The two formats of a record. See `bot.log`.

Characters that are not printable are escaped, so that no name, prompt or error can look like
another record or control a terminal; lines of a traceback are indented.
"""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any, cast

from bot.log.fields import SCHEMA, fields_of
from bot.log.texts import Texts


class TextFormat(logging.Formatter):
    """`12:30:01 INFO bot.submission.submit: job accepted job=7`"""

    def __init__(self, texts: Texts) -> None:
        super().__init__()
        self._texts = texts

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line, with indented lines for its traceback or its settings."""
        clean = self._texts.clean
        fields = fields_of(record, clean)
        tables = {name: fields.pop(name) for name in tuple(fields) if _is_object(fields[name])}
        told = "".join(f" {name}={_field_text(value)}" for name, value in fields.items())
        line = f"{_time(record):%H:%M:%S} {record.levelname} {record.name}: "
        others = [each for name in tables for each in _table_lines(name, tables[name])]
        others += _trace(self, record, self._texts).splitlines()
        first = _escape(f"{line}{clean(record.getMessage())}{told}")
        return first + "".join(f"\n  {_escape(each)}" for each in others)


class JsonFormat(logging.Formatter):
    """`{"time": …, "level": "INFO", "logger": "bot.submission.submit", "message": …, "job": 7}`"""

    def __init__(self, texts: Texts) -> None:
        super().__init__()
        self._texts = texts

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a JSON object on one line."""
        values = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._texts.clean(record.getMessage()),
            "schema": SCHEMA,
            **fields_of(record, self._texts.clean),
        }
        if trace := _trace(self, record, self._texts):
            values["trace"] = trace
        return json.dumps(values, default=str)  # in ASCII, which every locale and terminal bears


def _field_text(value: object) -> str:
    if isinstance(value, list):
        value = ", ".join(map(str, cast("list[object]", value)))
    is_number = isinstance(value, int | float) or re.fullmatch("[0-9]+", str(value))
    return str(value) if is_number else repr(str(value))


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _table_lines(name: str, table: dict[str, Any]) -> list[str]:
    """Return a line for each table in an object, and one for the values beside them."""
    parts: dict[str, dict[str, Any]] = {
        f"{name}.{key}": value for key, value in table.items() if isinstance(value, dict)
    }
    others = {key: value for key, value in table.items() if f"{name}.{key}" not in parts}
    lines = {name: others, **parts}
    return [f"{key}: {_members(values)}" for key, values in lines.items() if values]


def _members(values: dict[str, Any]) -> str:
    return " ".join(f"{key}={json.dumps(value)}" for key, value in values.items())


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC).astimezone()


def _trace(formatter: logging.Formatter, record: logging.LogRecord, texts: Texts) -> str:
    if record.exc_info is None or record.exc_info[0] is None:
        return texts.clean_trace(record.exc_text or "")  # of a painter in another process
    return texts.clean_trace(formatter.formatException(record.exc_info))


def _escape(text: str) -> str:
    """Write characters that are not printable as JSON does."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
