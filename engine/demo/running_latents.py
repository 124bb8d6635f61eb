"""A pool of persistent runs of VQGAN-CLIP, which follow the gradient of a model in training.

When painting, a perceptor sees pictures that its own gradient made. So a pool of latents is
optimized step by step while the perceptor learns, like the chains of persistent contrastive
divergence (Tieleman, 2008).
"""

import torch
from torch import Tensor

from engine.vqgan_clip.generation import ADAM_BETAS

SHORTEST, LONGEST = 30, 150
"""Range of the number of steps after which a run ends, drawn uniformly."""
LEARNING_RATE = 0.3
LEARNING_RATE_END = 0.05
"""Share of the learning rate left after `LONGEST` steps."""
REGULARIZER_DECAY = 0.01
"""Decay of the regularizer's weight per step, as in the preset for the shapes."""


class RunningLatents:
    """A pool of `count` latents of a shape (C, H, W), each with Adam's moments and an age.

    `regularizer` is the weight of the mean square of a latent in its loss (paper, Section 2.4).
    """

    def __init__(self, count: int, shape: tuple[int, int, int], regularizer: float = 0.0) -> None:
        self._regularizer = regularizer
        self.latents = torch.zeros(count, *shape)
        self._mean = torch.zeros_like(self.latents)
        self._square = torch.zeros_like(self.latents)
        self._age = torch.zeros(count, dtype=torch.long)
        self._end = torch.zeros(count, dtype=torch.long)

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that changes."""
        return {name: value for name, value in vars(self).items() if name != "_regularizer"}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue from a state."""
        vars(self).update(state)

    def start(self, which: Tensor, latents: Tensor, random: torch.Generator) -> None:
        """Start the runs `which` (B,) from `latents` (B, C, H, W)."""
        self.latents[which] = latents
        self._mean[which] = self._square[which] = 0
        self._age[which] = 0
        self._end[which] = torch.randint(SHORTEST, LONGEST, which.shape, generator=random)

    def advance(self, chosen: Tensor, gradient: Tensor) -> Tensor:
        """Take a step of Adam on the `chosen` latents, with the loss's `gradient` (B, C, H, W).

        Returns:
            Those of the chosen whose runs have ended.
        """
        age = self._age[chosen].view(-1, 1, 1, 1)
        latents = self.latents[chosen]
        alpha = self._regularizer * (1 - REGULARIZER_DECAY) ** age
        gradient = gradient + alpha * 2 * latents / latents[0].numel()
        mean = torch.lerp(gradient, self._mean[chosen], ADAM_BETAS[0])
        square = torch.lerp(gradient.square(), self._square[chosen], ADAM_BETAS[1])
        self._mean[chosen], self._square[chosen] = mean, square
        mean = mean / (1 - ADAM_BETAS[0] ** (age + 1))
        square = square / (1 - ADAM_BETAS[1] ** (age + 1))
        remaining = (1 + torch.cos(torch.pi * age / LONGEST)) / 2
        rate = LEARNING_RATE * (LEARNING_RATE_END + (1 - LEARNING_RATE_END) * remaining)
        self.latents[chosen] = latents - rate * mean / (square.sqrt() + 1e-8)
        self._age[chosen] += 1
        return chosen[self._age[chosen] >= self._end[chosen]]
