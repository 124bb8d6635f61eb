"""A network that enlarges pictures as a painter: each tile is a step of its runs.

So a run can be shown, stopped, saved and resumed after any tile, with the same bytes in the end.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engine.editing.upscaler import SourcePicture, UpscalerNetwork
from engine.errors import RecipeError
from engine.images import image_io
from engine.models.plain_run import PlainRun, check_recipe
from engine.recipes.kinds import AnyRecipe
from engine.recipes.network_recipe import TILE, NetworkRecipe
from engine.recipes.start_image import picture_to_enlarge

_LONGEST = 1024
"""Longest side in pixels of the pictures of the progress, give or take a factor of 2."""
_LARGE = "large"
"""Name of the large picture in the state of a run."""


class NetworkRun(PlainRun[NetworkRecipe]):
    """A run of a network, on the picture to enlarge; its state is the large picture.

    That is the resized picture where no tile was enlarged yet.
    """

    def __init__(
        self, recipe: NetworkRecipe, network: UpscalerNetwork, picture: Image.Image
    ) -> None:
        super().__init__(recipe, network.device)
        self._network = network
        self._source = SourcePicture(picture)
        resized = np.array(image_io.enlarge(picture, recipe.factor))
        self._large = torch.from_numpy(resized).to(network.device)

    @property
    def last_seen(self) -> Tensor:
        """Some pixels (1, 3, H, W) of the current picture, in [0, 1].

        Raises ValueError before the first step.
        """
        if self._steps_done == 0:
            raise ValueError("no step has been taken yet")
        stride = max(1, max(self._large.shape) // _LONGEST)
        return _as_image(self._large[::stride, ::stride])

    def image(self) -> Tensor:
        """Return the current picture: (1, 3, H, W), floats in [0, 1]."""
        return _as_image(self._large)

    def _advance(self) -> None:
        """Enlarge the next tile."""
        self._network.enlarge_tile(self._source, self._steps_done, self._recipe.factor, self._large)

    def _tensors(self) -> Mapping[str, Tensor]:
        return {_LARGE: self._large}

    def _check(self, tensors: Mapping[str, Tensor]) -> None:
        """Raise nothing: a picture can have any levels."""

    def _restore(self, tensors: Mapping[str, Tensor]) -> None:
        self._large = tensors[_LARGE]


@dataclass(frozen=True)
class NetworkPainter:
    """A network on one device: a `Painter` of `engine.models.painter`."""

    name: str
    """Name of the models, as recipes call them."""
    digests: Mapping[str, str]
    """SHA-256 of the network's file by its name."""
    network: UpscalerNetwork
    precision: str = "float32"
    """Name of the precision of all layers."""

    @property
    def device(self) -> torch.device:
        """Device that holds the network and computes the runs."""
        return self.network.device

    def begin(self, recipe: AnyRecipe) -> NetworkRun:
        """Begin a run at step 0.

        Raises:
            RecipeError: The recipe is another painter's or for another network, or lacks its
                picture.
            PictureError: The recipe's file is not a picture.
        """
        recipe = check_recipe(recipe, NetworkRecipe, self.name, TILE)
        if recipe.network not in self.digests.values():
            raise RecipeError(
                "the recipe is for another network than the one that is loaded here: enlarge the "
                "original picture anew, or restart the program if the file was replaced"
            )
        return NetworkRun(recipe, self.network, picture_to_enlarge(recipe))


def load_painter(name: str, paths: Mapping[str, Path], device: torch.device) -> NetworkPainter:
    """Load a network from the file of the role `name`.

    Raises `ModelError` as `UpscalerNetwork` does.
    """
    path = paths[name]
    network = UpscalerNetwork(path, device)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return NetworkPainter(name, {path.name: sha256}, network)


def _as_image(levels: Tensor) -> Tensor:
    """Return levels (H, W, 3) from 0 to 255 as an image (1, 3, H, W) in [0, 1]."""
    return levels.movedim(-1, 0)[None].float() / 255
