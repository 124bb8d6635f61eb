"""The registry: what models there are and of what files they are made, read from TOML and checked.

`registry.toml` beside this file holds the published ones. People's own stand in `config.toml`, in
the same words; nothing in them is trusted.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from itertools import chain
from pathlib import Path
from reprlib import repr as brief
from typing import Any, TypeVar
from urllib.parse import urlsplit

from engine.errors import SettingsError
from engine.recipes.preset_values import PRESETS
from engine.recipes.recipe import MAX_SIDE, MIN_SIDE
from engine.weights.registry_entries import (
    GeneratorEntry,
    GeneratorMemory,
    ModelsEntry,
    PerceptorEntry,
    PerceptorMemory,
    Registry,
    WeightedPerceptor,
    WeightsFile,
)
from engine.weights.tables import Table

KINDS = ("files", "generators", "perceptors", "models")
"""The tables of entries."""
OWN_SUFFIXES = (".part", ".origin", ".sha256", ".lock")
"""Endings of what the cache folder holds beside the files themselves."""
DEMO = "demo"
"""The models that come with the program; they are in no registry."""
MAX_BYTES = 2**44
MAX_MIRRORS, MAX_PERCEPTORS = 32, 8
MAX_MEMORY = 1e13
MAX_WEIGHT = 1000.0
MAX_FACTOR = 64

_SHIPPED = Path(__file__).with_name("registry.toml")
_NAME = r"[a-z0-9]([a-z0-9.-]{0,98}[a-z0-9])?"
_FILE = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,149}"

Entry = TypeVar("Entry")


def shipped_registry() -> Registry:
    """The published models that this program knows."""
    registry = read_entries(Table("", tomllib.loads(_SHIPPED.read_text(encoding="utf-8"))))
    check_registry(registry)
    return registry


def read_entries(table: Table) -> Registry:
    """The entries in the tables of `KINDS` within `table`, each checked by itself.

    Raises `SettingsError`, which names the table and the key. What entries say of each other is
    for `check_registry`, and unknown keys of `table` are for the caller.
    """
    return Registry(
        files=_entries(table, "files", _file),
        generators=_entries(table, "generators", _generator),
        perceptors=_entries(table, "perceptors", _perceptor),
        models=_entries(table, "models", _models),
    )


def check_registry(registry: Registry, prefix: str = "") -> None:
    """Raise `SettingsError` if entries name others that are not there, or share a name.

    `prefix` is what the tables' names begin with in the message.
    """
    for name, generator in registry.generators.items():
        refuse = partial(_refuse, f"{prefix}generators.{name}")
        _check_known("checkpoint", generator.checkpoint, registry.files, refuse)
        _check_known("config", generator.config, registry.files, refuse)
    for name, perceptor in registry.perceptors.items():
        refuse = partial(_refuse, f"{prefix}perceptors.{name}")
        _check_known("checkpoint", perceptor.checkpoint, registry.files, refuse)
        if perceptor.tokenizer is not None:
            _check_known("tokenizer", perceptor.tokenizer, registry.files, refuse)
    for name, models in registry.models.items():
        refuse = partial(_refuse, f"{prefix}models.{name}")
        _check_known("generator", models.generator, registry.generators, refuse)
        for each in models.perceptors:
            _check_known("perceptors", each.name, registry.perceptors, refuse)
    _check_names(registry, prefix)


def _check_known(
    key: str, name: str, known: Mapping[str, object], refuse: Callable[[str], None]
) -> None:
    if name not in known:
        nearest = " or ".join(map(repr, get_close_matches(name, known, 3, 0.0)))
        refuse(f"{key} names {name!r}, which is not there; is it {nearest}?")


def _check_names(registry: Registry, prefix: str) -> None:
    """One folder holds all files, and a folder for each generator and perceptor."""
    taken: dict[str, str] = {}
    parts = chain(registry.models, registry.generators, registry.perceptors)
    for name in chain(parts, registry.files):
        if name in taken:
            raise SettingsError(f"[{prefix}…] has two entries called {name!r}: rename one of them")
        taken[name] = name
    for name, entry in registry.files.items():
        disk = entry.file.lower()
        if taken.setdefault(disk, name) != name:
            raise SettingsError(
                f"[{prefix}files.{name}]: file {entry.file!r} is the name of another entry or of "
                "its file: choose another"
            )


def _entries(table: Table, kind: str, read: Callable[[str, Table], Entry]) -> Mapping[str, Entry]:
    found: dict[str, Entry] = {}
    inner = table.table(kind)
    for name, value in inner.items():
        if not re.fullmatch(_NAME, name):
            raise SettingsError(
                f"[{inner.where}]: {name!r} is no name: it must be of a to z, 0 to 9, dots and "
                "dashes, at most 100, and begin and end with a letter or digit"
            )
        entry = Table(f"{inner.where}.{name}", value)
        found[name] = read(name, entry)
        entry.end()
    return found


def _file(name: str, table: Table) -> WeightsFile:
    file = table.text("file", name)
    if not re.fullmatch(_FILE, file) or file.endswith((".", *OWN_SUFFIXES)):
        table.refuse(
            "file",
            "must be a file's name without a folder, of letters, digits, dots, dashes and "
            f"underscores, that does not end in {' or '.join(OWN_SUFFIXES)}, not {file!r}",
        )
    local, mirrored = table.has("path"), table.has("mirrors")
    if local == mirrored:
        table.refuse("mirrors", "or path is needed, and not both")
    mirrors = (
        [_url(table, url) for url in table.sequence("mirrors", MAX_MIRRORS)] if mirrored else []
    )
    return WeightsFile(
        name=name,
        file=file,
        mirrors=tuple(_url(table, each) for each in mirrors),
        path=Path(table.text("path")).expanduser() if local else None,
        sha256=_sha256(table) if table.has("sha256") else None,
        bytes=table.whole("bytes", 1, MAX_BYTES) if table.has("bytes") else None,
        licence=table.text("licence", ""),
    )


def _url(table: Table, url: Any) -> str:
    try:
        parts = urlsplit(url if isinstance(url, str) and re.fullmatch(r"[!-~]+", url) else "")
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        table.refuse("mirrors", f"must be addresses that begin with http:// or https://: {url!r}")
    return url


def _sha256(table: Table) -> str:
    value = table.text("sha256").lower()
    if not re.fullmatch("[0-9a-f]{64}", value):
        table.refuse("sha256", f"must be 64 hexadecimal digits, not {value!r}")
    return value


def _generator(name: str, table: Table) -> GeneratorEntry:
    memory = None
    if table.has("memory"):
        inner = table.table("memory")
        memory = GeneratorMemory(
            weights=inner.number("weights", 0, MAX_MEMORY),
            per_pixel=inner.number("per_pixel", 0, MAX_MEMORY),
            lowered=inner.number("lowered", 0, MAX_MEMORY, 0.0),
        )
        inner.end()
    return GeneratorEntry(
        name=name,
        description=table.text("description", ""),
        checkpoint=table.text("checkpoint"),
        config=table.text("config"),
        factor=table.whole("factor", 1, MAX_FACTOR),
        memory=memory,
    )


def _perceptor(name: str, table: Table) -> PerceptorEntry:
    memory = None
    if table.has("memory"):
        inner = table.table("memory")
        memory = PerceptorMemory(
            weights=inner.number("weights", 0, MAX_MEMORY),
            per_cutout=inner.number("per_cutout", 0, MAX_MEMORY),
            lowered=inner.number("lowered", 0, MAX_MEMORY, 0.0),
        )
        inner.end()
    return PerceptorEntry(
        name=name,
        description=table.text("description", ""),
        open_clip=table.text("open_clip"),
        checkpoint=table.text("checkpoint"),
        tokenizer=table.text("tokenizer") if table.has("tokenizer") else None,
        memory=memory,
    )


def _models(name: str, table: Table) -> ModelsEntry:
    if name == DEMO:
        raise SettingsError(f"[{table.where}]: {DEMO!r} is the demo pair, choose another name")
    perceptors = []
    for value in table.sequence("perceptors", MAX_PERCEPTORS):
        inner = Table(f"{table.where}.perceptors", value)
        weight = inner.number("weight", 0, MAX_WEIGHT, 1.0)
        perceptors.append(WeightedPerceptor(inner.text("name"), weight))
        inner.end()
    if not any(each.weight for each in perceptors):
        table.refuse("perceptors", "must not all have the weight 0")
    if len({each.name for each in perceptors}) < len(perceptors):
        table.refuse("perceptors", "must not name the same one twice")
    preset = table.text("preset", "paper")
    if preset not in PRESETS:
        table.refuse("preset", f"must be one of {', '.join(PRESETS)}, not {brief(preset)}")
    return ModelsEntry(
        name=name,
        description=table.text("description", ""),
        limits=table.text("limits", ""),
        generator=table.text("generator"),
        perceptors=tuple(perceptors),
        side=table.whole("side", MIN_SIDE, MAX_SIDE),
        preset=preset,
    )


def _refuse(where: str, why: str) -> None:
    raise SettingsError(f"[{where}]: {why}")
