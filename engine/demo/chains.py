"""Persistent runs of VQGAN-CLIP on shapes, to train the perceptor on pictures it leads to.

`engine.demo.running_latents` explains them. Each has a true picture as its goal.
"""

import torch
from torch import Tensor

from engine.demo.claims import Claims
from engine.demo.nearest import NearestPictures
from engine.demo.running_latents import RunningLatents
from engine.demo.world import SIDE, alter, render, sample_single_scenes
from engine.models.codebook import random_codes
from engine.models.vqgan import VQGAN

CHAINS = 96
"""Number of chains."""
REGULARIZER = 0.6
"""Weight of the regularizer, as in the preset for the shapes."""
EDIT_SHARE = 0.25
"""Share of chains that start from a true picture of which the prompt changes one attribute."""


class Chains:
    """A pool of `CHAINS` latents, each with a claim."""

    def __init__(self, vqgan: VQGAN, random: torch.Generator) -> None:
        side = SIDE // vqgan.factor
        self._vqgan = vqgan
        self._random = random
        self._nearest = NearestPictures(random)
        shape = (vqgan.codebook.shape[1], side, side)
        self._running = RunningLatents(CHAINS, shape, REGULARIZER)
        self._wanted = torch.zeros(CHAINS, 3, dtype=torch.long)
        self._edited = torch.zeros(CHAINS, dtype=torch.bool)
        self._goals = torch.zeros(CHAINS, 3, SIDE, SIDE)
        self._begin(torch.arange(CHAINS))

    def draw(self, count: int) -> Tensor:
        """Draw the indices (count,) of different chains."""
        return torch.randperm(CHAINS, generator=self._random)[:count]

    def latents(self, chosen: Tensor) -> Tensor:
        """Return a copy of the latents (B, C, H, W) of the `chosen` (B,) chains."""
        return self._running.latents[chosen]

    def claims(self, chosen: Tensor) -> Claims:
        """Return what the `chosen` chains should show."""
        return Claims.of_one_object(*self._wanted[chosen].unbind(1))

    def goals(self, chosen: Tensor, images: Tensor) -> Tensor:
        """Return the true pictures (B, 3, 64, 64) that are the goals of `chosen` chains' `images`.

        For a chain that edits a picture, it is that picture with the attribute that the prompt
        asks for. For others it is the nearest true picture of the prompt.
        """
        found = self._nearest.find(images, *self._wanted[chosen].unbind(1))
        return torch.where(self._edited[chosen, None, None, None], self._goals[chosen], found)

    def advance(self, chosen: Tensor, gradient: Tensor) -> None:
        """Take a step of Adam on the `chosen` latents, with the loss's `gradient` (B, C, H, W)."""
        self._begin(self._running.advance(chosen, gradient))

    @torch.no_grad()
    def _begin(self, which: Tensor) -> None:
        """Restart the chains `which` (B,) with new prompts and latents."""
        count = len(which)
        if count == 0:
            return
        side = self._running.latents.shape[-1]
        wanted, edited = sample_single_scenes(count, self._random), self._chance(count, EDIT_SHARE)
        start = alter(wanted, self._random).replace(
            center=wanted.center, radius=wanted.radius, angle=wanted.angle
        )
        junk = random_codes((count, side, side), self._vqgan.codebook, self._random)
        encoded = self._vqgan.encode(render(start))
        latents = torch.where(edited[:, None, None, None], encoded, junk)
        self._running.start(which, latents, self._random)
        self._wanted[which] = torch.stack(
            (wanted.shape[:, 0], wanted.color[:, 0], wanted.background), 1
        )
        self._edited[which] = edited
        self._goals[which] = render(wanted)

    def _chance(self, count: int, share: float) -> Tensor:
        return torch.rand(count, generator=self._random) < share
