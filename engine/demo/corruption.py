"""Spoiled pictures: what a latent looks like while it is being optimised, with the true picture.

A perceptor that has only seen finished pictures has no opinion on unfinished ones. These pairs
teach it one: a picture whose latent was spoiled, and the true picture that it should become.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.captions import Claims, describe, truth
from engine.demo.world import Scenes, alter, render, sample_scenes
from engine.latents import quantize, random_codes
from engine.vqgan import VQGAN

BLOCK = 256
"""Pairs made at a time."""
BLOCKS = 6
"""Blocks kept; the oldest makes room for a new one."""
NEAR_MISS_SHARE = 0.4
"""How often the spoiled picture is of a scene that differs in one attribute from the true one."""
BLOB_CELLS = 4
"""Latent cells between the supports of the smooth noise that cuts out blobs."""


@dataclass(frozen=True)
class Pairs:
    """B pictures, each true and spoiled, with what can be said of the true one."""

    scenes: Scenes
    claims: Claims
    true: Tensor
    """(B, 3, 64, 64) in [0, 1]."""
    spoiled: Tensor
    """(B, 3, 64, 64) in [0, 1]."""


class PairPool:
    """A stock of pairs, renewed block by block."""

    def __init__(self, vqgan: VQGAN, random: torch.Generator) -> None:
        self._vqgan = vqgan
        self._random = random
        self._blocks = [make_pairs(vqgan, BLOCK, random) for _ in range(BLOCKS)]

    def renew(self) -> None:
        """Replace the oldest block."""
        self._blocks.append(make_pairs(self._vqgan, BLOCK, self._random))
        del self._blocks[0]

    def draw(self, count: int) -> Pairs:
        """`count` (at most `BLOCK`) different pairs."""
        block = self._blocks[int(torch.randint(BLOCKS, (), generator=self._random))]
        chosen = torch.randperm(BLOCK, generator=self._random)[:count]
        return Pairs(
            block.scenes[chosen], block.claims[chosen], block.true[chosen], block.spoiled[chosen]
        )


@torch.no_grad()
def make_pairs(vqgan: VQGAN, count: int, random: torch.Generator) -> Pairs:
    """Draw scenes, say something true of each, and spoil each, or a near miss of it."""
    scenes = sample_scenes(count, random)
    claims = describe(scenes, random)
    near = alter(scenes, random)
    missed = torch.rand(count, generator=random) < NEAR_MISS_SHARE
    still_true = missed & truth(claims, near).diagonal()
    pictures, near_pictures = render(scenes), render(near)
    with torch.autocast("cpu", torch.bfloat16):
        latents = vqgan.encode(torch.where(missed[:, None, None, None], near_pictures, pictures))
    latents = spoil(latents.float(), vqgan.codebook, random)
    with torch.autocast("cpu", torch.bfloat16):
        spoiled = vqgan.decode(latents).float().clamp(0, 1)
    true = torch.where(still_true[:, None, None, None], near_pictures, pictures)
    return Pairs(scenes, claims, true, spoiled)


def spoil(latents: Tensor, codebook: Tensor, random: torch.Generator) -> Tensor:
    """Spoil each of `latents` (B, C, H, W) in one of five ways, by a share drawn from [0, 1].

    Single cells or blobs of cells become random codes; the whole latent is drawn towards random
    codes, with or without single cells replaced; blobs come from another picture.
    """
    count, _, height, width = latents.shape
    share = torch.rand(count, 1, 1, 1, generator=random)
    junk = random_codes((count, height, width), codebook, random)
    cells = torch.rand(count, 1, height, width, generator=random) < share
    blobs = _blobs(share, height, width, random)
    drawn = torch.lerp(latents, junk, share)
    others = latents[torch.randperm(count, generator=random)]
    ways = torch.stack(
        (
            torch.where(cells, junk, latents),
            torch.where(blobs, junk, latents),
            drawn,
            torch.where(cells, junk, drawn),
            torch.where(blobs, others, latents),
        )
    )
    chosen = torch.randint(len(ways), (count,), generator=random)
    return quantize(ways[chosen, torch.arange(count)], codebook)


def _blobs(share: Tensor, height: int, width: int, random: torch.Generator) -> Tensor:
    """Masks (B, 1, H, W) of smooth outline that cover `share` (B, 1, 1, 1) of the cells."""
    supports = (len(share), 1, height // BLOB_CELLS + 1, width // BLOB_CELLS + 1)
    noise = torch.randn(supports, generator=random)
    smooth = F.interpolate(noise, (height, width), mode="bicubic", align_corners=True)
    rank = smooth.flatten(1).argsort(1).argsort(1).view_as(smooth)
    return rank < share * height * width
