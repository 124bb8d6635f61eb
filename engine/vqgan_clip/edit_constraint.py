"""The source of an edit, as a run needs it: what is kept of it, and where it may change.

Paper: the latent's gradient is zeroed outside the mask (Section 2.5), and the cutouts stay near
the source's embedding (Appendix G.2).
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engine.models.loading import Models
from engine.models.tensors import to_tensor
from engine.recipes.edit import Edit
from engine.recipes.start_image import scaled, source_and_mask
from engine.vqgan_clip.losses import clamp_with_gradient, spherical_distance
from engine.vqgan_clip.recolor import Recolouring

SURROUNDINGS = 1.6
"""Side of the window around a mask that the perceptors look at, in lengths of the mask's longer
side: what is painted there is judged with some of what it stands in."""


class Source:
    """The picture that is edited, on the canvas of `size` (width, height).

    Attributes:
        picture: (1, 3, H, W), floats in [0, 1].
        free: (1, 1, h, w), 1 for each latent cell that may change, else 0; None if all may.
    """

    @torch.no_grad()
    def __init__(self, edit: Edit, size: tuple[int, int], models: Models) -> None:
        source, mask = source_and_mask(edit)
        self._edit = edit
        self.picture = to_tensor(scaled(source, size)).to(models.device)
        self.free: Tensor | None = None
        self._mask: Tensor | None = None
        self._window = (slice(None), slice(None))
        if mask is not None:
            levels = np.asarray(scaled(mask, size), dtype=np.float32) / 255
            self._mask = torch.from_numpy(levels)[None, None].to(models.device)
            self.free = (F.max_pool2d(self._mask, models.generator.factor) > 0).float()
            self._window = _window(levels > 0)
        self._latent = models.generator.encode(self.picture)
        self._looks: list[Tensor] = []
        if edit.keep_look > 0:
            looked_at = self.looked_at(self.picture)
            self._looks = [
                each.encode_image(seen_whole(looked_at, each.input_size))
                for each in models.perceptors
            ]
        self._recolouring = Recolouring(self.picture) if edit.keep_structure > 0 else None

    def compose(self, image: Tensor) -> Tensor:
        """The picture (1, 3, H, W) that comes of `image`: with the source's structure as far as
        that is kept, and where the mask is black, with the source's pixels."""
        if self._recolouring is not None:
            change = image - self.picture
            recoloured = self._recolouring.nearest(change)
            kept = torch.lerp(change, recoloured, self._edit.keep_structure)
            image = clamp_with_gradient(self.picture + kept)
        if self._mask is not None:
            image = torch.lerp(self.picture, image, self._mask)
        return image

    def looked_at(self, image: Tensor) -> Tensor:
        """The part of `image` (1, 3, H, W) that cutouts are taken from: the mask's surroundings."""
        rows, columns = self._window
        return image[..., rows, columns]

    def loss(self, image: Tensor, latent: Tensor, embeddings: Sequence[Tensor]) -> Tensor:
        """What the edit's weights cost, given the cutouts' unit vectors (1, N, D) of each CLIP."""
        edit, loss = self._edit, torch.zeros((), device=image.device)
        if edit.keep_latent > 0:
            loss = loss + edit.keep_latent * (latent - self._latent).square().mean()
        if edit.keep_look > 0:
            pairs = zip(embeddings, self._looks, strict=True)
            looks = [spherical_distance(each, look).mean() for each, look in pairs]
            loss = loss + edit.keep_look * torch.stack(looks).mean()
        return loss


def _window(changed: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of a square around what changes, as far as the picture reaches."""
    if not changed.any():
        return slice(None), slice(None)
    bounds = [np.flatnonzero(changed.any(axis)) for axis in (1, 0)]
    side = round(SURROUNDINGS * max(int(np.ptp(each)) + 1 for each in bounds))
    slices = []
    for places, length in zip(bounds, changed.shape, strict=True):
        low = round((places[0] + places[-1] + 1 - side) / 2)
        low = max(0, min(low, length - side))
        slices.append(slice(low, min(length, low + side)))
    return slices[0], slices[1]


def seen_whole(picture: Tensor, side: int) -> Tensor:
    """A whole picture as a perceptor takes it, stretched to a square of `side` pixels."""
    return F.interpolate(picture, (side, side), mode="bilinear", antialias=True)
