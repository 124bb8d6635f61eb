"""A run that enlarges a picture: its tiles, and what each of them adds to the loop.

A tile is cut out of the large picture as it is by then, so it continues what its neighbours have
become. Its smooth window blends it in, and the windows of all tiles add up to 1: where one tile
ends, it no longer counts, so there is nothing to see. Some of the cutouts show the whole picture
with this tile in it, at the size of a canvas: what is in the picture already is not painted again
in every tile. Of what a tile changes, a share `keep` of all coarse changes is taken back: a blur of
the difference to the source.

The large picture is kept in 256 levels, as in a file. All that is needed of it at once are a tile,
and the whole at a smaller size.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.models.protocols import Generator, State
from engine.models.tensors import to_tensor
from engine.recipes.enlargement import Enlargement
from engine.recipes.recipe import Recipe
from engine.recipes.start_image import large_picture
from engine.vqgan_clip.latents import encoded
from engine.vqgan_clip.losses import clamp_with_gradient
from engine.vqgan_clip.safety import FiniteGuard

BLUR = 0.7
"""Standard deviation of the blur that separates coarse changes from fine ones, in pixels of the
source."""
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class Enlarging:
    """The large picture of a run of `recipe`, and the tile that is painted.

    Attributes:
        index: Number of the tile, from 0.
        large: The large picture (1, 3, H, W) in bytes, without this tile.
    """

    def __init__(self, recipe: Recipe, enlargement: Enlargement, generator: Generator) -> None:
        canvas = (recipe.width, recipe.height)
        self._recipe = recipe
        self._enlargement = enlargement
        self._generator = generator
        self._places = enlargement.places(canvas, recipe.tile)
        # All products of them would take many times the memory of the large picture.
        self._windows = enlargement.windows(canvas, recipe.tile)
        self._blur = _gaussian(BLUR * enlargement.factor).to(generator.device)
        width, height = enlargement.size
        scale = max(canvas) / max(width, height)
        sides = (max(1, round(scale * height)), max(1, round(scale * width)))
        self._shrink = [
            _averages(length, side).to(generator.device)
            for length, side in zip((height, width), sides, strict=True)
        ]
        self._source = _to_bytes(to_tensor(large_picture(recipe))).to(generator.device)
        self.index = 0
        self.large = self._source
        self._aim()

    @property
    def whole_cutouts(self) -> int:
        """How many of the recipe's cutouts show the whole picture."""
        return round(self._enlargement.whole * self._recipe.cutouts)

    def is_due(self, steps_done: int) -> bool:
        """Return True if the next tile begins before the next step."""
        is_done = steps_done == (self.index + 1) * self._recipe.steps
        return is_done and self.index < len(self._places) - 1

    def compose(self, tile: Tensor) -> Tensor:
        """Take back the coarse changes of a decoded `tile` (1, 3, h, w) as far as is kept."""
        keep = self._enlargement.keep
        if keep == 0:
            return tile
        return clamp_with_gradient(tile + keep * self._blurred(self._kept - tile))

    def placed(self, tile: Tensor) -> Tensor:
        """Return the large picture (1, 3, H, W) in [0, 1] with a composed `tile` in it."""
        large = self.large.float() / 255
        rows, columns = self._rows_and_columns()
        large[..., rows[:, None], columns] += self._window * (tile - self._before)
        return large.clamp_(0, 1)

    def shrunk(self, tile: Tensor) -> Tensor:
        """Return the picture with a composed `tile` in it, as large as a canvas at most."""
        rows, columns = self._rows_and_columns()
        down, across = self._shrink
        change = self._window * (tile - self._before)
        return self._whole + down[:, rows] @ change @ across[:, columns].T

    @torch.no_grad()
    def move(
        self, state: State, optimizer: torch.optim.Adam, guard: FiniteGuard, picture: Tensor
    ) -> Callable[[], None]:
        """Go to the next tile of the large `picture` (1, 3, H, W), which has the finished one.

        The `state` becomes that of the next tile, in place, and Adam begins anew. Returns what
        undoes that.
        """
        undo = self._undo(state, optimizer, guard)
        self.large = _to_bytes(picture)
        self.index += 1
        self._aim()
        for own, numbers in zip(state, encoded(self._generator, self._before, "none"), strict=True):
            own.copy_(numbers)
            for name in _MOMENTS:
                optimizer.state[own][name].zero_()
        guard.restore(state, self.index * self._recipe.steps)
        return undo

    def resume(self, steps_done: int, large: Tensor) -> None:
        """Continue after some steps; `large` is what `self.large` was then."""
        self.index = max(0, -(-steps_done // self._recipe.steps) - 1)
        self.large = large
        self._aim()

    def _undo(
        self, state: State, optimizer: torch.optim.Adam, guard: FiniteGuard
    ) -> Callable[[], None]:
        index, large, steps = self.index, self.large, guard.last_finite_steps
        moments = [optimizer.state[each][name] for each in state for name in _MOMENTS]
        changed = (*state, *moments)
        before = [each.detach().clone() for each in changed]
        last = tuple(each.clone() for each in guard.last_finite)

        def undo() -> None:
            self.index, self.large = index, large
            self._aim()
            guard.restore(last, steps)
            with torch.no_grad():
                for own, numbers in zip(changed, before, strict=True):
                    own.copy_(numbers)

        return undo

    @torch.no_grad()
    def _aim(self) -> None:
        """Compute what all steps of the current tile need of the large picture."""
        rows, columns = self._rows_and_columns()
        self._before = self.large[..., rows[:, None], columns].float() / 255
        self._kept = self._source[..., rows[:, None], columns].float() / 255
        down_windows, across_windows = self._windows
        row, column = divmod(self.index, len(across_windows))
        window = down_windows[row][:, None] * across_windows[column]  # (h, w)
        self._window = torch.from_numpy(window).to(self.large.device)
        down, across = self._shrink
        self._whole = down @ (self.large.float() / 255) @ across.T

    def _rows_and_columns(self) -> tuple[Tensor, Tensor]:
        """Return which rows (h,) and columns (w,) of the large picture the tile has."""
        height, width = self.large.shape[2:]
        top, left = self._places[self.index]
        device = self.large.device
        rows = (top + torch.arange(self._recipe.height, device=device)) % height
        columns = (left + torch.arange(self._recipe.width, device=device)) % width
        return rows, columns

    def _blurred(self, values: Tensor) -> Tensor:
        kernel = self._blur[None, None].expand(3, 1, -1)
        reach = len(self._blur) // 2
        padded = F.pad(values, [reach] * 4, mode="replicate")
        across = F.conv2d(padded, kernel[:, :, None], groups=3)
        return F.conv2d(across, kernel[..., None], groups=3)


def _to_bytes(picture: Tensor) -> Tensor:
    return picture.clamp(0, 1).mul(255).round().to(torch.uint8)


def _gaussian(deviation: float) -> Tensor:
    """Return a kernel (K,) that sums to 1, with K odd."""
    reach = max(1, round(3 * deviation))
    kernel = torch.exp(-(torch.arange(-reach, reach + 1) / deviation).square() / 2)
    return kernel / kernel.sum()


def _averages(length: int, side: int) -> Tensor:
    """Return the matrix (side, length) that averages `length` pixels to `side` pixels."""
    edges = torch.arange(side + 1, dtype=torch.float64)[:, None] * (length / side)
    pixels = torch.arange(length, dtype=torch.float64)
    inside = torch.minimum(edges[1:], pixels + 1) - torch.maximum(edges[:-1], pixels)
    return (inside.clamp(min=0) * (side / length)).float()
