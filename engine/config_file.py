"""Read tables of `config.toml` as pydantic models, and render what is wrong as sentences.

Each sentence names the key, such as `engine.threads`, and says what is allowed.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as brief
from typing import Annotated, Any, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from engine.errors import SettingsError
from engine.files import MEBIBYTE, decode_text, quoted, read_bounded

DEFAULT_PATH = Path("config.toml")
"""The settings file, if the working folder has one."""
MAX_TEXT = 1000
"""The limit on the characters of one line of text."""
SWITCHES = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
"""The words for true and false in environment variables, in lower case."""

_SENTENCES = {
    "bool_type": "must be true or false, not {input}",
    "extra_forbidden": "there is no such key",
    "finite_number": "must be a finite number, not {input}",
    "float_type": "must be a number, not {input}",
    "greater_than_equal": "must be at least {ge}, not {input}",
    "int_type": "must be a whole number, not {input}",
    "less_than_equal": "must be at most {le}, not {input}",
    "literal_error": "must be {expected}, not {input}",
    "missing": "is missing",
    "string_too_short": "must not be empty",
    "too_long": "must be a list of at most {max_length}",
    "too_short": "must be a list of at least {min_length}",
    "tuple_type": "must be a list, not {input}",
}
"""Sentences by pydantic's type of an error; others keep pydantic's own message."""


class Table(BaseModel):
    """One table of a settings file. Unknown keys are errors."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, values: Any) -> Any:
        if isinstance(values, cls):
            return values
        if not isinstance(values, Mapping):
            raise ValueError(f"must be a table, not {brief(values)}")
        unknown = sorted(set(cast("Mapping[str, Any]", values)) - set(cls.model_fields))
        if unknown:
            # An excluded field is no key of the table: it is set by the program.
            known = (key for key, field in cls.model_fields.items() if not field.exclude)
            raise ValueError(f"there is no key {brief(unknown[0])}; there are: {', '.join(known)}")
        return cast("object", values)


def _check_line(value: object) -> object:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise ValueError(f"must be one line of text in quotes, not {brief(value)}")
    return value


def _check_path(value: object) -> object:
    if value == "":
        raise ValueError("must not be empty")
    return value if isinstance(value, Path) else _check_line(value)


def _parse_number(value: object) -> object:
    """Convert digits in text, since environment variables hold only text."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _parse_switch(value: object) -> object:
    return SWITCHES.get(value.lower(), value) if isinstance(value, str) else value


Line = Annotated[str, BeforeValidator(_check_line)]
"""One printable line of text."""
Name = Annotated[str, Field(min_length=1), BeforeValidator(_check_line)]
"""A line that is not empty."""
FilePath = Annotated[Path, BeforeValidator(_check_path), AfterValidator(Path.expanduser)]
"""A path on one line, which may begin with `~`."""
Whole = Annotated[int, Field(strict=True), BeforeValidator(_parse_number)]
"""A whole number, never true or false."""
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A finite number, never true or false."""
Switch = Annotated[bool, Field(strict=True), BeforeValidator(_parse_switch)]
"""True or false, or one of `SWITCHES`."""


def hide_logins(text: str) -> str:
    """Return a text without the names and passwords in its addresses, for messages and logs."""
    return re.sub(r"(?<=://)[^\s'\"]*@", "***@", text)


TableT = TypeVar("TableT", bound=Table)


def read_table(
    path: Path | None, name: str, model: type[TableT], variables: Mapping[str, str] | None = None
) -> TableT:
    """Read the table `name` of the settings file `path`.

    `path` None stands for `DEFAULT_PATH`, which may be missing, and a missing table for an empty
    one. `variables` are values of environment variables by key, which replace those of the file.

    Raises:
        SettingsError: the file is not valid TOML, or a key or value is not allowed.
        PictureError: the file cannot be read.
    """
    is_there = path is not None or DEFAULT_PATH.exists()
    path = path or DEFAULT_PATH
    try:
        values: Any = read_tables(path).get(name, {}) if is_there else {}
        if isinstance(values, Mapping):
            values = {**cast("Mapping[str, Any]", values), **(variables or {})}
        return parse_table(values, name, model)
    except SettingsError as error:
        raise SettingsError(f"{quoted(path)}: {error}" if is_there else str(error)) from error


def read_tables(path: Path) -> dict[str, Any]:
    """Read all tables of a settings file; raises `SettingsError` or `PictureError`."""
    if path.is_file() and path.stat().st_size == 0:
        return {}
    try:
        return tomllib.loads(decode_text(read_bounded(path, limit=MEBIBYTE)))
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"the file is not valid TOML: {error}") from error


def parse_table(values: object, name: str, model: type[TableT]) -> TableT:
    """Check the values of the table `name`; raises `SettingsError`."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise SettingsError(explain(error, name)) from None


def explain(error: ValidationError, table: str = "") -> str:
    """Render all errors of a validation on one line, with keys that begin with `table`."""
    told: list[tuple[int | str, ...]] = []
    sentences: list[str] = []
    for each in error.errors():
        # A list with wrong items is reported a second time, as too short.
        if not any(loc[: len(each["loc"])] == each["loc"] for loc in told):
            told.append(each["loc"])
            sentences.append(_sentence(each, table))
    return "; ".join(sentences)


def _sentence(error: Any, table: str) -> str:
    return hide_logins(_sentence_with_values(error, table))


def _sentence_with_values(error: Any, table: str) -> str:
    key = ".".join(_quote_key(part) for part in (table, *error["loc"]) if part != "")
    template = _SENTENCES.get(error["type"])
    if template is None:
        message = error["msg"].removeprefix("Value error, ")
        return f"{key}: {message[:1].lower()}{message[1:]}"
    bounds: dict[str, object] = error.get("ctx", {})
    told = {name: f"{x:g}" if isinstance(x, float) else x for name, x in bounds.items()}
    return f"{key}: {template.format(input=brief(error['input']), **told)}"


def _quote_key(part: str | int) -> str:
    """Quote a key as in TOML, where it needs quotes."""
    text = str(part)
    return text if re.fullmatch("[A-Za-z0-9_-]+", text) else json.dumps(text)
