"""How far the models are, which the engine thread downloads and loads when the program starts."""

from dataclasses import dataclass, field

from engine.text import Text
from engine.weights.downloads import DownloadProgress


@dataclass
class ModelLoading:
    """How far the models are; the engine thread writes, others read."""

    downloads: DownloadProgress | None = None
    """How far their download is, while they are downloaded and prepared."""
    device: str | None = None
    """The device that holds the main models, as torch names it; None until they are loaded."""
    verdicts: dict[str, Text | None] = field(default_factory=dict[str, Text | None])
    """What the check of loaded models found, by their names: None if nothing is wrong."""
