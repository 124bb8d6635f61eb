"""How far the models are, which the engine threads download and load when the program starts."""

from dataclasses import dataclass, field

from engine.text import Text
from engine.weights.downloads import DownloadProgress


@dataclass
class ModelLoading:
    """How far the models are; the engine threads write, others read."""

    downloads: DownloadProgress | None = None
    """How far their download is, while they are downloaded and prepared."""
    devices: dict[int, str] = field(default_factory=dict[int, str])
    """The devices that hold the main models, as torch names them, by the number of the painter."""
    verdicts: dict[str, Text | None] = field(default_factory=dict[str, Text | None])
    """What the check of loaded models found, by their names: None if nothing is wrong."""

    def copy(self) -> "ModelLoading":
        """Return how far the models are now."""
        return ModelLoading(self.downloads, self.devices.copy(), self.verdicts.copy())

    @property
    def device(self) -> str | None:
        """The devices that hold the main models, in words; None until they are loaded on one."""
        devices = dict(sorted(self.devices.copy().items()))
        return ", ".join(devices.values()) or None
