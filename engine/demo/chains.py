"""Persistent runs of VQGAN-CLIP, to train the perceptor on pictures that its gradient leads to.

When painting, a perceptor sees pictures that its own gradient made. So a pool of latents is
optimized step by step while the perceptor learns, like the chains of persistent contrastive
divergence (Tieleman, 2008). Each latent has a true picture as its goal.
"""

import torch
from torch import Tensor

from engine.demo.claims import Claims
from engine.demo.nearest import NearestPictures
from engine.demo.world import SIDE, alter, render, sample_single_scenes
from engine.models.codebook import random_codes
from engine.models.vqgan import VQGAN
from engine.vqgan_clip.generation import ADAM_BETAS

CHAINS = 96
"""Number of chains."""
EDIT_SHARE = 0.25
"""Share of chains that start from a true picture of which the prompt changes one attribute."""
SHORTEST, LONGEST = 30, 150
"""Range of the number of steps after which a chain restarts, drawn uniformly."""
LEARNING_RATE = 0.3
LEARNING_RATE_END = 0.05
"""Share of the learning rate left after `LONGEST` steps."""
REGULARIZER, REGULARIZER_DECAY = 0.6, 0.01
"""Weight of the regularizer and its decay per step, as in the preset for the demo models."""


class Chains:
    """A pool of `CHAINS` latents, each with a claim, Adam's moments and an age."""

    def __init__(self, vqgan: VQGAN, random: torch.Generator) -> None:
        side = SIDE // vqgan.factor
        self._vqgan = vqgan
        self._random = random
        self._nearest = NearestPictures(random)
        self._latents = torch.zeros(CHAINS, vqgan.codebook.shape[1], side, side)
        self._mean = torch.zeros_like(self._latents)
        self._square = torch.zeros_like(self._latents)
        self._age = torch.zeros(CHAINS, dtype=torch.long)
        self._end = torch.zeros(CHAINS, dtype=torch.long)
        self._wanted = torch.zeros(CHAINS, 3, dtype=torch.long)
        self._edited = torch.zeros(CHAINS, dtype=torch.bool)
        self._goals = torch.zeros(CHAINS, 3, SIDE, SIDE)
        self._begin(torch.arange(CHAINS))

    def draw(self, count: int) -> Tensor:
        """Draw the indices (count,) of different chains."""
        return torch.randperm(CHAINS, generator=self._random)[:count]

    def latents(self, chosen: Tensor) -> Tensor:
        """Return a copy of the latents (B, C, H, W) of the `chosen` (B,) chains."""
        return self._latents[chosen]

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
        age = self._age[chosen].view(-1, 1, 1, 1)
        latents = self._latents[chosen]
        alpha = REGULARIZER * (1 - REGULARIZER_DECAY) ** age
        gradient = gradient + alpha * 2 * latents / latents[0].numel()
        mean = torch.lerp(gradient, self._mean[chosen], ADAM_BETAS[0])
        square = torch.lerp(gradient.square(), self._square[chosen], ADAM_BETAS[1])
        self._mean[chosen], self._square[chosen] = mean, square
        mean = mean / (1 - ADAM_BETAS[0] ** (age + 1))
        square = square / (1 - ADAM_BETAS[1] ** (age + 1))
        remaining = (1 + torch.cos(torch.pi * age / LONGEST)) / 2
        rate = LEARNING_RATE * (LEARNING_RATE_END + (1 - LEARNING_RATE_END) * remaining)
        self._latents[chosen] = latents - rate * mean / (square.sqrt() + 1e-8)
        self._age[chosen] += 1
        self._begin(chosen[self._age[chosen] >= self._end[chosen]])

    @torch.no_grad()
    def _begin(self, which: Tensor) -> None:
        """Restart the chains `which` (B,) with new prompts and latents."""
        count = len(which)
        if count == 0:
            return
        side = self._latents.shape[-1]
        wanted, edited = sample_single_scenes(count, self._random), self._chance(count, EDIT_SHARE)
        start = alter(wanted, self._random).replace(
            center=wanted.center, radius=wanted.radius, angle=wanted.angle
        )
        junk = random_codes((count, side, side), self._vqgan.codebook, self._random)
        encoded = self._vqgan.encode(render(start))
        self._latents[which] = torch.where(edited[:, None, None, None], encoded, junk)
        self._mean[which] = self._square[which] = 0
        self._age[which] = 0
        self._end[which] = torch.randint(SHORTEST, LONGEST, (count,), generator=self._random)
        self._wanted[which] = torch.stack(
            (wanted.shape[:, 0], wanted.color[:, 0], wanted.background), 1
        )
        self._edited[which] = edited
        self._goals[which] = render(wanted)

    def _chance(self, count: int, share: float) -> Tensor:
        return torch.rand(count, generator=self._random) < share
