"""Pairs of a spoiled scene, like one from an unfinished run, and the true one it should become."""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.demo.corruption import spoil
from engine.demo.scene_models.attributes import Attributes, said_of
from engine.demo.scene_models.pictures import DrawnScenes
from engine.demo.world import Rows
from engine.models.vqgan import VQGAN

BLOCK, BLOCKS = 96, 8
"""Number of pairs made at a time, and number of such blocks in the pool."""
RENEW_EVERY = 24
"""Number of draws between two new blocks."""
NEAR_MISS_SHARE = 0.35
"""Share of pairs whose spoiled picture is that of a similar scene."""


@dataclass(frozen=True)
class ScenePairs(Rows):
    """B pictures, each true and spoiled, with claims about the true one."""

    shown: Attributes
    claims: Attributes
    true: Tensor
    """True pictures (B, 3, 128, 128), RGB bytes."""
    spoiled: Tensor
    """Spoiled pictures (B, 3, 128, 128), RGB bytes."""


class ScenePairPool:
    """A pool of pairs, renewed block by block."""

    def __init__(self, vqgan: VQGAN, scenes: DrawnScenes, random: torch.Generator) -> None:
        self._vqgan, self._scenes = vqgan, scenes
        self._drawn = 0
        self._blocks = [self._make_block(random) for _ in range(BLOCKS)]

    def draw(self, count: int, random: torch.Generator) -> ScenePairs:
        """Draw `count` (at most `BLOCK`) different pairs."""
        self._drawn += 1
        if self._drawn % RENEW_EVERY == 0:
            self._blocks = [*self._blocks[1:], self._make_block(random)]
        block = self._blocks[int(torch.randint(BLOCKS, (), generator=random))]
        return block[torch.randperm(BLOCK, generator=random)[:count]]

    @torch.no_grad()
    def _make_block(self, random: torch.Generator) -> ScenePairs:
        scenes = self._scenes
        true, core, variant, mirrored = scenes.sample(BLOCK, random)
        shown = scenes.shows(core, variant, mirrored)
        claims = said_of(shown, random)
        missed = torch.rand(BLOCK, generator=random) < NEAR_MISS_SHARE
        source = true.clone()
        other = scenes.similar_core(core[missed], random)
        source[missed] = scenes.picture(other, variant[missed], mirrored[missed])
        near_variant, near_mirrored = scenes.nearest(core[missed], claims[missed], source[missed])
        true[missed] = scenes.picture(core[missed], near_variant, near_mirrored)
        shown = scenes.shows(
            core, variant.masked_scatter(missed, near_variant),
            mirrored.masked_scatter(missed, near_mirrored),
        )  # fmt: skip
        spoiled = torch.cat([self._spoil(each, random) for each in source.split(32)])
        return ScenePairs(shown, claims, as_bytes(true), as_bytes(spoiled))

    def _spoil(self, pictures: Tensor, random: torch.Generator) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            latents = self._vqgan.encode(pictures).float()
            share = torch.rand(len(pictures), 1, 1, 1, generator=random)
            latents = spoil(latents, share, self._vqgan.codebook, random)
            return self._vqgan.decode(latents).float()


def as_bytes(pictures: Tensor) -> Tensor:
    """Return pictures in [0, 1] as RGB bytes."""
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8)
