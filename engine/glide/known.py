"""The known part of a picture that GLIDE changes within a mask (Nichol et al., 2021, Section 2)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.errors import RecipeError
from engine.glide.config import KNOWN_CHANNELS
from engine.models.tensors import to_tensor
from engine.recipes.edit import Edit, kept_weights
from engine.recipes.start_image import scaled, source_and_mask


@dataclass(frozen=True)
class Known:
    """What is known of a picture at one size."""

    picture: Tensor
    """The picture to change, (1, 3, side, side) in [-1, 1]."""
    where: Tensor
    """1 where it stays, 0 where it changes, (1, 1, side, side)."""

    @classmethod
    def of_edit(cls, edit: Edit, side: int, device: torch.device) -> "Known":
        """Read what an edit keeps, stretched to a square; pixels that change a little change.

        Raises:
            PictureError: One of the edit's files is not a picture.
            RecipeError: The edit has no mask, or keeps more than what is outside of it.
        """
        source, mask = source_and_mask(edit)
        if mask is None:
            raise RecipeError("GLIDE changes a picture within a mask only: mark what to change")
        if kept_weights(edit):
            raise RecipeError(
                "GLIDE keeps what is outside the mask and nothing else: leave out what else to keep"
            )
        size = (side, side)
        picture = 2 * to_tensor(scaled(source, size)) - 1
        stays = np.asarray(scaled(mask, size)) == 0
        return cls(picture.to(device), torch.from_numpy(stays)[None, None].float().to(device))

    def paste(self, estimate: Tensor) -> Tensor:
        """Return an estimate (N, 3, side, side) with the known part of the picture."""
        return torch.lerp(estimate, self.picture, self.where)

    def channels(self, count: int) -> Tensor:
        """Return what an inpainting model sees of it, (count, 4, side, side)."""
        seen = torch.cat((self.picture * self.where, self.where), 1)
        return seen.expand(count, -1, -1, -1)


def nothing_known(side: int, device: torch.device) -> Known:
    """Return what is known of a new picture."""
    zeros = torch.zeros(1, KNOWN_CHANNELS, side, side, device=device)
    return Known(zeros[:, :-1], zeros[:, -1:])
