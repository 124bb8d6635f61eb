"""The log calls in the sources, with the fields that they write, found without running anything."""

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LEVELS = ("debug", "info", "warning", "error", "exception", "critical", "log")
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class LogCall:
    """A call such as `log.info("job accepted", extra={"job": 7})`."""

    place: str
    """The file and the line."""
    level: str
    """The name of the method."""
    message: str | None
    """The message if it is a literal."""
    fields: frozenset[str] | None
    """The names of the fields; None if they cannot be told."""


@cache
def log_calls() -> list[LogCall]:
    """Return all log calls of the program."""
    files = [file for part in ("bot", "cogs", "engine") for file in (_ROOT / part).rglob("*.py")]
    return [
        call
        for file in sorted(files)
        for call in calls_in(file.read_text(encoding="utf-8"), str(file.relative_to(_ROOT)))
    ]


def calls_in(source: str, place: str = "") -> Iterator[LogCall]:
    """Yield the log calls in the source of a module, whose file is `place`."""
    if not any(sign in source for sign in ("log.", "extra=")):
        return
    tree = ast.parse(source)
    scopes = [
        tree,
        *(
            each
            for each in ast.walk(tree)
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        ),
    ]
    calls: dict[ast.Call, Mapping[str, list[ast.expr]]] = {}
    for scope in scopes:  # the innermost function comes last
        values = _assigned(scope)
        found = (each for each in ast.walk(scope) if isinstance(each, ast.Call))
        calls |= {each: values for each in found if _is_log_call(each)}
    for call, values in calls.items():
        method = call.func
        assert isinstance(method, ast.Attribute)
        told = call.args[method.attr == "log"] if call.args else None
        literal = told.value if isinstance(told, ast.Constant) else None
        extra = next((each.value for each in call.keywords if each.arg == "extra"), None)
        fields = frozenset[str]() if extra is None else _fields(extra, values)
        message = literal if isinstance(literal, str) else None
        yield LogCall(f"{place}:{call.lineno}", method.attr, message, fields)


def _is_log_call(node: ast.Call) -> bool:
    """Return True for calls of `log`, and for those of other loggers that write fields."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in LEVELS:
        return False
    logger = node.func.value
    has_fields = any(each.arg == "extra" for each in node.keywords)
    return has_fields or (isinstance(logger, ast.Name) and logger.id == "log")


def _assigned(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """Return all that is assigned to names in a function, or added to them.

    A call such as `extra.update(…)` is among it as it is, so that nobody can tell the keys.
    """
    found: dict[str, list[ast.expr]] = defaultdict(list)
    for each in ast.walk(scope):
        match each:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="update" | "setdefault")
            ):
                found[name].append(each)
            case ast.Assign(
                targets=[ast.Subscript(value=ast.Name(id=name), slice=key)], value=value
            ):
                found[name].append(ast.Dict([key], [value]))
            case _:
                pass
        targets = each.targets if isinstance(each, ast.Assign) else [getattr(each, "target", None)]
        value = getattr(each, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(value, ast.expr):
                found[target.id].append(value)
    return found


def _fields(value: ast.expr, names: Mapping[str, list[ast.expr]]) -> frozenset[str] | None:
    """Return the keys of a dictionary that is written in the source."""
    if isinstance(value, ast.Name) and value.id in names:
        parts = [_fields(each, names) for each in names[value.id]]
        known = [each for each in parts if each is not None]
        return frozenset[str]().union(*known) if len(known) == len(parts) else None
    if not isinstance(value, ast.Dict):
        return None
    found = set[str]()
    for key, part in zip(value.keys, value.values, strict=True):
        inner = _fields(part, names) if key is None else None
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            found.add(key.value)
        elif inner is not None:
            found |= inner
        else:
            return None
    return frozenset(found)
