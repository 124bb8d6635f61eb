"""Texts in logs: without secrets, and bounded, so that no error can fill a disk."""

import os
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote, urlsplit

from engine.config_file import hide_logins

LONGEST = 2000
"""Maximum number of characters of a message or a field."""
_LONGEST_LINE, _FIRST_LINES, _LAST_LINES = 500, 20, 40
"""What is written of a traceback: the beginning and the end, which names the error."""
_HIDDEN = "***"
_SECRET_NAME = re.compile(r"(TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIALS?|_KEY|STORAGE__URL)$", re.I)
"""What the name of an environment variable ends in that holds a secret."""
_SHORTEST = 8
"""Length below which a secret is not looked for: it would be found in other words."""
_PASSWORD_PARAMETER = re.compile(r"(?:^|&)\w*password=([^&]+)", re.I)
_CALLBACKS = re.compile(r"(/(?:interactions|webhooks)/\d+/)[\w.~-]+")
"""Discord's routes with a token in them, which libraries log."""


class Texts:
    """Makes texts fit for logs. `secrets` are hidden, beside those in environment variables."""

    def __init__(
        self, secrets: Iterable[str] = (), environment: Mapping[str, str] | None = None
    ) -> None:
        known = {*secrets, *_secrets_in(os.environ if environment is None else environment)}
        known |= {part for url in tuple(known) for part in _passwords(url)}
        found = sorted((each for each in known if len(each) >= _SHORTEST), key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, found))) if found else None

    def clean(self, text: str) -> str:
        """Return a message or the text of a field."""
        return _shortened(self._hidden(text), LONGEST)

    def clean_trace(self, trace: str) -> str:
        """Return a traceback of several lines."""
        lines = self._hidden(trace).splitlines()
        left_out = len(lines) - _FIRST_LINES - _LAST_LINES
        if left_out > 0:
            told = f"… {left_out} lines left out …"
            lines = [*lines[:_FIRST_LINES], told, *lines[-_LAST_LINES:]]
        return "\n".join(_shortened(each, _LONGEST_LINE) for each in lines)

    def _hidden(self, text: str) -> str:
        """Return a text without secrets."""
        if self._secrets is not None:
            text = self._secrets.sub(_HIDDEN, text)
        if "://" in text:
            text = hide_logins(text)
        return _CALLBACKS.sub(rf"\1{_HIDDEN}", text)


def _shortened(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    return f"{text[:length]}… ({len(text)} characters)"


def _secrets_in(environment: Mapping[str, str]) -> set[str]:
    return {text.strip() for name, text in environment.items() if _SECRET_NAME.search(name)}


def _passwords(url: str) -> set[str]:
    """Return the passwords in an address, as they are written and as they are sent."""
    try:
        parts = urlsplit(url if "://" in url else "")
        found = {parts.password or "", *_PASSWORD_PARAMETER.findall(parts.query)}
    except ValueError:
        return set()
    return found | {unquote(each) for each in found}
