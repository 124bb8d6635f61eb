"""A picture of GLIDE in progress: a small picture first, then the same one enlarged.

Nichol et al., 2021, Section 4; the order of the operations is that of the published notebooks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.errors import CheckpointError, DivergedError
from engine.glide.config import TIMESTEPS
from engine.glide.diffusion import Diffusion, guide, split_prediction
from engine.glide.known import Known
from engine.glide.text import EncodedText
from engine.glide.unet import UNet
from engine.models.plain_run import PlainRun
from engine.models.tensors import is_finite
from engine.recipes.glide_recipe import GlideRecipe

ClipGradient = Callable[[Tensor, int], Tensor]
"""From noisy pictures (N, 3, H, W) in [-1, 1] and a timestep to the gradient that leads to the
words, of the same shape."""


@dataclass(frozen=True)
class Stage:
    """A model with what it needs for one recipe, besides the picture."""

    unet: UNet
    diffusion: Diffusion
    text: EncodedText
    """The words; if two, the second is no text, for classifier-free guidance."""
    known: Known | None
    """What is known of the picture; None for a model that cannot see it."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of its picture."""
        return (1, 3, self.unet.config.side, self.unet.config.side)

    def predict(self, noisy: Tensor, index: int, low: Tensor | None) -> Tensor:
        """Return the predictions (1 or 2, 6, side, side) for a noisy picture (1, 3, side, side)."""
        count = len(self.text.vector)
        seen = [noisy]
        if self.known is not None:
            seen.append(self.known.channels(1))
        if low is not None:
            size = noisy.shape[2:]
            seen.append(F.interpolate(low, size, mode="bilinear", align_corners=False))
        images = torch.cat(seen, 1).expand(count, -1, -1, -1)
        images = images.contiguous(memory_format=torch.channels_last)
        timestep = torch.tensor([self.diffusion.timesteps[index]], device=noisy.device)
        return self.unet(images, timestep.expand(count), self.text)

    def estimate(self, noisy: Tensor, noise: Tensor, index: int) -> Tensor:
        """Return the picture without the noise, clipped to [-1, 1], with its known part."""
        estimate = self.diffusion.estimate(noisy, noise, index).clamp(-1, 1)
        return estimate if self.known is None else self.known.paste(estimate)


class GlideRun(PlainRun[GlideRecipe]):
    """A run of GLIDE; its state has less than 2 MB."""

    def __init__(
        self, recipe: GlideRecipe, base: Stage, upsampler: Stage, gradient: ClipGradient | None
    ) -> None:
        """Begin at step 0. `gradient` guides the base, if a CLIP does."""
        super().__init__(recipe, base.unet.device)
        self._base, self._upsampler, self._gradient = base, upsampler, gradient
        self._noisy = self._draw(base)
        self._estimate = torch.zeros(base.shape, device=base.unet.device)
        self._low: Tensor | None = None

    @torch.no_grad()
    def _advance(self) -> None:
        """Take one step of denoising."""
        if self._steps_done < self._recipe.base_steps:
            noisy, estimate = self._denoise_small()
        else:
            noisy, estimate = self._denoise_large()
        if not is_finite(noisy):
            raise DivergedError(
                "the picture diverged at step {step}: try less guidance or another seed",
                step=self._steps_done + 1,
            )
        self._noisy, self._estimate = noisy, estimate
        if self._steps_done + 1 == self._recipe.base_steps:
            self._low = self._estimate = _rounded(noisy)
            self._noisy = self._first_large(self._low)

    def image(self) -> Tensor:
        """Return the picture as the last step expects it, (1, 3, side, side) in [0, 1]."""
        image = (self._estimate + 1) / 2
        size = self._upsampler.shape[2:]
        if image.shape[2:] != size:
            image = F.interpolate(image, size, mode="bicubic", align_corners=False)
        return image.clamp(0, 1)

    def _tensors(self) -> dict[str, Tensor]:
        low = {} if self._low is None else {"low": self._low}
        return {"noisy": self._noisy, "estimate": self._estimate} | low

    def _tensors_after(self, steps: int) -> dict[str, Tensor]:
        small, large = (torch.empty(each.shape) for each in (self._base, self._upsampler))
        if steps < self._recipe.base_steps:
            return {"noisy": small, "estimate": small}
        estimate = small if steps == self._recipe.base_steps else large
        return {"noisy": large, "estimate": estimate, "low": small}

    def _check(self, tensors: Mapping[str, Tensor]) -> None:
        for name in ("estimate", "low"):
            if name in tensors and tensors[name].abs().max() > 1:
                raise CheckpointError(f"the checkpoint's {name} is not a picture")

    def _restore(self, tensors: Mapping[str, Tensor]) -> None:
        self._noisy, self._estimate = tensors["noisy"], tensors["estimate"]
        self._low = tensors.get("low")

    def _first_large(self, low: Tensor) -> Tensor:
        """Return what the upsampler starts from."""
        stage, noise = self._upsampler, self._recipe.temperature * self._draw(self._upsampler)
        if self._recipe.upsample_from == TIMESTEPS:
            return noise
        enlarged = F.interpolate(low, stage.shape[2:], mode="bicubic", align_corners=False)
        return stage.diffusion.add_noise(enlarged, noise, len(stage.diffusion) - 1)

    def _denoise_small(self) -> tuple[Tensor, Tensor]:
        """Return the picture one step earlier in the diffusion, and what it will become."""
        index = self._recipe.base_steps - 1 - self._steps_done
        stage, diffusion, noisy = self._base, self._base.diffusion, self._noisy
        noise, fraction = split_prediction(stage.predict(noisy, index, None))
        if len(noise) == 2:
            noise = guide(noise[:1], noise[1:], self._recipe.guidance_scale)
        estimate = stage.estimate(noisy, noise, index)
        log_variance = diffusion.log_variance(fraction[:1], index)
        mean = diffusion.posterior_mean(noisy, estimate, index)
        if self._gradient is not None:
            gradient = self._gradient(noisy, diffusion.timesteps[index])
            mean = mean + log_variance.exp() * gradient * self._recipe.guidance_scale
        return diffusion.ddpm(mean, log_variance, self._draw(stage), index), estimate

    def _denoise_large(self) -> tuple[Tensor, Tensor]:
        """Return the enlarged picture one step earlier, and what it will become."""
        index = self._recipe.total_steps - 1 - self._steps_done
        stage, noisy = self._upsampler, self._noisy
        noise, _ = split_prediction(stage.predict(noisy, index, self._low))
        estimate = stage.estimate(noisy, noise, index)
        return stage.diffusion.ddim(noisy, estimate, index), estimate

    def _draw(self, stage: Stage) -> Tensor:
        return torch.randn(stage.shape, generator=self._random, device=self._random.device)


def _rounded(images: Tensor) -> Tensor:
    """Round pictures in [-1, 1] to 8 bits, as they were when the upsampler was trained."""
    return (((images + 1) * 127.5).round() / 127.5 - 1).clamp(-1, 1)
