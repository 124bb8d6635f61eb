"""The diffusion process: which timesteps are taken, and how a step removes noise from a picture.

Schedules and the learned variance are those of Nichol and Dhariwal, 2021; DDPM is Ho et al., 2020,
DDIM is Song et al., 2020; guidance is Section 2 of Nichol et al., 2021. A picture has values in
[-1, 1]. Everything here is computed in float32, from numbers in double precision.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from engine.glide.config import PICTURE_CHANNELS, TIMESTEPS, Schedule

_MAX_BETA = 0.999
_COSINE_OFFSET = 0.008
_FIRST_BETA, _LAST_BETA = 1e-4, 0.02
_FAST27_SECTIONS = (10, 10, 3, 2, 2)
_FAST27_LATEST = TIMESTEPS - 3
"""First timestep of the fast spacing, as the noisiest ones make artifacts with DDIM."""


def schedule_betas(schedule: Schedule) -> list[float]:
    """Return the variance of the noise that each timestep of the training adds."""
    if schedule == "linear":
        rise = (_LAST_BETA - _FIRST_BETA) / (TIMESTEPS - 1)
        return [_FIRST_BETA + rise * t for t in range(TIMESTEPS)]
    levels = [_cosine_level(t / TIMESTEPS) for t in range(TIMESTEPS + 1)]
    return [min(1 - after / before, _MAX_BETA) for before, after in pairwise(levels)]


def even_timesteps(count: int, of: int = TIMESTEPS) -> tuple[int, ...]:
    """Return `count` of the first `of` timesteps with equal distances, rounded; one alone is 0."""
    return tuple(_spread(0, of, count))


def fast27_timesteps() -> tuple[int, ...]:
    """Return the 27 timesteps of the published upsampler, which are closer where noise is less."""
    size = TIMESTEPS // len(_FAST27_SECTIONS)
    sections = (
        _spread(number * size, size, count) for number, count in enumerate(_FAST27_SECTIONS)
    )
    *others, _ = (timestep for section in sections for timestep in section)
    return (*others, _FAST27_LATEST)


@dataclass(frozen=True)
class Diffusion:
    """A diffusion process over the timesteps that a run takes, in ascending order.

    An index is a place among them: a run begins at the last index and ends after index 0.
    """

    timesteps: tuple[int, ...]
    betas: tuple[float, ...]
    """Variance of the noise that is added from each timestep to the next one."""
    levels: tuple[float, ...]
    """Share of the picture in each noisy picture, as a factor of variance: alpha-bar."""

    @classmethod
    def over(cls, timesteps: Sequence[int], schedule: Schedule) -> "Diffusion":
        """Return the process over some timesteps of a schedule, in ascending order."""
        kept = accumulate((1 - beta for beta in schedule_betas(schedule)), lambda a, b: a * b)
        of_all = tuple(kept)
        levels = [of_all[each] for each in timesteps]
        betas = [1 - level / before for before, level in pairwise((1.0, *levels))]
        exact = [1 - beta for beta in betas]
        return cls(tuple(timesteps), tuple(betas), tuple(accumulate(exact, lambda a, b: a * b)))

    def __len__(self) -> int:
        return len(self.timesteps)

    def add_noise(self, images: Tensor, noise: Tensor, index: int) -> Tensor:
        """Return pictures (N, C, H, W) with the noise of a timestep."""
        level = self.levels[index]
        return math.sqrt(level) * images + math.sqrt(1 - level) * noise

    def estimate(self, noisy: Tensor, noise: Tensor, index: int) -> Tensor:
        """Return the pictures without the predicted noise, not clipped."""
        level = self.levels[index]
        return math.sqrt(1 / level) * noisy - math.sqrt(1 / level - 1) * noise

    def posterior_mean(self, noisy: Tensor, start: Tensor, index: int) -> Tensor:
        """Return the mean of the pictures one step earlier, if they come from `start`."""
        level, before, beta = self.levels[index], self._before(index), self.betas[index]
        of_start = beta * math.sqrt(before) / (1 - level)
        of_noisy = (1 - before) * math.sqrt(1 - beta) / (1 - level)
        return of_start * start + of_noisy * noisy

    def log_variance(self, fraction: Tensor, index: int) -> Tensor:
        """Return the logarithm of the learned variance, between its bounds at -1 and 1."""
        share = (fraction + 1) / 2
        return share * math.log(self.betas[index]) + (1 - share) * self.least_log_variance(index)

    def least_log_variance(self, index: int) -> float:
        """Return the logarithm of the variance that is left if the picture is known.

        It is zero at the first timestep, for which the second one's is taken.
        """
        each = min(max(index, 1), len(self) - 1)
        variance = self.betas[each] * (1 - self._before(each)) / (1 - self.levels[each])
        return math.log(variance) if variance > 0 else math.log(self.betas[each])

    def ddpm(self, mean: Tensor, log_variance: Tensor, noise: Tensor, index: int) -> Tensor:
        """Draw the pictures one step earlier; at index 0 they are the mean."""
        if index == 0:
            return mean
        return mean + torch.exp(0.5 * log_variance) * noise

    def ddim(self, noisy: Tensor, start: Tensor, index: int) -> Tensor:
        """Return the pictures one step earlier on the way to `start`, without new noise."""
        level = self.levels[index]
        noise = (math.sqrt(1 / level) * noisy - start) / math.sqrt(1 / level - 1)
        before = torch.tensor(self._before(index))  # in float32, like the published program
        return start * before.sqrt() + (1 - before).sqrt() * noise

    def _before(self, index: int) -> float:
        return self.levels[index - 1] if index else 1.0


def split_prediction(prediction: Tensor) -> tuple[Tensor, Tensor]:
    """Split a UNet's prediction (N, 6, H, W) into noise and variance, (N, 3, H, W) each."""
    noise, variance = prediction.split(PICTURE_CHANNELS, 1)
    return noise, variance


def guide(with_text: Tensor, without: Tensor, scale: float) -> Tensor:
    """Return the noise that leads further from `without` a text than the one `with_text` does."""
    return without + scale * (with_text - without)


def _cosine_level(time: float) -> float:
    return math.cos((time + _COSINE_OFFSET) / (1 + _COSINE_OFFSET) * math.pi / 2) ** 2


def _spread(start: int, size: int, count: int) -> Iterator[int]:
    """Yield `count` of `size` numbers from `start`, with the first and the last of them.

    The distance is summed up and halves are rounded to even numbers, as when the spacings were
    published.
    """
    stride = (size - 1) / (count - 1) if count > 1 else 1.0
    position = 0.0
    for _ in range(count):
        yield start + round(position)
        position += stride
