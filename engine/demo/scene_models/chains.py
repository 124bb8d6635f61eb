"""Persistent runs of VQGAN-CLIP on scenes, to train the perceptor on pictures it leads to.

`engine.demo.running_latents` explains them. The goal of a chain is the variant of its core, drawn
in advance, that is most similar to what it shows at the moment.
"""

from typing import Any

import torch
from torch import Tensor

from engine.demo.precision import half_precision
from engine.demo.running_latents import RunningLatents
from engine.demo.scene_models.attributes import Attributes, said_of
from engine.demo.scene_models.pictures import DrawnScenes
from engine.demo.scene_models.vqgan import nearest_in_grid
from engine.models.codebook import random_codes
from engine.models.vqgan import VQGAN

CHAINS = 24
"""Number of chains of each process."""
EDIT_SHARE = 0.2
"""Share of chains that start from the picture of another core."""


class Chains:
    """A pool of `CHAINS` latents, each with a core and a claim."""

    def __init__(self, vqgan: VQGAN, scenes: DrawnScenes, random: torch.Generator) -> None:
        side = 128 // vqgan.factor
        self._vqgan, self._scenes = vqgan, scenes
        self._running = RunningLatents(CHAINS, (vqgan.codebook.shape[1], side, side))
        self._core = torch.zeros(CHAINS, dtype=torch.long)
        every = torch.arange(CHAINS)
        self._claims = self._said(every * 0, random)
        self._begin(every, random)

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes."""
        running = self._running.state_dict()
        return {"running": running, "core": self._core, "claims": vars(self._claims)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self._running.load_state_dict(state["running"])
        self._core, self._claims = state["core"], Attributes(**state["claims"])

    def latents(self, chosen: Tensor) -> Tensor:
        """Return a copy of the latents (B, C, H, W) of the `chosen` (B,) chains."""
        return self._running.latents[chosen]

    def decode(self, latents: Tensor) -> Tensor:
        """Return the pictures (B, 3, 128, 128) of quantized latents, about in [0, 1]."""
        nearest = nearest_in_grid(latents.detach(), self._vqgan.codebook)
        straight_through = nearest + (latents - latents.detach())
        with half_precision():
            return self._vqgan.decode(straight_through).float()

    def claims(self, chosen: Tensor) -> Attributes:
        """Return what the `chosen` chains should show."""
        return self._claims[chosen]

    def goals(self, chosen: Tensor, images: Tensor) -> tuple[Tensor, Attributes, Tensor]:
        """Return the true pictures nearest to `images`, what they show, and where things are.

        Returns:
            Pictures (B, 3, 128, 128), attributes (B), and masks (B, 1, 32, 32).
        """
        core = self._core[chosen]
        which = core, self._scenes.nearest(core, self._claims[chosen], images)
        scenes = self._scenes
        return scenes.picture(*which), scenes.shows(*which), scenes.mask(*which)

    def advance(self, chosen: Tensor, gradient: Tensor, random: torch.Generator) -> None:
        """Take a step of Adam on the `chosen` latents, with the loss's `gradient` (B, C, H, W)."""
        self._begin(self._running.advance(chosen, gradient), random)

    def _said(self, core: Tensor, random: torch.Generator) -> Attributes:
        shown = self._scenes.shows(core, self._scenes.draw_variants(core, random))
        return said_of(shown, random)

    @torch.no_grad()
    def _begin(self, which: Tensor, random: torch.Generator) -> None:
        """Restart the chains `which` (B,) with new prompts and latents."""
        count = len(which)
        if count == 0:
            return
        side = self._running.latents.shape[-1]
        core = self._scenes.draw_cores((count,), random)
        claims = self._said(core, random)
        latents = random_codes((count, side, side), self._vqgan.codebook, random)
        edited = torch.rand(count, generator=random) < EDIT_SHARE
        if edited.any():
            other = self._scenes.similar_core(core[edited], random)
            pictures = self._scenes.picture(other, torch.zeros_like(other))
            with half_precision():
                latents[edited] = self._vqgan.encode(pictures).float()
        self._running.start(which, latents, random)
        self._core[which] = core
        for name, values in vars(claims).items():
            getattr(self._claims, name)[which] = values
