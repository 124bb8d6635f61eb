"""Secrets from environment variables, or from the files that others name, as container secrets do.

The token of the Discord application comes from `DISCORD_TOKEN` or `DISCORD_TOKEN_FILE`, that of the
host's page from `HOST_TOKEN` or `HOST_TOKEN_FILE`, and the URL of a database may come from
`STORAGE_URL_FILE`.
"""

import os
import re
from pathlib import Path

from pydantic import SecretStr

from engine.errors import SettingsError
from engine.files import decode_text, read_bounded

ENV_PREFIX = "VQGAN_CLIP_"
TOKEN_VARIABLE, TOKEN_FILE_VARIABLE = "DISCORD_TOKEN", "DISCORD_TOKEN_FILE"
HOST_TOKEN_VARIABLE, HOST_TOKEN_FILE_VARIABLE = "HOST_TOKEN", "HOST_TOKEN_FILE"
URL_VARIABLE, URL_FILE_VARIABLE = f"{ENV_PREFIX}STORAGE__URL", "STORAGE_URL_FILE"
_SECRET_FILES = {
    TOKEN_FILE_VARIABLE: "the file with the token",
    HOST_TOKEN_FILE_VARIABLE: "the file with the token of the host's page",
    URL_FILE_VARIABLE: "the file with the URL of the database",
}
SECRET_VARIABLES = frozenset(
    (TOKEN_VARIABLE, HOST_TOKEN_VARIABLE, URL_VARIABLE, f"{ENV_PREFIX}STORAGE", *_SECRET_FILES)
)
"""Variables that hold or name a secret. Those with the prefix count in small letters too."""
_MAX_SECRET_BYTES = 4096
_NO_PATH = re.compile(r"[\w-]{20,}\.[\w-]+\.[\w-]{20,}|.*://.*")
"""What a token of Discord and a URL look like, which were meant to be in the file."""
_SHORTEST_HOST_TOKEN = 16
"""Minimum length of the token of the host's page, which people choose themselves."""


def secret_files() -> dict[Path, str]:
    """Return the files that contain secrets, and what they are called."""
    found = {name: os.environ.get(name, "").strip() for name in _SECRET_FILES}
    return {Path(file): _SECRET_FILES[name] for name, file in found.items() if file}


def read_token() -> SecretStr | None:
    """Return the token of the Discord application; None if there is none.

    Raises `SettingsError`, also if there are two.
    """
    return _read(TOKEN_VARIABLE, TOKEN_FILE_VARIABLE)


def read_host_token() -> SecretStr | None:
    """Return what opens the host's page; None if there is none.

    Raises `SettingsError`, also if there are two, or if it is short enough to be guessed.
    """
    token = _read(HOST_TOKEN_VARIABLE, HOST_TOKEN_FILE_VARIABLE)
    if token is not None and len(token.get_secret_value()) < _SHORTEST_HOST_TOKEN:
        raise SettingsError(
            f"the token of the host's page has fewer than {_SHORTEST_HOST_TOKEN} characters: take "
            "a longer one, such as what this command prints: openssl rand -hex 24"
        )
    return token


def url_in_file() -> SecretStr | None:
    """Return the URL of the database in the file that a variable names; None if none does.

    Raises `SettingsError`, also if there are two URLs.
    """
    file = os.environ.get(URL_FILE_VARIABLE, "").strip()
    if not file:
        return None
    if os.environ.get(URL_VARIABLE, "").strip():
        raise SettingsError(f"set {URL_VARIABLE} or {URL_FILE_VARIABLE}, not both")
    return SecretStr(_secret_in(file, URL_FILE_VARIABLE, "URL"))


def _read(variable: str, file_variable: str) -> SecretStr | None:
    token, file = (os.environ.get(name, "").strip() for name in (variable, file_variable))
    if token and file:
        raise SettingsError(f"set {variable} or {file_variable}, not both")
    if file:
        token = _secret_in(file, file_variable, "token")
    if not re.fullmatch(r"[!-~]*", token):
        raise SettingsError(
            f"{file_variable if file else variable} contains characters that no token has, such "
            "as spaces: copy the token again"
        )
    return SecretStr(token) if token else None


def _secret_in(file: str, variable: str, what: str) -> str:
    """Return the only line of a file that a variable names."""
    if _NO_PATH.fullmatch(file):  # an error of the file would show it
        raise SettingsError(f"{variable} must be the path of a file that contains the {what}")
    try:
        secret = decode_text(read_bounded(Path(file), limit=_MAX_SECRET_BYTES)).strip()
    except ValueError:
        raise SettingsError(f"the file that {variable} names contains no {what}") from None
    if not secret:
        raise SettingsError(f"the file that {variable} names is empty")
    return secret
