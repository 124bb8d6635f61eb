"""A dedicated network that enlarges pictures, such as an ESRGAN, from a file of the host.

`spandrel`, an optional dependency, recognizes the architecture by the names of the tensors. It is
not let near the file: `engine.conversion.checkpoint` reads tensors only, and runs nothing.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from engine.conversion.checkpoint import PartOfFile, read_checkpoint
from engine.errors import ModelError
from engine.models.tensors import to_tensor
from engine.recipes.network_recipe import TILE

CONTEXT = 16
"""Number of pixels that the network sees around a tile."""
_PARTS: tuple[PartOfFile, ...] = ((), ("params_ema",), ("params",))
"""Where published files keep their tensors."""
_SCALES = (2, 4)


class UpscalerNetwork:
    """A network that enlarges pictures, from the file at `path`.

    Attributes:
        scale: How many times as wide and high its pictures become.
        name: Name of its architecture.

    Raises:
        ModelError: The package is not installed, the file cannot be read or needs to run code, or
            it is of no network that enlarges color pictures 2 or 4 times.
    """

    def __init__(self, path: Path, device: torch.device | str = "cpu") -> None:
        try:
            import spandrel
        except ImportError as error:
            raise ModelError(
                "a network that enlarges pictures needs the package spandrel: install it by "
                "python -m pip install -r requirements-upscaler.txt"
            ) from error
        tensors = _read(path)
        try:
            found: Any = spandrel.ModelLoader("cpu").load_from_state_dict(tensors)
        except Exception as error:  # of any kind, from the code of many architectures
            raise ModelError(
                "the file {name} is of no network that is known to enlarge pictures",
                name=path.name,
            ) from error
        channels = (getattr(found, "input_channels", 0), getattr(found, "output_channels", 0))
        if channels != (3, 3) or found.scale not in _SCALES:
            raise ModelError(
                "the network in {name} does not enlarge color pictures 2 or 4 times",
                name=path.name,
            )
        self.scale: int = found.scale
        self.name: str = found.architecture.name
        self._multiple = int(found.size_requirements.multiple_of)
        self._least = int(found.size_requirements.minimum)
        self._device = torch.device(device)
        self._network: Callable[[Tensor], Tensor] = found.to(self._device).eval()

    @property
    def device(self) -> torch.device:
        """Device that computes."""
        return self._device

    def enlarge(
        self, picture: Image.Image, factor: int, on_tile: Callable[[int, int], None] | None = None
    ) -> Image.Image:
        """Return a picture `factor` times as wide and high, 2 or 4, in the memory of one tile.

        A network for another factor is applied twice, or its result is averaged. `on_tile` is
        called after each tile with how many are done, and their number.
        """
        source = SourcePicture(picture)
        large = torch.zeros(factor * picture.height, factor * picture.width, 3, dtype=torch.uint8)
        for done in range(1, len(source.places) + 1):
            self.enlarge_tile(source, done - 1, factor, large)
            if on_tile is not None:
                on_tile(done, len(source.places))
        return Image.fromarray(large.numpy())

    @torch.no_grad()
    def enlarge_tile(self, source: "SourcePicture", index: int, factor: int, large: Tensor) -> None:
        """Enlarge one tile of a picture, and write its levels into `large` (H, W, 3), 0 to 255."""
        top, left, height, width = source.places[index]
        rows = slice(top, top + height + 2 * CONTEXT)
        columns = slice(left, left + width + 2 * CONTEXT)
        result = self._enlarged(source.pixels[..., rows, columns].to(self._device), factor)
        edge = factor * CONTEXT
        inner = result[0, :, edge : edge + factor * height, edge : edge + factor * width]
        levels = inner.clamp(0, 1).mul(255).round().to(torch.uint8).movedim(0, -1)
        place = (
            slice(factor * top, factor * (top + height)),
            slice(factor * left, factor * (left + width)),
        )
        large[place] = levels.to(large.device)

    def _enlarged(self, tile: Tensor, factor: int) -> Tensor:
        """Return a tile (1, 3, H, W) `factor` times as large."""
        grown = 1
        while grown < factor:
            tile, grown = self._applied(tile), grown * self.scale
        return tile if grown == factor else F.avg_pool2d(tile, grown // factor)

    def _applied(self, tile: Tensor) -> Tensor:
        height, width = tile.shape[2:]
        missing = [self._missing(side) for side in (width, height)]
        padded = F.pad(tile, [0, missing[0], 0, missing[1]], mode="replicate")
        return self._network(padded)[..., : self.scale * height, : self.scale * width]

    def _missing(self, side: int) -> int:
        """Return how many pixels a side lacks for what the network takes."""
        wanted = max(side, self._least)
        return -(-wanted // self._multiple) * self._multiple - side


class SourcePicture:
    """A picture to enlarge.

    Attributes:
        pixels: (1, 3, H + 2 `CONTEXT`, W + 2 `CONTEXT`) in [0, 1], with its edges continued.
        places: Top, left, height and width of each tile in pixels, row by row.
    """

    def __init__(self, picture: Image.Image) -> None:
        self.pixels: Tensor = F.pad(to_tensor(picture), [CONTEXT] * 4, mode="replicate")
        self.places: Sequence[tuple[int, int, int, int]] = [
            (top, left, min(TILE, picture.height - top), min(TILE, picture.width - left))
            for top in range(0, picture.height, TILE)
            for left in range(0, picture.width, TILE)
        ]


def _read(path: Path) -> dict[str, Tensor]:
    errors: list[ModelError] = []
    for part in _PARTS:
        try:
            return {name: each.float() for name, each in read_checkpoint(path, part).items()}
        except ModelError as error:
            errors.append(error)
    raise errors[0]
