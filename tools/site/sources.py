"""Excerpts of the program, taken by name when the site is built."""

import ast
import textwrap
from pathlib import Path


def excerpt(path: Path, name: str) -> str:
    """Return a fenced block with a function, class, method or constant of a Python file.

    `name` is dotted for what is inside a class. Raises `LookupError` if the file or the name is
    gone.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise LookupError(f"there is no file {path}") from error
    node = _find(ast.parse(text), name.split("."))
    if node is None:
        raise LookupError(f"{path} has no {name}")
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(each.lineno for each in decorators)])
    last = node.end_lineno or node.lineno
    body = textwrap.dedent("\n".join(text.splitlines()[first - 1 : last]))
    return f'```python title="{path.as_posix()}" linenums="{first}"\n{body}\n```'


def _find(node: ast.AST, names: list[str]) -> ast.stmt | None:
    """Return the definition that a list of names leads to."""
    for each in getattr(node, "body", []):
        if names[0] in _names(each):
            return each if len(names) == 1 else _find(each, names[1:])
    return None


def _names(statement: ast.stmt) -> list[str]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return [statement.name]
        case ast.Assign():
            return [each.id for each in statement.targets if isinstance(each, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
