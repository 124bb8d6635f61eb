"""The record at the start of a program, from which a log alone tells what ran."""

import logging
import os
import platform
from importlib import metadata
from typing import Any

from pydantic import SecretStr

from bot.config import BotSettings
from engine import __version__
from engine.config_file import hide_logins
from engine.weights.registry import RegistryTables

log = logging.getLogger(__name__)

_LIBRARIES = ("discord.py", "SQLAlchemy", "aiohttp", "numpy", "pillow", "ray")
_COUNTED = {
    "safety": ("blocked_words", "age_restricted_words", "blocked_people"),
    "weights": tuple(RegistryTables.model_fields),
}
"""The settings of which only the number of entries is written: private lists, and long tables."""


def log_start(program: str, settings: BotSettings, revision: str | None = None) -> None:
    """Log what starts: versions, the revision of its database, and its settings."""
    libraries = {each: _version(each) for each in _LIBRARIES}
    extra = {
        "program": program,
        "version": __version__,
        "revision": revision,
        "python": platform.python_version(),
        "torch": _version("torch"),
        "devices": list(settings.engine.devices),
        "processors": _processors(),
        "platform": platform.platform(terse=True),
        "libraries": {name: found for name, found in libraries.items() if found is not None},
        "settings": public_settings(settings),
    }
    log.info("starting", extra=extra)


def public_settings(settings: BotSettings) -> dict[str, dict[str, Any]]:
    """Return all settings by table, without secrets; private lists are their lengths."""
    tables: dict[str, dict[str, Any]] = settings.model_dump(mode="json")
    for name, keys in _COUNTED.items():
        tables[name] |= {key: len(tables[name][key]) for key in keys if key in tables[name]}
    tables["storage"]["url"] = _public_url(settings.storage.url)
    tables["cluster"]["address"] = hide_logins(settings.cluster.address)
    return tables


def _public_url(url: SecretStr) -> str:
    """Return where a database is, without the account, the password and the parameters."""
    return hide_logins(url.get_secret_value()).partition("?")[0]


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
