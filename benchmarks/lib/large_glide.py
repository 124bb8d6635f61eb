"""GLIDE at its full size with random weights, and the original beside it, a step at a time."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks.lib.originals import GPT2_TOKENS, original_glide
from engine.glide.config import PUBLISHED_BASE, PUBLISHED_UPSAMPLER
from engine.glide.painter import Glide
from engine.glide.run import GlideRun
from engine.glide.tokens import fit
from engine.glide.unet import UNet
from engine.recipes.glide_recipe import GlideRecipe

RECIPE = GlideRecipe(models="large", seed=1, side=PUBLISHED_UPSAMPLER.side, prompt="a cathedral")
TOKENS = [torch.arange(100, 105).tolist(), []]
"""The prompt as made-up tokens, since the tokenizer's files are not needed here, and no text."""


class _Tokenizer:
    def encode(self, text: str) -> list[int]:
        return TOKENS[0] if text else TOKENS[1]


def build_glide() -> Glide:
    """Build the published architectures in float32 with random weights."""
    torch.manual_seed(0)
    assert PUBLISHED_BASE.text.vocabulary == GPT2_TOKENS
    base, upsampler = (_frozen(UNet(each)) for each in (PUBLISHED_BASE, PUBLISHED_UPSAMPLER))
    return Glide(RECIPE.models, {}, base, upsampler, _Tokenizer())


def _frozen(unet: UNet) -> UNet:
    unet.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    unet.freeze_for_inference(torch.float32)
    return unet


class Enlarging:
    """A run whose small picture is done: each step is one of the upsampler's, without an end."""

    def __init__(self, run: GlideRun) -> None:
        self._run, side = run, PUBLISHED_UPSAMPLER.side
        small = torch.zeros(1, 3, PUBLISHED_BASE.side, PUBLISHED_BASE.side)
        self._start = run.state_dict() | {
            "steps_done": RECIPE.base_steps,
            "noisy": torch.randn(1, 3, side, side),
            "estimate": small,
            "low": small,
        }
        run.load_state_dict(self._start)

    def step(self) -> None:
        """Take a step; after the last one, go back to the first one."""
        if self._run.done:
            self._run.load_state_dict(self._start)
        self._run.step()


@dataclass
class OriginalSteps:
    """The steps of one network of the original, without an end."""

    network: Any
    diffusion: Any
    upsampler: bool
    _done: int = 0
    _noisy: Tensor | None = None

    @classmethod
    def like(cls, unet: UNet) -> "OriginalSteps":
        """Build the original, with a copy of our weights in torch's usual order of dimensions."""
        upsampler = unet.config.low_side is not None
        respacing = "fast27" if upsampler else str(RECIPE.base_steps)
        network, diffusion = original_glide(respacing, upsampler=upsampler)
        network.load_state_dict(unet.state_dict())
        return cls(network, diffusion, upsampler)

    @torch.no_grad()
    def step(self) -> None:
        """Take a step: of DDPM with guidance, or for the upsampler of DDIM, as published."""
        index = len(self.diffusion.timestep_map) - 1 - self._done
        if self._noisy is None or index < 0:
            index, self._done = len(self.diffusion.timestep_map) - 1, 0
            config = PUBLISHED_UPSAMPLER if self.upsampler else PUBLISHED_BASE
            self._noisy = torch.randn(1 if self.upsampler else 2, 3, config.side, config.side)
        count = len(self._noisy)
        tokens, present = fit(TOKENS[:count], PUBLISHED_BASE.text.context)
        words: dict[str, Any] = {"tokens": tokens, "mask": present}
        at = torch.full((count,), index)
        if self.upsampler:
            small = torch.zeros(1, 3, PUBLISHED_BASE.side, PUBLISHED_BASE.side)
            words |= {"low_res": small}
            step = self.diffusion.ddim_sample(self.network, self._noisy, at, model_kwargs=words)
        else:
            step = self.diffusion.p_sample(self._guided, self._noisy, at, model_kwargs=words)
        self._noisy = step["sample"]
        self._done += 1

    def _guided(self, noisy: Tensor, timesteps: Tensor, **words: Any) -> Tensor:
        """Predict the noise with and without the text, and go beyond the one with it."""
        predicted = self.network(noisy[:1].expand(2, -1, -1, -1), timesteps, **words)
        with_text, without = predicted[:, :3].chunk(2)
        noise = without + RECIPE.guidance_scale * (with_text - without)
        return torch.cat((noise.expand(2, -1, -1, -1), predicted[:, 3:]), 1)
