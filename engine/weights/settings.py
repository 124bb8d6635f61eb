"""The table `[weights]` of `config.toml`: where weights lie, and a person's own entries.

    [weights]
    folder = "weights"
    offline = false

    [weights.files."mine.ckpt"]     and so on, with the keys of `registry.toml`

The variables VQGAN_CLIP_WEIGHTS__FOLDER and VQGAN_CLIP_WEIGHTS__OFFLINE replace the file's values.
HF_HUB_OFFLINE, which Hugging Face's programs know, switches offline mode on too.
"""

import os
from pathlib import Path
from typing import Self

from pydantic import model_validator

from engine.config_file import SWITCHES, FilePath, Switch, read_table
from engine.weights.registry import Registry, RegistryTables, shipped_registry

FOLDER_VARIABLE, OFFLINE_VARIABLE = "VQGAN_CLIP_WEIGHTS__FOLDER", "VQGAN_CLIP_WEIGHTS__OFFLINE"
HUB_VARIABLE = "HF_HUB_OFFLINE"


class WeightsSettings(RegistryTables):
    """Where weights lie, whether they may be downloaded, and entries that a person added.

    Entries with the name of a published one replace it.
    """

    folder: FilePath = Path("weights")
    """The cache folder; made when the first file is downloaded."""
    offline: Switch = False
    """Whether downloads are forbidden."""
    keep_archives: Switch = False
    """Whether a downloaded archive stays once its content is converted."""

    @property
    def is_offline(self) -> bool:
        """Whether downloads are forbidden, by these settings or by HF_HUB_OFFLINE."""
        return self.offline or SWITCHES.get(os.environ.get(HUB_VARIABLE, "").lower(), False)

    def registry(self) -> Registry:
        """Return all entries, published and own."""
        return shipped_registry().merged(self)

    @model_validator(mode="after")
    def _check_own(self) -> Self:
        if any(getattr(self, kind) for kind in RegistryTables.model_fields):
            self.registry().check()
        return self


def read_weights_settings(path: Path | None = None) -> WeightsSettings:
    """Read the settings in the file `path`, by default `config.toml` of the working folder.

    Raises `SettingsError` or `PictureError` if the file cannot be read or holds what is not
    allowed.
    """
    names = {"folder": FOLDER_VARIABLE, "offline": OFFLINE_VARIABLE}
    variables = {key: os.environ[name] for key, name in names.items() if name in os.environ}
    return read_table(path, "weights", WeightsSettings, variables)
