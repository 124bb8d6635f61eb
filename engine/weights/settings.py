"""The table `[weights]` of `config.toml`: where weights lie, and people's own entries.

    [weights]
    folder = "weights"
    offline = false

    [weights.files."mine.ckpt"]     and so on, in the words of `registry.toml`

The variables VQGAN_CLIP_WEIGHTS__FOLDER and VQGAN_CLIP_WEIGHTS__OFFLINE go before the file.
HF_HUB_OFFLINE, which Hugging Face's programs know, switches offline mode on too.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import SettingsError
from engine.files import quoted
from engine.settings import DEFAULT_PATH, read_tables
from engine.weights.registry import check_registry, read_entries, shipped_registry
from engine.weights.registry_entries import Registry
from engine.weights.tables import Table

FOLDER_VARIABLE, OFFLINE_VARIABLE = "VQGAN_CLIP_WEIGHTS__FOLDER", "VQGAN_CLIP_WEIGHTS__OFFLINE"
HUB_VARIABLE = "HF_HUB_OFFLINE"
_SWITCHES = {"1": True, "true": True, "yes": True, "on": True}
_SWITCHES |= {"0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class WeightsSettings:
    """Where weights lie, whether they may be fetched, and what people have added."""

    folder: Path = Path("weights")
    """The cache folder; made when the first file is fetched."""
    offline: bool = False
    """Whether nothing is fetched."""
    own: Registry = field(default_factory=Registry)
    """Entries of `config.toml`; those with the name of a shipped one take its place."""

    @property
    def is_offline(self) -> bool:
        """Whether nothing is fetched, by these settings or by HF_HUB_OFFLINE."""
        return self.offline or _SWITCHES.get(os.environ.get(HUB_VARIABLE, "").lower(), False)

    def registry(self) -> Registry:
        """All entries, shipped and own."""
        return shipped_registry().merged(self.own)


def weights_settings(values: object) -> WeightsSettings:
    """The settings of a table `[weights]`, in which a switch may also be a word.

    Raises `SettingsError`, which names the table and the key.
    """
    table = Table("weights", _without_words(values))
    folder = table.text("folder", "weights")
    if not folder:
        table.refuse("folder", "must be the name of a folder, not an empty one")
    settings = WeightsSettings(
        folder=Path(folder).expanduser(),
        offline=table.switch("offline", False),
        own=read_entries(table),
    )
    table.end()
    check_registry(settings.registry(), "weights.")
    return settings


def read_weights_settings(path: Path | None = None) -> WeightsSettings:
    """The settings in the file `path`, by default in `config.toml` if the working folder has one.

    Raises `SettingsError` or `PictureError` if the file cannot be read or holds what is not
    allowed.
    """
    is_there = path is not None or DEFAULT_PATH.exists()
    path = path or DEFAULT_PATH
    try:
        values = read_tables(path).get("weights", {}) if is_there else {}
        return weights_settings(_with_variables(values))
    except SettingsError as error:
        raise SettingsError(f"{quoted(path)}: {error}" if is_there else str(error)) from error


def _with_variables(values: object) -> object:
    if not isinstance(values, Mapping):
        return values
    variables = {"folder": FOLDER_VARIABLE, "offline": OFFLINE_VARIABLE}
    said = {key: os.environ[name] for key, name in variables.items() if name in os.environ}
    return {**values, **said}


def _without_words(values: object) -> object:
    """Environment variables hold words only."""
    if not isinstance(values, Mapping) or not isinstance(values.get("offline"), str):
        return values
    return {**values, "offline": _SWITCHES.get(values["offline"].lower(), values["offline"])}
