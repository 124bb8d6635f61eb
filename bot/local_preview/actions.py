"""What the browser asks simcord's page to do, and what the page answers, as JSON.

Both follow version 3 of simcord's protocol (`protocol.schema.json` in its package).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from bot.local_preview.typed_commands import RefusedActionError, TypedCommand, refusal

JsonObject = dict[str, Any]

_REVISION = re.compile(rb'"published_revision":\d+')
_COMMAND = re.compile(r"\s*/[a-z]", re.IGNORECASE)
_ENVELOPE = ("protocol_version", "sequence", "request_id", "generation", "bot_generation")
_TOLD = ("acknowledged", "deferred")
_GONE = "That button is gone: the message changed just when you pressed it."
_PLAIN_TEXT = (
    "I answer commands, and replies to my pictures. To have a picture painted, begin with "
    "/imagine, for example: /imagine {text}"
)
_LONGEST_EXAMPLE = 60
"""Maximum length of the words of a person that a notice repeats."""


def with_revision(body: bytes, revision: int) -> bytes:
    """Return an action with files for the current revision: a form that begins with JSON."""
    return _REVISION.sub(b'"published_revision":%d' % revision, body, count=1)


def is_typed_command(action: JsonObject) -> bool:
    """Return True if an action sends a text that begins with a command's name."""
    content = action.get("content") if _is_message(action) else None
    return isinstance(content, str) and _COMMAND.match(content) is not None


def run_command(action: JsonObject, typed: TypedCommand) -> JsonObject:
    """Return the action that runs a command, in place of the one that sends its text."""
    return {
        **{key: action.get(key) for key in _ENVELOPE},
        "kind": "run_command",
        "command_id": typed.command.command_id,
        "path": typed.command.path,
        "schema_fingerprint": typed.command.schema_fingerprint,
        "options": typed.values,
    }


def controls(snapshot: JsonObject) -> dict[str, str]:
    """Return the custom ids of all buttons and menus of a snapshot, by their keys.

    The key of a control is its place in its message; after an edit, another one may be there.
    """
    return dict(_find_controls(snapshot.get("messages")))


def find_control(action: JsonObject, seen: Mapping[str, str], now: Mapping[str, str]) -> JsonObject:
    """Return an action with the present place of the control that the person saw.

    Raises `RefusedActionError` if the control is gone.
    """
    key = action.get("control_key")
    if not isinstance(key, str) or key not in seen or now.get(key) == seen[key]:
        return action
    message = key.partition(":component:")[0]
    places = [each for each in now if now[each] == seen[key] and each.startswith(f"{message}:")]
    if not places:
        raise RefusedActionError(_GONE)
    return {**action, "control_key": places[0]}


def settled(receipt: JsonObject) -> JsonObject:
    """Return an answer that counts as settled if the bot told the person what it refuses.

    simcord counts it as failed, and the page would say that the outcome is uncertain.
    """
    if receipt.get("settlement") != "failed" or receipt.get("acknowledgement") not in _TOLD:
        return receipt
    return {**receipt, "settlement": "settled", "uncertain": False, "diagnostics": []}


def refused(action: JsonObject, revision: int, notice: str) -> JsonObject:
    """Return the answer that refuses an action; the browser keeps what was typed."""
    sequence = action.get("sequence")
    return {
        "requestId": action.get("request_id"),
        "sequence": sequence,
        "expectedSequence": sequence - 1 if isinstance(sequence, int) else 0,
        "rejected": True,
        "dispatched": False,
        "dispatch": "not_dispatched",
        "acknowledgement": "pending",
        "settlement": "rejected",
        "presentation": "current",
        "revision": revision,
        "diagnostics": [],
        "target": None,
        "command": None,
        "uncertain": False,
        "correlation": "local",
        "outcomes": [],
        "notice": notice,
    }


def notice(action: JsonObject, receipt: JsonObject, typed: TypedCommand | None) -> str | None:
    """Return what a person should know about what became of their action, if anything."""
    if _is_message(action) and not receipt["rejected"]:
        text = " ".join(str(action["content"]).split())
        example = f"{text[:_LONGEST_EXAMPLE]}…" if len(text) > _LONGEST_EXAMPLE else text
        return _PLAIN_TEXT.format(text=example)
    option = typed and typed.command.option(_invalid_option(receipt) or "")
    return refusal(typed.command, option) if typed and option else None


def _is_message(action: JsonObject) -> bool:
    """Return True if an action sends a message that is no reply."""
    return action.get("kind") == "send_message" and not action.get("reply_to_id")


def _invalid_option(receipt: JsonObject) -> str | None:
    """Return the name of the option because of which a command was refused."""
    for diagnostic in receipt["diagnostics"]:
        match diagnostic:
            case {"subject": {"commandOption": str(name)}}:
                return name
            case _:
                pass
    return None


def _find_controls(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        part = cast(JsonObject, value)
        if part.get("custom_id") and part.get("control_key"):
            yield str(part["control_key"]), str(part["custom_id"])
        value = list(part.values())
    if isinstance(value, list):
        for each in cast(list[Any], value):
            yield from _find_controls(each)
