"""Train the VQGAN that paints scenes.

Its codebook is a fixed grid: every combination of a few values in each dimension (finite scalar
quantization, Mentzer et al., 2024). Codebooks that were learned, from the start or by k-means of an
autoencoder's latents, ended in three dimensions: mean colors without outlines.

More latents are spoiled than for the shapes (`engine.demo.train_vqgan`): the decoder has attention
over the whole latent and learns to make a true picture of a latent of which up to half is random,
so that the outlines of an optimized latent snap to true ones.
"""

from itertools import product
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.corruption import blobs
from engine.demo.optimizer import MATRIX_FACTOR, Optimizer, rate_factor
from engine.demo.parallel import rank, share_gradients
from engine.demo.precision import half_precision
from engine.demo.scene_models.pictures import DrawnScenes
from engine.demo.train_vqgan import COMMITMENT, reconstruction_loss
from engine.models.codebook import random_codes
from engine.models.vqgan import VQGAN, VQGANConfig

LEVELS = (7, 6, 5, 4, 4)
"""Number of values of each dimension of the codes, evenly from -1 to 1."""
CONFIG = VQGANConfig(
    n_embed=prod(LEVELS),
    embed_dim=len(LEVELS),
    z_channels=96,
    ch=32,
    ch_mult=(1, 1, 3),
    num_res_blocks=1,
    attn_resolutions=(),
    resolution=128,
    norm_groups=8,
)
STEPS = 2000
BATCH = 24
"""Crops per step and process, or twice as many as whole pictures."""
CROP = 64
CROP_UNTIL = 0.72
LEARNING_RATE = 1.2e-3
"""Highest learning rate of AdamW."""
PLAIN_UNTIL = 0.06
"""Share of the run in which noise of the same size stands for the quantization."""
CORRUPT_FROM = 0.72
MAX_CORRUPTION = 0.5
CORRUPTED_SHARE = 0.4
"""Share of pictures whose latents are spoiled."""


class VQGANLesson:
    """A VQGAN in training."""

    def __init__(self, scenes: DrawnScenes, seed: int, steps: int = STEPS) -> None:
        self._scenes, self._seed, self.steps = scenes, seed, steps
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.model = VQGAN(CONFIG).to(memory_format=torch.channels_last)  # pyright: ignore
        self.model.codebook.data.copy_(grid())
        self.model.codebook.requires_grad_(False)
        trained = (each for each in self.model.named_parameters() if each[1].requires_grad)
        self.optimizer = Optimizer(
            trained, matrix_rate=MATRIX_FACTOR * LEARNING_RATE, other_rate=LEARNING_RATE
        )
        self.average = torch.optim.swa_utils.AveragedModel(
            self.model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995)
        )

    def step(self, number: int) -> dict[str, float]:
        """Take one step; its random numbers depend only on the seed, the process and `number`."""
        random = torch.Generator().manual_seed(self._seed + 7919 * number + 104729 * rank())
        progress = number / self.steps
        images = self._draw(random, cropped=progress < CROP_UNTIL)
        with half_precision():
            latents = self.model.encode(images)
        latents = latents.float()
        codebook = self.model.codebook.detach()
        nearest = nearest_in_grid(latents.detach(), codebook)
        losses = {"commitment": COMMITMENT * F.mse_loss(latents, nearest)}
        if progress < PLAIN_UNTIL:
            gaps = 2 / (torch.tensor(LEVELS).view(1, -1, 1, 1) - 1)
            noise = torch.rand(latents.shape, generator=random) - 0.5
            seen = latents.clamp(-1, 1) + gaps * noise
        else:
            seen = latents + (nearest - latents).detach()
            if progress > CORRUPT_FROM:
                seen = corrupt(seen, codebook, random)
        losses["reconstruction"] = reconstruction_loss(self._decode(seen), images)
        self.optimizer.zero_grad()
        sum(losses.values(), torch.zeros(())).backward()
        share_gradients(self.optimizer.parameters)
        self.optimizer.step(rate_factor(progress))
        self.average.update_parameters(self.model)
        return {name: each.item() for name, each in losses.items()}

    @torch.no_grad()
    def finished(self) -> VQGAN:
        """Return a copy with averaged weights, whose codes have a standard deviation of 1.

        So the learning rates of presets mean the same for it as for other models.
        """
        model = VQGAN(CONFIG)
        model.load_state_dict(self.average.module.state_dict())
        scale = model.codebook.std()
        for values in (model.codebook, *model.quant_conv.parameters()):
            values.div_(scale)
        model.post_quant_conv.weight.mul_(scale)
        return model.eval()

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _draw(self, random: torch.Generator, *, cropped: bool) -> Tensor:
        images = self._scenes.sample(BATCH if cropped else BATCH // 2, random)[0]
        if cropped:
            limit = images.shape[-1] - CROP + 1
            x, y = torch.randint(0, limit, (2,), generator=random).tolist()
            images = images[:, :, y : y + CROP, x : x + CROP]
        return images.contiguous(memory_format=torch.channels_last)

    def _decode(self, latents: Tensor) -> Tensor:
        with half_precision():
            return self.model.decode(latents).float()


def grid() -> Tensor:
    """Return the codebook (n_embed, embed_dim): every combination of values in [-1, 1]."""
    values = [torch.linspace(-1, 1, count).tolist() for count in LEVELS]
    return torch.tensor(list(product(*values)))


@torch.no_grad()
def nearest_in_grid(latents: Tensor, codebook: Tensor) -> Tensor:
    """Return the code nearest to each cell of `latents` (N, C, H, W), as `quantize` would.

    Rounding each dimension takes a fraction of the time of a search among all codes.
    """
    levels = torch.tensor(LEVELS).view(1, -1, 1, 1)
    low, high = (each.view(1, -1, 1, 1) for each in torch.aminmax(codebook, dim=0))
    gaps = (high - low) / (levels - 1)
    steps = ((latents - low) / gaps).round().clamp(min=0).minimum(levels - 1)
    return low + steps * gaps


def corrupt(latents: Tensor, codebook: Tensor, random: torch.Generator) -> Tensor:
    """Replace cells or blobs of cells of a share of `latents` (N, C, H, W) by random codes.

    Blobs come in half of the cases from another latent.
    """
    count, _, height, width = latents.shape
    share = MAX_CORRUPTION * torch.rand(count, 1, 1, 1, generator=random)
    share[torch.rand(count, generator=random) > CORRUPTED_SHARE] = 0
    cells = torch.rand(count, 1, height, width, generator=random) < share
    areas = blobs(share, height, width, random)
    junk = random_codes((count, height, width), codebook, random)
    others = latents[torch.randperm(count, generator=random)]
    kind = torch.randint(4, (count, 1, 1, 1), generator=random)
    spoiled = torch.where(kind == 0, torch.where(areas, others, latents), latents)
    spoiled = torch.where(kind == 1, torch.where(areas, junk, latents), spoiled)
    return torch.where(kind >= 2, torch.where(cells, junk, latents), spoiled)
