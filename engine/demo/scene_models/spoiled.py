"""Pairs of a spoiled scene, like one from an unfinished run, and the true one it should become."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.corruption import blobs, smooth_noise, spoil
from engine.demo.precision import half_precision
from engine.demo.scene_models.attributes import Attributes, said_of
from engine.demo.scene_models.pictures import MASK_SIDE, DrawnScenes
from engine.demo.world import Rows
from engine.models.vqgan import VQGAN

BLOCK, BLOCKS = 96, 4
"""Number of pairs made at a time, and number of such blocks in the pool."""
RENEW_EVERY = 24
"""Number of draws between two new blocks. What is seen often is learned by heart; with twelve pairs
a step, each is seen three times."""
NEAR_MISS_SHARE, THING_SHARE = 0.25, 0.45
"""Shares of pairs whose spoiled picture is that of a similar scene, and of those in which only the
things are spoiled."""
WARPED = 0.07
"""Standard deviation by which the strongest noise moves the outlines of things, in halves of the
picture's side."""
LIGHT_SPOIL = 0.35
"""Maximum share of spoiling beside a warp."""


@dataclass(frozen=True)
class ScenePairs(Rows):
    """B pictures, each true and spoiled, with claims about the true one."""

    shown: Attributes
    claims: Attributes
    true: Tensor
    """True pictures (B, 3, 128, 128), RGB bytes."""
    spoiled: Tensor
    """Spoiled pictures (B, 3, 128, 128), RGB bytes."""
    things: Tensor
    """Where things are in the true pictures (B, 1, 32, 32), in [0, 1]."""


class ScenePairPool:
    """A pool of pairs, renewed block by block."""

    def __init__(self, vqgan: VQGAN, scenes: DrawnScenes) -> None:
        self._vqgan, self._scenes = vqgan, scenes
        self._drawn = 0
        self._blocks: list[ScenePairs] = []

    def draw(self, count: int, random: torch.Generator) -> ScenePairs:
        """Draw `count` (at most `BLOCK`) different pairs."""
        if not self._blocks:  # a training that goes on does not see its first pairs again
            self._blocks = [self._make_block(random) for _ in range(BLOCKS)]
        self._drawn += 1
        if self._drawn % RENEW_EVERY == 0:
            self._blocks = [*self._blocks[1:], self._make_block(random)]
        block = self._blocks[int(torch.randint(BLOCKS, (), generator=random))]
        chosen = torch.randperm(BLOCK, generator=random)
        return _mixed(block[chosen[:count]], block[chosen.roll(1)[:count]].spoiled, random)

    @torch.no_grad()
    def _make_block(self, random: torch.Generator) -> ScenePairs:
        scenes = self._scenes
        true, core, variant = scenes.sample(BLOCK, random)
        shown = scenes.shows(core, variant)
        claims = said_of(shown, random)
        kind = torch.rand(BLOCK, generator=random)
        missed = kind < NEAR_MISS_SHARE
        inner = ~missed & (kind < NEAR_MISS_SHARE + THING_SHARE) & (shown.kind[:, 0] >= 0)
        source = true.clone()
        other = scenes.similar_core(core[missed], random)
        source[missed] = scenes.picture(other, variant[missed])
        near = scenes.nearest(core[missed], claims[missed], source[missed])
        true[missed] = scenes.picture(core[missed], near)
        variant = variant.masked_scatter(missed, near)
        things = scenes.mask(core, variant)
        parts = [
            self._spoil(source[part], things[part], inner[part], random)
            for part in torch.arange(BLOCK).split(32)
        ]
        return ScenePairs(
            scenes.shows(core, variant),
            claims,
            as_bytes(true),
            as_bytes(torch.cat(parts)),
            things,
        )

    def _spoil(
        self, pictures: Tensor, things: Tensor, inner: Tensor, random: torch.Generator
    ) -> Tensor:
        """Spoil latents everywhere, or around the things where `inner` (B,) says so.

        Half of the latter are warped as well, and spoiled less.
        """
        count = len(pictures)
        around = F.max_pool2d(things, 5, 1, 2).gt(0.05)
        warped = inner & (torch.rand(count, generator=random) < 0.5)
        pictures = torch.where(
            warped[:, None, None, None], _warp(pictures, around, random), pictures
        )
        share = torch.rand(count, 1, 1, 1, generator=random)
        share = torch.where(warped[:, None, None, None], LIGHT_SPOIL * share, share)
        with half_precision():
            latents = self._vqgan.encode(pictures).float()
            junk = spoil(latents, share, self._vqgan.codebook, random)
            where = F.interpolate(around.float(), latents.shape[2:]) > 0.5
            junk = torch.where(inner[:, None, None, None] & ~where, latents, junk)
            return self._vqgan.decode(junk).float()


def _mixed(pairs: ScenePairs, spoiled: Tensor, random: torch.Generator) -> ScenePairs:
    """Put parts of other spoiled pictures (B, 3, 128, 128) into half of the true ones.

    Making a pair takes as long as learning from it. Mixed ones cost nothing, and nobody can know a
    pair by what spoils it. The parts are where the true picture's things are, or anywhere.
    """
    count = len(spoiled)
    mix, near = (torch.rand(2, count, 1, 1, 1, generator=random) < 0.5).unbind()
    share = torch.rand(count, 1, 1, 1, generator=random)
    anywhere = blobs(share, MASK_SIDE, MASK_SIDE, random)
    around = F.max_pool2d(pairs.things, 5, 1, 2).gt(0.05)
    near = near & (around.sum((1, 2, 3), keepdim=True) > 0)
    parts = torch.where(near, around, anywhere).float()
    parts = F.interpolate(parts, spoiled.shape[2:], mode="bilinear")
    mixed = torch.lerp(pairs.true.float(), spoiled.float(), parts).round().to(torch.uint8)
    return replace(pairs, spoiled=torch.where(mix, mixed, pairs.spoiled))


def _warp(pictures: Tensor, around: Tensor, random: torch.Generator) -> Tensor:
    """Move pixels near things about by smooth noise."""
    count, _, side, _ = pictures.shape
    noise = smooth_noise(2 * count, side, side, random).view(count, 2, side, side)
    reach = WARPED * torch.rand(count, 1, 1, 1, generator=random)
    near = F.interpolate(F.avg_pool2d(around.float(), 3, 1, 1), (side, side), mode="bilinear")
    steps = (2 * torch.arange(side) + 1) / side - 1
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"))
    moved = grid + reach * near * noise
    return F.grid_sample(
        pictures, moved.permute(0, 2, 3, 1), padding_mode="reflection", align_corners=False
    )


def as_bytes(pictures: Tensor) -> Tensor:
    """Return pictures in [0, 1] as RGB bytes."""
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8)
