"""The source of an edit, as a run needs it: what is kept of it, and where it may change.

Paper: the latent's gradient is zeroed outside the mask (Section 2.5), and the cutouts stay near
the source's embedding (Appendix G.2).
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.editing import source_and_mask
from engine.edits import Edit
from engine.losses import spherical_distance
from engine.models import Models
from engine.pictures import to_tensor
from engine.start_image import scaled

EDGE = 0.1
"""Difference between neighbouring pixels, summed over the channels, from which the source has an
edge there. The demo world's gradients stay below 0.01, the soft edges of its objects above 0.2."""


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
        if mask is not None:
            levels = np.asarray(scaled(mask, size), dtype=np.float32) / 255
            self._mask = torch.from_numpy(levels)[None, None].to(models.device)
            self.free = (F.max_pool2d(self._mask, models.generator.factor) > 0).float()
        self._latent = models.generator.encode(self.picture)
        self._looks = [
            each.encode_image(seen_whole(self.picture, each.input_size))
            for each in models.perceptors
        ]
        self._flat = [torch.exp(-(d.abs().sum(1) / EDGE).square()) for d in _diffs(self.picture)]

    def compose(self, image: Tensor) -> Tensor:
        """`image` (1, 3, H, W) where the mask is white, the source where it is black."""
        if self._mask is None:
            return image
        return torch.lerp(self.picture, image, self._mask)

    def loss(self, image: Tensor, latent: Tensor, embeddings: Sequence[Tensor]) -> Tensor:
        """What the edit's weights cost, given the cutouts' unit vectors (1, N, D) of each CLIP."""
        edit, loss = self._edit, torch.zeros((), device=image.device)
        if edit.keep_latent > 0:
            loss = loss + edit.keep_latent * (latent - self._latent).square().mean()
        if edit.keep_look > 0:
            pairs = zip(embeddings, self._looks, strict=True)
            looks = [spherical_distance(each, look).mean() for each, look in pairs]
            loss = loss + edit.keep_look * torch.stack(looks).mean()
        if edit.keep_edges > 0:
            new = zip(_diffs(image), self._flat, strict=True)
            loss = loss + edit.keep_edges * sum((d.abs().sum(1) * flat).mean() for d, flat in new)
        return loss


def _diffs(image: Tensor) -> tuple[Tensor, Tensor]:
    """Differences (1, 3, ...) between neighbours below each other and beside each other."""
    return image.diff(dim=2), image.diff(dim=3)


def seen_whole(picture: Tensor, side: int) -> Tensor:
    """A whole picture as a perceptor takes it, stretched to a square of `side` pixels."""
    return F.interpolate(picture, (side, side), mode="bilinear", antialias=True)
