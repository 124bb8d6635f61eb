"""Pairs of a spoiled picture, like one from an unfinished run, and the true picture.

A perceptor that has seen only finished pictures cannot judge unfinished ones. These pairs teach it:
a picture whose latent was spoiled, and the true picture that it should become.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.claims import Claims, describe, truth
from engine.demo.world import (
    SIDE,
    Rows,
    Scenes,
    alter,
    coverage,
    gathered,
    outline_distances,
    render,
    sample_scenes,
    sample_single_scenes,
)
from engine.models.codebook import quantize, random_codes
from engine.models.vqgan import VQGAN

BLOCK = 256
"""Number of pairs made at a time."""
BLOCKS = 6
"""Number of blocks in the pool; a new one replaces the oldest."""
TYPICAL_SHARE, TYPICAL_SPREAD = 0.6, 0.25
"""Share of scenes whose object is close to the typical place and size, and its distance from there
relative to other scenes. Without this, noise could become any object anywhere, which teaches
nothing."""
RENEW_EVERY = 32
"""Number of draws between two new blocks."""
MOST_OFF_CENTER, MOST_OFF_SIZE = 0.04, 0.25
"""Maximum error of a wrong outline's center, in sides of the picture, and of its radius, in
radii."""
MOST_WARPED = 3.0
"""Root mean square in pixels by which the strongest smooth noise moves an outline."""
LIGHT_SPOIL = 0.3
"""Maximum share of spoiling for pictures with a wrong outline."""
NEAR_MISS_SHARE = 0.4
"""Share of spoiled pictures that show a scene with one attribute different from the true one."""
SUPPORTS = 5
"""Number of points along each axis between which noise is interpolated."""


@dataclass(frozen=True)
class Pairs(Rows):
    """B pictures, each true and spoiled, with claims about the true one."""

    scenes: Scenes
    claims: Claims
    true: Tensor
    """True pictures (B, 3, 64, 64) in [0, 1]."""
    spoiled: Tensor
    """Spoiled pictures (B, 3, 64, 64) in [0, 1]."""


class PairPool:
    """A pool of pairs, renewed block by block; in `outline_share` only the outline is wrong."""

    def __init__(self, vqgan: VQGAN, random: torch.Generator, outline_share: float) -> None:
        self._vqgan = vqgan
        self._random = random
        self._outlines = round(outline_share * BLOCK)
        self._drawn = 0
        self._blocks = [self._make_block() for _ in range(BLOCKS)]

    def draw(self, count: int) -> Pairs:
        """Draw `count` (at most `BLOCK`) different pairs."""
        self._drawn += 1
        if self._drawn % RENEW_EVERY == 0:
            self._blocks = [*self._blocks[1:], self._make_block()]
        block = self._blocks[int(torch.randint(BLOCKS, (), generator=self._random))]
        chosen = torch.randperm(BLOCK, generator=self._random)[:count]
        return block[chosen]

    def _make_block(self) -> Pairs:
        spoiled = make_spoiled_pairs(self._vqgan, BLOCK - self._outlines, self._random)
        if self._outlines == 0:
            return spoiled
        outlines = make_outline_pairs(self._vqgan, self._outlines, self._random)
        return outlines.followed_by(spoiled)


@torch.no_grad()
def make_outline_pairs(vqgan: VQGAN, count: int, random: torch.Generator) -> Pairs:
    """Draw scenes of one object with a claim about its shape, and give it a wrong outline.

    The wrong outline lies between the true one and that of a random shape, moved by smooth noise.
    """
    spread = draw_spread(count, random)
    scenes = gathered(sample_single_scenes(count, random), spread)
    claims = replace(describe(scenes, random), shape=scenes.shape)
    other = gathered(sample_single_scenes(count, random), spread)
    off = torch.rand(count, 2, 2, generator=random) * 2 - 1
    size = 1 + MOST_OFF_SIZE * (torch.rand(count, 2, generator=random) * 2 - 1)
    other = other.replace(center=scenes.center + MOST_OFF_CENTER * off, radius=scenes.radius * size)
    share = torch.rand(count, 1, 1, 1, generator=random)
    noise = smooth_noise(count, SIDE, SIDE, random) * torch.rand(count, 1, 1, 1, generator=random)
    distances = torch.lerp(outline_distances(scenes), outline_distances(other), share)
    wrong = render(scenes, coverage(distances + MOST_WARPED * noise))
    with torch.autocast("cpu", torch.bfloat16):
        latents = vqgan.encode(wrong).float()
    amount = LIGHT_SPOIL * torch.rand(count, 1, 1, 1, generator=random)
    spoiled = _decode(vqgan, spoil(latents, amount, vqgan.codebook, random))
    return Pairs(scenes, claims, render(scenes), spoiled)


@torch.no_grad()
def make_spoiled_pairs(vqgan: VQGAN, count: int, random: torch.Generator) -> Pairs:
    """Draw scenes with true claims, and spoil each scene or a near miss of it."""
    spread = draw_spread(count, random)
    scenes = sample_scenes(count, random)
    near = gathered(alter(scenes, random), spread)
    scenes = gathered(scenes, spread)
    claims = describe(scenes, random)
    missed = torch.rand(count, generator=random) < NEAR_MISS_SHARE
    still_true = missed & truth(claims, near).diagonal()
    pictures, near_pictures = render(scenes), render(near)
    with torch.autocast("cpu", torch.bfloat16):
        latents = vqgan.encode(torch.where(missed[:, None, None, None], near_pictures, pictures))
    share = torch.rand(count, 1, 1, 1, generator=random)
    spoiled = _decode(vqgan, spoil(latents.float(), share, vqgan.codebook, random))
    true = torch.where(still_true[:, None, None, None], near_pictures, pictures)
    return Pairs(scenes.replaced_where(still_true, near), claims, true, spoiled)


def draw_spread(count: int, random: torch.Generator) -> Tensor:
    """Draw how far (count,) scenes may be from typical ones; most stay close."""
    typical = torch.rand(count, generator=random) < TYPICAL_SHARE
    return torch.where(typical, TYPICAL_SPREAD, 1.0)


def _decode(vqgan: VQGAN, latents: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return vqgan.decode(latents).float().clamp(0, 1)


def spoil(latents: Tensor, share: Tensor, codebook: Tensor, random: torch.Generator) -> Tensor:
    """Spoil each of `latents` (B, C, H, W) in one of five ways, by `share` (B, 1, 1, 1) in [0, 1].

    Cells or blobs of cells become random codes, the whole latent is interpolated towards random
    codes (with or without replaced cells), or blobs come from another picture.
    """
    count, _, height, width = latents.shape
    junk = random_codes((count, height, width), codebook, random)
    cells = torch.rand(count, 1, height, width, generator=random) < share
    areas = blobs(share, height, width, random)
    drawn = torch.lerp(latents, junk, share)
    others = latents[torch.randperm(count, generator=random)]
    ways = (
        torch.where(cells, junk, latents),
        torch.where(areas, junk, latents),
        drawn,
        torch.where(cells, junk, drawn),
        torch.where(areas, others, latents),
    )
    chosen = torch.randint(len(ways), (count,), generator=random)
    return quantize(torch.stack(ways)[chosen, torch.arange(count)], codebook)


def blobs(share: Tensor, height: int, width: int, random: torch.Generator) -> Tensor:
    """Draw masks (B, 1, H, W) with smooth outlines that cover `share` (B, 1, 1, 1) of the cells."""
    noise = smooth_noise(len(share), height, width, random)
    rank = noise.flatten(1).argsort(1).argsort(1).view_as(noise)
    return rank < share * height * width


def smooth_noise(count: int, height: int, width: int, random: torch.Generator) -> Tensor:
    """Draw noise (count, 1, height, width) of unit variance at its supports, smooth in between."""
    supports = torch.randn(count, 1, SUPPORTS, SUPPORTS, generator=random)
    return F.interpolate(supports, (height, width), mode="bicubic", align_corners=True)
