"""Runs of VQGAN-CLIP that never end, to train the perceptor on what its own gradient leads to.

A perceptor is asked about pictures that its gradient made. So a stock of latents is optimised
step by step while the perceptor learns, as contrastive divergence does with its chains (Tieleman,
2008); each latent knows the true picture that it should become.
"""

import torch
from torch import Tensor

from engine.demo.claims import Claims
from engine.demo.nearest import NearestPictures
from engine.demo.world import SIDE, alter, render, sample_single_scenes
from engine.models.vqgan import VQGAN
from engine.vqgan_clip.generation import ADAM_BETAS
from engine.vqgan_clip.latents import random_codes

CHAINS = 96
EDIT_SHARE = 0.25
"""How many chains begin with a true picture that one attribute of the prompt contradicts."""
SHORTEST, LONGEST = 30, 150
"""Steps after which a chain begins anew, drawn evenly from this range."""
LEARNING_RATE = 0.3
LEARNING_RATE_END = 0.05
"""Share of the learning rate left after `LONGEST` steps."""
REGULARIZER, REGULARIZER_DECAY = 0.6, 0.01
"""The optimisation is that of the preset for the demo models, without the smoothness."""


class Chains:
    """`CHAINS` latents under way, each with a claim, Adam's moments and an age."""

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
        """Indices (count,) of different chains."""
        return torch.randperm(CHAINS, generator=self._random)[:count]

    def latents(self, chosen: Tensor) -> Tensor:
        """A copy of the latents (B, C, H, W) of the `chosen` (B,) chains."""
        return self._latents[chosen]

    def claims(self, chosen: Tensor) -> Claims:
        """What the `chosen` chains should show."""
        return Claims.of_one_object(*self._wanted[chosen].unbind(1))

    def goals(self, chosen: Tensor, images: Tensor) -> Tensor:
        """The true pictures (B, 3, 64, 64) that `images` of the `chosen` chains should become.

        For a chain that edits a picture, that picture with what the prompt asks for; for the
        others the nearest true picture of the prompt.
        """
        found = self._nearest.find(images, *self._wanted[chosen].unbind(1))
        return torch.where(self._edited[chosen, None, None, None], self._goals[chosen], found)

    def advance(self, chosen: Tensor, gradient: Tensor) -> None:
        """One step of Adam on the `chosen` latents; `gradient` (B, C, H, W) is the loss's."""
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
        """Give the chains `which` (B,) new prompts and new latents."""
        count = len(which)
        if count == 0:
            return
        side = self._latents.shape[-1]
        wanted, edited = sample_single_scenes(count, self._random), self._chance(count, EDIT_SHARE)
        start = alter(wanted, self._random).replace(
            centre=wanted.centre, radius=wanted.radius, angle=wanted.angle
        )
        junk = random_codes((count, side, side), self._vqgan.codebook, self._random)
        encoded = self._vqgan.encode(render(start))
        self._latents[which] = torch.where(edited[:, None, None, None], encoded, junk)
        self._mean[which] = self._square[which] = 0
        self._age[which] = 0
        self._end[which] = torch.randint(SHORTEST, LONGEST, (count,), generator=self._random)
        self._wanted[which] = torch.stack(
            (wanted.shape[:, 0], wanted.colour[:, 0], wanted.background), 1
        )
        self._edited[which] = edited
        self._goals[which] = render(wanted)

    def _chance(self, count: int, share: float) -> Tensor:
        return torch.rand(count, generator=self._random) < share
