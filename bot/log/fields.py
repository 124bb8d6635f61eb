"""The vocabulary of logs: every field that a record can have, with its type and meaning.

Names are the keys of `extra` in calls such as `log.info("job accepted", extra={"job": 7})`. What
else a record carries, as those of libraries do, is not written.
"""

import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any, Literal, cast

SCHEMA = 1
"""Version of the records. It grows when a field goes, or changes its type or meaning."""
MANY = 50
"""Maximum number of items of a list, or of members of an object, that are written."""

FieldType = Literal["id", "integer", "number", "string", "strings", "integers", "object"]


@dataclass(frozen=True)
class Field:
    """A field of records."""

    type: FieldType
    """What the value is: "strings" and "integers" are lists, "id" is a number of Discord."""
    about: str
    """What it means, with its unit."""


_JOB_END = {
    "end": Field("string", "how a job ended: done, stopped, cancelled or failed"),
    "person": Field("id", "number of the account of whoever asked, or changed something"),
    "kind": Field("string", "what made the job (imagine, edit, vary, …), or what sort is meant"),
    "models": Field("strings", "names of models"),
    "device": Field("string", "where a painter computes, in a cluster with its machine"),
    "pictures": Field("integer", "number of pictures"),
    "steps": Field("integer", "number of steps taken"),
    "painting_seconds": Field("number", "engine time of a job; unknown if it has no pictures"),
    "wait_seconds": Field("number", "from a job's acceptance to its start, if it was begun"),
    "total_seconds": Field("number", "from a job's acceptance until its end was told"),
    "calls": Field("integer", "calls to Discord for a job's messages, in this run of the program"),
    "moves": Field("integer", "how often a job went on: after a restart, or at another painter"),
}
_PLACES = {
    "job": Field("integer", "number of a job"),
    "jobs": Field("integer", "number of jobs"),
    "sharing": Field("integers", "numbers of the jobs that share a step"),
    "server": Field("id", "number of a server; missing in direct messages"),
    "servers": Field("integer", "number of servers"),
    "channel": Field("id", "number of a channel"),
    "thread_id": Field("id", "number of a thread on Discord"),
    "threads": Field("integer", "number of threads"),
    "painter": Field("integer", "number of a painter, from 0"),
    "devices": Field("strings", "the devices of all painters"),
    "shard": Field("integer", "number of a shard"),
}
_CAUSES = {
    "cause": Field("string", "why something happened, for whoever hosts the bot"),
    "advice": Field("string", "what to do about it"),
    "seconds": Field("number", "how long something took, or lasts"),
    "command": Field("string", "name of a command or menu, or the sort of a form or button"),
    "operation": Field("string", "what was asked of the database"),
    "exit_code": Field("integer", "exit code of a process"),
    "origin": Field("string", "file and line that a warning is about, or the thread that ended"),
}
_COUNTS = {
    "commands": Field("integer", "number of commands"),
    "messages": Field("integer", "number of messages that were deleted"),
    "kept": Field("integer", "number of messages in channels where none may be deleted"),
    "undeleted": Field("integer", "number of messages that could not be deleted"),
    "mib": Field("integer", "MiB"),
    "score": Field("number", "score of a picture by the picture filter, 0 to 1"),
}
_DOWNLOADS = {
    "file": Field("string", "name of a weights file"),
    "bytes": Field("integer", "number of bytes that are there"),
    "percent": Field("integer", "share of a file that is there"),
    "percent_of_all": Field("integer", "share of all files that is there"),
    "seconds_left": Field("number", "how long downloads still take at the speed so far"),
    "size": Field("string", "how much is to be downloaded, in words"),
    "duration": Field("string", "how long that takes, in words"),
    "licence": Field("string", "the licences of the files"),
}
_OTHERS = {
    "action": Field("string", "what the host did on the page, as it was answered"),
    "address": Field("string", "where something listens"),
    "port": Field("integer", "the port there"),
    "account": Field("string", "name of the bot's account"),
    "invite": Field("string", "the link that adds the bot to a server"),
    "filter": Field("string", "name of the picture filter"),
    "found": Field("string", "what checking models found"),
    "keys": Field("string", "names of damaged settings"),
    "path": Field("string", "path of a file or folder"),
    "plan": Field("string", "how a run saves memory"),
}
_START = {
    "program": Field("string", "what runs: bot, dispatcher or node"),
    "version": Field("string", "version of the program"),
    "python": Field("string", "version of Python"),
    "torch": Field("string", "version of torch"),
    "libraries": Field("object", "versions of other libraries"),
    "platform": Field("string", "the operating system and the processor"),
    "processors": Field("integer", "number of processors that the program may use"),
    "revision": Field("string", "revision of the database"),
    "former_revision": Field("string", "its revision before it was migrated"),
    "settings": Field("object", "the whole configuration, without secrets; lists of words and "
                      "people as their lengths"),
}  # fmt: skip

FIELDS: Mapping[str, Field] = MappingProxyType(
    {**_JOB_END, **_PLACES, **_CAUSES, **_COUNTS, **_DOWNLOADS, **_OTHERS, **_START}
)
"""All fields by their names."""

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
"""The attributes that every record has."""


def fields_of(record: logging.LogRecord, clean: Callable[[str], str]) -> dict[str, Any]:
    """Return the documented fields of a record as values for JSON; texts go through `clean`.

    What has no value, or none of its type, is left out.
    """
    found: dict[str, Any] = {}
    for name, value in record.__dict__.items():
        field = FIELDS.get(name)
        if field is None or value is None:
            continue
        known = _valued(field.type, value, clean)
        if known is not None:
            found[name] = known
    return found


def problems(record: logging.LogRecord) -> list[str]:
    """List the fields of a record that are not documented, or not of their type, for tests."""
    names = [name for name in record.__dict__ if name not in _OWN and name[0] != "_"]
    unknown = [f"{name} is not documented" for name in names if name not in FIELDS]
    known = [name for name in names if name in FIELDS and record.__dict__[name] is not None]
    wrong = [
        f"{name} is not of type {FIELDS[name].type}: {record.__dict__[name]!r}"
        for name in known
        if not _is_of(FIELDS[name].type, record.__dict__[name])
    ]
    return [*unknown, *wrong]


def _is_of(kind: FieldType, value: Any) -> bool:
    match kind:
        case "string":
            return isinstance(value, str)
        case "strings" | "integers":
            if not isinstance(value, list | tuple):
                return False
            part = "string" if kind == "strings" else "integer"
            return all(_is_of(part, each) for each in cast("Sequence[object]", value))
        case "object":
            return isinstance(value, dict)
        case "id":
            digits = isinstance(value, str) and re.fullmatch("[0-9]+", value) is not None
            return digits or _is_of("integer", value)
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "number":
            return _is_of("integer", value) or (isinstance(value, float) and math.isfinite(value))


def _valued(kind: FieldType, value: Any, clean: Callable[[str], str]) -> Any:
    """Return a value for JSON; None if it is not of its type."""
    if kind == "string":
        return clean(str(value))
    if not _is_of(kind, value):
        return None
    match kind:
        case "id":  # many programs that read JSON round numbers of this size
            return str(value)
        case "strings" | "integers" | "object":
            return bounded(value, clean)
        case _:
            return value


def bounded(value: Any, clean: Callable[[str], str]) -> Any:
    """Return a value for JSON with clean texts, and no more than `MANY` parts at each depth."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        members = islice(cast("dict[object, object]", value).items(), MANY)
        return {clean(str(key)): bounded(part, clean) for key, part in members}
    if isinstance(value, list | tuple):
        return [bounded(each, clean) for each in cast("Sequence[object]", value)[:MANY]]
    return value
