"""The environment of Ray's processes: who may join, and what Ray does not do."""

import os
import sysconfig
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType

import bot
from bot.private_files import warn_if_open
from bot.secret_variables import SECRET_VARIABLES
from engine.errors import EngineError, SettingsError
from engine.files import decode_text, quoted, read_bounded

MODE_VARIABLE, TOKEN_VARIABLE = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"
TOKEN_PATH_VARIABLE = "RAY_AUTH_TOKEN_PATH"
MEMORY_VARIABLE = "RAY_memory_monitor_refresh_ms"
_SHORTEST_TOKEN, _MAX_TOKEN_BYTES = 16, 4096
_ADVICE = "make one with: openssl rand -hex 32"


def import_ray() -> ModuleType:
    """Return the module `ray`; raise `SettingsError` if it is not installed."""
    try:
        return import_module("ray")
    except ImportError:
        raise SettingsError(
            "a cluster needs Ray, which is not installed: pip install -r requirements-cluster.txt"
        ) from None


def ray_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables to set before Ray is imported, and before it starts processes.

    Ray's own memory monitor kills painters when *other* programs fill the machine, so it is off
    unless `environ` sets it. Raises `SettingsError` if there is no token, or tokens are off: then
    whoever reaches a machine of a cluster runs code on it.
    """
    if (mode := environ.get(MODE_VARIABLE, "token")) != "token":
        raise SettingsError(
            f"{MODE_VARIABLE} must be token or unset, not {mode[:40]!r}: without a token, "
            "everybody who reaches this machine could run programs on it"
        )
    _check_token(environ)
    return {
        MODE_VARIABLE: "token",
        "RAY_USAGE_STATS_ENABLED": "0",
        MEMORY_VARIABLE: environ.get(MEMORY_VARIABLE, "0"),
        "PYTHONPATH": _python_path(environ),
    }


def _python_path(environ: Mapping[str, str]) -> str:
    """Return where Ray's processes find this program, also if it is not installed."""
    program, others = str(Path(bot.__file__).parents[1]), environ.get("PYTHONPATH", "")
    is_installed = program in sysconfig.get_paths().values()
    return others if is_installed else os.pathsep.join(filter(None, (program, others)))


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that painters may see: neither tokens of the bot, nor the database."""
    return {name: value for name, value in environ.items() if name.upper() not in SECRET_VARIABLES}


def _check_token(environ: Mapping[str, str]) -> None:
    """Look for the token where Ray does: in the environment, then in a file."""
    if token := environ.get(TOKEN_VARIABLE, "").strip():
        where = TOKEN_VARIABLE
    else:
        named = environ.get(TOKEN_PATH_VARIABLE, "").strip()
        path = Path(named) if named else Path.home() / ".ray" / "auth_token"
        where, token = f"the file {quoted(path)}", _token_in(path)
        warn_if_open(path, "the file with the token of the cluster")
    if len(token) < _SHORTEST_TOKEN:
        raise SettingsError(
            f"the token in {where} is shorter than {_SHORTEST_TOKEN} characters, and could be "
            f"guessed: {_ADVICE}"
        )


def _token_in(path: Path) -> str:
    if not path.is_file():
        raise SettingsError(
            f"there is no file {quoted(path)} with the token of the cluster: write the same token "
            f"into a file on each machine, and set {TOKEN_PATH_VARIABLE} to its path; {_ADVICE}"
        )
    try:
        return decode_text(read_bounded(path, limit=_MAX_TOKEN_BYTES)).strip()
    except (EngineError, ValueError):
        raise SettingsError(f"the file {quoted(path)} contains no token: {_ADVICE}") from None
