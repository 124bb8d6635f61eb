"""The losses that train the demo diffusion models, those of Nichol and Dhariwal, 2021."""

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.glide.config import TIMESTEPS, UNetConfig
from engine.glide.diffusion import Diffusion, split_prediction
from engine.glide.unet import UNet

MAX_WEIGHT = 50.0
"""Maximum weight of the squared error of the noise. The weight is that of the error of the velocity
(Salimans and Ho, 2022): without it, the noisiest pictures hardly count, in which nothing but the
words tells the colors."""
COARSE_CELLS = (1, 4)
"""Numbers of squares along a side over which the error of the noise counts as a mean, too."""


class DiffusionLosses:
    """The error of the noise that a model finds in pictures, and a term of the bound."""

    def __init__(self, config: UNetConfig, timesteps: int) -> None:
        """Take a model's configuration, and how many timesteps it learns, from the least noisy."""
        diffusion = Diffusion.over(range(TIMESTEPS), config.schedule)
        self._timesteps = timesteps
        self._levels = torch.tensor(diffusion.levels)
        self._betas = torch.tensor(diffusion.betas)
        least = [diffusion.least_log_variance(each) for each in range(TIMESTEPS)]
        self._least = torch.tensor(least)
        before = torch.cat((torch.ones(1), self._levels[:-1]))
        self._of_start = self._betas * before.sqrt() / (1 - self._levels)

    def __call__(
        self,
        model: UNet,
        images: Tensor,
        low: Tensor,
        tokens: Tensor,
        present: Tensor,
        random: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """Add noise to pictures (N, 3, side, side) in [-1, 1], and compute both losses, scalars.

        `low` (N, C, side, side) is what the model sees beside them, `tokens` and `present`
        (N, context) are the captions and where they have tokens.
        """
        timesteps = torch.randint(self._timesteps, (len(images),), generator=random)
        noise = torch.randn(images.shape, generator=random)
        level = self._levels[timesteps, None, None, None]
        noisy = level.sqrt() * images + (1 - level).sqrt() * noise
        seen = torch.cat((noisy, low), 1).contiguous(memory_format=torch.channels_last)
        # The gradient of torch's fused attention is slow on a CPU.
        with torch.autocast("cpu", torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            predicted = model(seen, timesteps, model.encode_text(tokens, present))
        predicted_noise, fraction = split_prediction(predicted)
        weight = (1 / level).clamp(max=MAX_WEIGHT)
        bound = self._bound(noise - predicted_noise.detach(), fraction, level, timesteps)
        return _noise_loss(predicted_noise - noise, weight), bound

    def _bound(self, error: Tensor, fraction: Tensor, level: Tensor, timesteps: Tensor) -> Tensor:
        """Return the Kullback-Leibler divergence of two normal distributions, in nats per value."""
        error = (error * ((1 - level) / level).sqrt()).clamp(-2, 2)
        error = error * self._of_start[timesteps, None, None, None]
        lower = self._least[timesteps, None, None, None]
        share = (fraction + 1) / 2
        upper = self._betas.log()[timesteps, None, None, None]
        variance = share * upper + (1 - share) * lower
        bound = variance - lower - 1 + (lower - variance).exp() + error**2 * (-variance).exp()
        return bound.mean() / 2


def _noise_loss(error: Tensor, weight: Tensor) -> Tensor:
    """Return the squared error of the noise (N, 3, H, W), also of its means over larger squares.

    A mean over k x k pixels is that of k x k independent errors and hardly counts among them,
    though it is what decides a color. So it counts k times more (after the multiscale loss of
    Hoogeboom, Heek and Salimans, 2023).
    """
    loss = (weight * error**2).mean()
    for cells in COARSE_CELLS:
        size = error.shape[-1] // cells
        loss = loss + (weight * F.avg_pool2d(error, size) ** 2).mean() * size / len(COARSE_CELLS)
    return loss
