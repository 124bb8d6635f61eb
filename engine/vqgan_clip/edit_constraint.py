"""What an edit adds to a run: its source, its mask, and how much of the source stays.

Each frame of a film that restyles a clip is such an edit (`engine.vqgan_clip.restyling`).

The gradient of the latent is zero outside the mask (Section 2.5), and the cutouts stay near the
source's embedding (Appendix G.2). Four things are ours and not the paper's: the pixels outside the
mask are those of the source, `keep_latent` keeps the latent near that of the source, `keep_cells`
leaves cells alone that the prompt hardly moves (`engine.vqgan_clip.proximity`), and
`keep_structure` allows no change but one of the palette (`engine.vqgan_clip.palette_transfer`).
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engine.images.tiling import Tile, tile_of, wraps_of
from engine.models.loading import Models
from engine.models.protocols import State
from engine.models.tensors import to_tensor
from engine.recipes.edit import Edit, Keep
from engine.recipes.start_image import scaled, source_and_mask
from engine.vqgan_clip.latents import encoded
from engine.vqgan_clip.losses import clamp_with_gradient, spherical_distance
from engine.vqgan_clip.palette_transfer import PaletteTransfer
from engine.vqgan_clip.proximity import draw_back

CONTEXT = 1.6
"""Side of the square around a mask that cutouts are taken from, in units of the mask's longer side:
the perceptors judge the change together with some of its surroundings."""


class EditConstraint:
    """The source of an edit on its canvas, and what is kept of it.

    The result of a `tile` continues across its edges, except for what is kept of a source that does
    not.

    Args:
        keep: How much of the source is kept.
        source: The picture to change, (1, 3, H, W), floats in [0, 1].
        models: The models of the run.
        tile: Axes along which the result continues across its edges.
        mask: How much of each pixel may change, (1, 1, H, W), floats in [0, 1]; None for all.
        palette: The palette of the source; None to find it if it is needed.

    Attributes:
        source: The picture to change.
        palette: Its palette; None if no structure is kept.
        free: 1 for each number of the generator's state that may change, else 0, such as
            (1, 1, h, w) for a VQGAN; None if all may.
    """

    @torch.no_grad()
    def __init__(
        self,
        keep: Keep,
        source: Tensor,
        models: Models,
        tile: Tile = "none",
        *,
        mask: Tensor | None = None,
        palette: PaletteTransfer | None = None,
    ) -> None:
        self._keep = keep
        self._tile: Tile = tile
        self.source = source
        self._state = encoded(models.generator, self.source, tile)
        self.free: State | None = None
        self._pixel_mask = mask
        self._window = (slice(None), slice(None))
        if mask is not None:
            self.free = models.generator.free(self._state, mask)
            self._window = _window(mask[0, 0].cpu().numpy() > 0)
        self._embeddings: list[Tensor] = []  # (1, D) for each perceptor
        if keep.keep_look > 0:
            region, _ = self.crop_to_mask(self.source)
            self._embeddings = [
                each.encode_image(resize_for_perceptor(region, each.input_size))
                for each in models.perceptors
            ]
        if palette is None and keep.keep_structure > 0:
            palette = PaletteTransfer(source)
        self.palette = palette if keep.keep_structure > 0 else None

    @classmethod
    def of_edit(
        cls, edit: Edit, size: tuple[int, int], models: Models, tile: Tile = "none"
    ) -> Self:
        """Read the pictures of an edit, scaled to a canvas of `size` (width, height).

        Raises what `source_and_mask` raises.
        """
        source, mask = source_and_mask(edit)
        levels = None
        if mask is not None:
            gray = np.asarray(scaled(mask, size, tile), dtype=np.float32) / 255
            levels = torch.from_numpy(gray)[None, None].to(models.device)
        pixels = to_tensor(scaled(source, size, tile)).to(models.device)
        return cls(edit, pixels, models, tile, mask=levels)

    def compose(self, image: Tensor) -> Tensor:
        """Compose the decoded `image` (1, 3, H, W) with the source.

        With `keep_structure` its change of the source is projected on changes of the palette.
        Outside the mask it has the source's pixels.
        """
        if self.palette is not None:
            change = image - self.source
            projected = self.palette.project(change)
            kept = torch.lerp(change, projected, self._keep.keep_structure)
            image = clamp_with_gradient(self.source + kept)
        if self._pixel_mask is not None:
            image = torch.lerp(self.source, image, self._pixel_mask)
        return image

    def crop_to_mask(self, image: Tensor) -> tuple[Tensor, Tile]:
        """Crop `image` (1, 3, H, W) to the mask and its surroundings, where cutouts are taken.

        Return it with the axes along which it still continues across its edges.
        """
        rows, columns = self._window
        region = image[..., rows, columns]
        wraps = wraps_of(self._tile)
        is_whole = [a == b for a, b in zip(region.shape[2:], image.shape[2:], strict=True)]
        return region, tile_of(
            rows=wraps.rows and is_whole[0], columns=wraps.columns and is_whole[1]
        )

    def draw_back(self, state: State, rate: float) -> None:
        """Move a state in place towards that of the source, after a step of the length `rate`."""
        if self._keep.keep_cells > 0:
            for now, before in zip(state, self._state, strict=True):
                now.copy_(draw_back(now, before, self._keep.keep_cells * rate))

    def without_unmoved(self, proposed: State, state: State) -> State:
        """Return the state `proposed` for `state`, but the source's where that has not moved."""
        rows = zip(proposed, state, self._state, strict=True)
        return tuple(torch.where((now != old).any(1, True), new, now) for new, now, old in rows)

    def loss(self, state: State, embeddings: Sequence[Tensor]) -> Tensor:
        """Return the loss () of leaving the source.

        Args:
            state: the run's state, such as a latent (1, C, h, w).
            embeddings: unit vectors (1, N, D) of the cutouts, for each perceptor.
        """
        keep, loss = self._keep, torch.zeros((), device=self.source.device)
        if keep.keep_latent > 0:
            pairs = zip(state, self._state, strict=True)
            moved = [(now - before).square().mean() for now, before in pairs]
            loss = loss + keep.keep_latent * (sum(moved[1:], moved[0]) / len(moved))
        if keep.keep_look > 0:
            pairs = zip(embeddings, self._embeddings, strict=True)
            distances = [spherical_distance(views, own).mean() for views, own in pairs]
            loss = loss + keep.keep_look * torch.stack(distances).mean()
        return loss


def _window(changed: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return rows and columns of a square around what changes, clipped to the picture."""
    if not changed.any():
        return slice(None), slice(None)
    bounds = [np.flatnonzero(changed.any(axis)) for axis in (1, 0)]
    side = round(CONTEXT * max(int(np.ptp(each)) + 1 for each in bounds))
    slices = []
    for positions, length in zip(bounds, changed.shape, strict=True):
        low = round((positions[0] + positions[-1] + 1 - side) / 2)
        low = max(0, min(low, length - side))
        slices.append(slice(low, min(length, low + side)))
    return slices[0], slices[1]


def resize_for_perceptor(pictures: Tensor, side: int) -> Tensor:
    """Stretch whole pictures (N, 3, H, W) to the squares of `side` pixels that CLIP takes."""
    return F.interpolate(pictures, (side, side), mode="bilinear", antialias=True)
