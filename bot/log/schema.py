"""The records of the JSON format as a JSON Schema, and as the tables of `docs/logs.md`."""

from typing import Any

from bot.log.fields import FIELDS, MANY, SCHEMA, FieldType
from bot.log.texts import LONGEST

_TYPES: dict[FieldType, dict[str, Any]] = {
    "id": {"type": "string", "pattern": "^[0-9]+$"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "string": {"type": "string"},
    "strings": {"type": "array", "items": {"type": "string"}, "maxItems": MANY},
    "integers": {"type": "array", "items": {"type": "integer"}, "maxItems": MANY},
    "object": {"type": "object", "maxProperties": MANY},
}
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_ALWAYS: dict[str, dict[str, Any]] = {
    "time": {
        "type": "string",
        "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$",
        "description": "when it happened: RFC 3339, with milliseconds and the zone",
    },
    "level": {"enum": list(_LEVELS), "description": "how serious it is"},
    "logger": {"type": "string", "description": "the module that says it"},
    "message": {"type": "string", "description": "the event: of the program, one of a fixed set"},
    "schema": {"const": SCHEMA, "description": "version of this schema"},
}
_TRACE = {"type": "string", "description": "the traceback of an error, several lines"}


def record_schema() -> dict[str, Any]:
    """Return the JSON Schema of a record."""
    fields = {
        name: {**_TYPES[each.type], "description": each.about} for name, each in FIELDS.items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A record of the bot's log",
        "description": f'A line of the log with format = "json". Texts have at most about '
        f"{LONGEST} characters.",
        "type": "object",
        "properties": {**_ALWAYS, **fields, "trace": _TRACE},
        "required": list(_ALWAYS),
        "additionalProperties": False,
    }


def field_table() -> str:
    """Return all members of a record as a table in Markdown."""
    names = {
        "id": "string of digits",
        "strings": "list of strings",
        "integers": "list of integers",
    }
    rows = [(name, "string", each["description"]) for name, each in _ALWAYS.items()]
    rows = [(name, "integer" if name == "schema" else kind, about) for name, kind, about in rows]
    rows += [(name, names.get(each.type, each.type), each.about) for name, each in FIELDS.items()]
    rows.append(("trace", "string", _TRACE["description"]))
    lines = [f"| `{name}` | {kind} | {about} |" for name, kind, about in rows]
    return "\n".join(("| field | type | meaning |", "|---|---|---|", *lines))
