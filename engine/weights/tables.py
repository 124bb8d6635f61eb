"""Tables of TOML that nobody vouches for: keys taken one by one, and sentences for what is wrong.

Every sentence names the table and the key.
"""

import math
from collections.abc import Mapping
from reprlib import repr as brief
from typing import Any, NoReturn

from engine.errors import SettingsError

MAX_TEXT = 1000
"""Characters of one line of text."""


class Table:
    """One table: what a taker does not ask for is an unknown key. Raises `SettingsError`."""

    def __init__(self, where: str, value: object) -> None:
        self.where = where
        if not isinstance(value, Mapping):
            raise SettingsError(f"[{where}] must be a table, not {brief(value)}")
        self._values: dict[str, Any] = dict(value)
        self._known: list[str] = []

    def text(self, key: str, default: str | None = None) -> str:
        """One printable line."""
        value = self._take(key, default)
        good = isinstance(value, str) and len(value) <= MAX_TEXT and value.isprintable()
        if not good or (not value and default is None):
            self.refuse(key, f"must be one line of text in quotes, not {brief(value)}")
        return value

    def whole(self, key: str, low: int, high: int) -> int:
        """A whole number within bounds."""
        value = self._take(key)
        if type(value) is not int or not low <= value <= high:
            self.refuse(key, f"must be a whole number from {low} to {high}, not {brief(value)}")
        return value

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """A finite number within bounds."""
        value = self._take(key, default)
        good = type(value) in (int, float) and math.isfinite(value) and low <= value <= high
        if not good:
            self.refuse(key, f"must be a number from {low:g} to {high:g}, not {brief(value)}")
        return float(value)

    def switch(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            self.refuse(key, f"must be true or false, not {brief(value)}")
        return value

    def sequence(self, key: str, longest: int) -> list[Any]:
        """A list that is not empty."""
        value = self._take(key)
        if not isinstance(value, list) or not 1 <= len(value) <= longest:
            self.refuse(key, f"must be a list of 1 to {longest}, not {brief(value)}")
        return value

    def table(self, key: str) -> "Table":
        """A table within this one, empty if the key is not there."""
        return Table(f"{self.where}.{key}" if self.where else key, self._take(key, {}))

    def has(self, key: str) -> bool:
        """Say whether a key, which is then a known one, is there."""
        self._known.append(key)
        return key in self._values

    def items(self) -> list[tuple[str, Any]]:
        """All keys and values, whatever they are called."""
        self._known.extend(self._values)
        return list(self._values.items())

    def end(self) -> None:
        """Refuse keys that nobody asked for."""
        known = list(dict.fromkeys(self._known))
        unknown = sorted(set(self._values) - set(known))
        if unknown:
            raise SettingsError(
                f"[{self.where}]: there is no key {brief(unknown[0])}; there are: "
                f"{', '.join(known)}"
            )

    def refuse(self, key: str, why: str) -> NoReturn:
        """Raise `SettingsError` about a key."""
        raise SettingsError(f"[{self.where}]: {key} {why}")

    def _take(self, key: str, default: Any = None) -> Any:
        if not self.has(key):
            if default is None:
                self.refuse(key, "is missing")
            return default
        return self._values[key]
