"""One run of VQGAN-CLIP, readable beside the paper (Section 2).

    z            <- random codebook entries, or an encoded picture
    repeat:
        image     = decode(quantize(z))                               2.1
        views     = augmented cutouts of image                        2.3
        loss      = mean over views of the spherical distance between
                    CLIP(view) and CLIP(prompt)                       2, 2.2
                  + alpha * mean(z^2), alpha decaying                 2.4
              + what keeps the source, if it is an edit           4, G.2
        z        <- Adam(z, gradient of loss)                         2

A step is computed by `engine.vqgan_clip.batching`, of one run or of several at once.

A `Generation` owns its latent, its optimiser and its random generator, and nothing else that
changes: the models are shared, and the source of an edit follows from the recipe. It can be paused
between any two steps, interleaved with others, saved and resumed, and the picture is identical to
that of the uninterrupted run.
"""

import copy
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from engine.errors import CheckpointError, DivergedError, RecipeError
from engine.images.image_io import read_picture
from engine.models.codebook import look_up
from engine.models.loading import Models
from engine.models.protocols import Perceptor
from engine.models.tensors import to_tensor
from engine.recipes.recipe import Recipe
from engine.recipes.start_image import start_picture
from engine.vqgan_clip.batching import step_together
from engine.vqgan_clip.cutouts import make_cutouts
from engine.vqgan_clip.edit_constraint import Source, seen_whole
from engine.vqgan_clip.latents import nearest_codes, quantize, random_codes, sample_codes
from engine.vqgan_clip.losses import latent_regularizer, prompt_loss, total_variation
from engine.vqgan_clip.memory_plan import PLANS, Plan

ADAM_BETAS = (0.9, 0.999)
"""Section 2."""

SMOOTH_FROM = 0.4
"""Share of a run after which the total variation begins to count; from the start it destroys
colour, late it cleans backgrounds."""

UNCHECKED_STEPS = 16
"""After so many steps on CUDA it is looked whether all went well."""

MORE_RATE = 0.5
"""Share of the learning rate at which further rounds begin. Of 12 pictures of the demo models, each
with 60 steps more, half the rate spoiled none of the 8 that were right, and the whole rate 2;
neither put a wrong one right. What one sees is that blotches fade."""


class Generation:
    """A run of `recipe` on `models`, advanced one `step()` at a time.

    Where memory runs out in a step, the run goes on from that step by the next of `PLANS`.

    Raises:
        RecipeError: the recipe is for other models, or its size is off their latent grid.
    """

    def __init__(self, recipe: Recipe, models: Models, plan: Plan = PLANS[0]) -> None:
        _check(recipe, models)
        self.recipe = recipe
        self.models = models
        self.plan = plan
        self.steps_done = 0
        self.random = torch.Generator(models.device).manual_seed(recipe.seed)
        canvas = (recipe.width, recipe.height)
        self._source = None if recipe.edit is None else Source(recipe.edit, canvas, models)
        self.latent = self._initial_latent().requires_grad_()
        self._last_good = self.latent.detach().clone()
        self._last_good_steps = 0
        self._sound = torch.ones((), dtype=torch.bool, device=models.device)
        self._unchecked: list[tuple[int, Tensor]] = []
        self._last_loss = torch.zeros(())
        self._last_seen: Tensor | None = None
        self._optimizer = make_optimizer(self.latent)
        self._targets = [self._embed_prompts(perceptor) for perceptor in models.perceptors]
        prompts = (*recipe.prompts, *recipe.image_prompts)
        total = sum(abs(prompt.weight) for prompt in prompts)
        weights = [prompt.weight / total for prompt in prompts]
        stops = [-math.inf if p.stop is None else p.stop for p in prompts]
        self._weights = torch.tensor([weights], device=models.device)
        self._stops = torch.tensor([stops], device=models.device)

    @property
    def done(self) -> bool:
        """Whether the recipe's steps have been taken, those of all its rounds."""
        return self.steps_done >= self.recipe.total_steps

    @property
    def loss(self) -> float:
        """The loss before the last step; asking for it waits for the device. 0 at the beginning."""
        return self._last_loss.item()

    @property
    def last_seen(self) -> Tensor:
        """The picture that the last step looked at: as `image()`, one step older and for free.

        Raises ValueError before the first step.
        """
        if self._last_seen is None:
            raise ValueError("no step has been taken yet")
        return self._last_seen

    def step(self) -> None:
        """Take one step of the optimiser.

        Raises:
            DivergedError: the loss or its gradient is not finite. The latent is again the last
                one that gave a finite loss, so that `image()` is the last good picture, and
                `steps_done` says after how many steps that was. On CUDA, where each look would
                hold up the device, this is found some steps later, which change nothing.
            MemoryError, RuntimeError: memory ran out by the last plan, too. The run is as it was.
        """
        (error,) = step_together([self])
        if error is not None:
            raise error

    def image(self) -> Tensor:
        """The picture as it stands: (1, 3, height, width), floats in [0, 1].

        Raises `DivergedError` as `step` does; asked again, it is the last good picture.
        """
        self._check_steps()
        return self._image()

    @torch.no_grad()
    def _image(self) -> Tensor:
        generator = self.models.generator
        latent = self.latent
        if self.recipe.quantization == "codebook-sampling":
            latent = look_up(latent.argmax(1), generator.codebook)  # the likeliest code of each
        elif self.recipe.quantization == "z-quantize":
            latent = look_up(nearest_codes(latent, generator.codebook), generator.codebook)
        return self._composed(generator.decode(latent).clamp(0, 1))

    def state_dict(self) -> dict[str, Any]:
        """All that changes during a run, a few MB: what `load_state_dict` needs to go on.

        Raises `DivergedError` as `step` does.
        """
        self._check_steps()
        return {
            "plan": PLANS.index(self.plan),
            "steps_done": self.steps_done,
            "last_good_steps": self._last_good_steps,
            "latent": self.latent.detach().clone(),
            "last_good": self._last_good.clone(),
            "optimizer": copy.deepcopy(self._optimizer.state_dict()),
            "random": self.random.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken, of a run of the same recipe.

        Raises `CheckpointError` if it was of a run at another size or of other models.
        """
        if state["latent"].shape != self.latent.shape:
            raise CheckpointError("the checkpoint's latent does not fit the recipe and its models")
        self.plan = PLANS[max(PLANS.index(self.plan), state["plan"])]
        self.steps_done = state["steps_done"]
        self._last_good_steps = state["last_good_steps"]
        self._unchecked = []
        with torch.no_grad():
            self.latent.copy_(state["latent"])
            self._last_good.copy_(state["last_good"])
        optimizer = copy.deepcopy(state["optimizer"])
        for moments in optimizer["state"].values():
            for name in ("exp_avg", "exp_avg_sq"):
                # Laid out in memory as the latent is: in another layout sums are rounded otherwise.
                moments[name] = torch.empty_like(self._last_good).copy_(moments[name])
        self._optimizer.load_state_dict(optimizer)
        self.random.set_state(state["random"])

    def quantized(self) -> Tensor:
        """Part of a step, see `engine.vqgan_clip.batching.Run`."""
        codebook = self.models.generator.codebook
        self.latent.grad = None
        match self.recipe.quantization:
            case "z-quantize":
                return quantize(self.latent, codebook)
            case "codebook-sampling":
                return sample_codes(self.latent, codebook, self.random)
            case "none":
                return self.latent

    def seen(self, decoded: Tensor) -> Tensor:
        """Part of a step."""
        image = self._composed(decoded)
        self._last_seen = image.detach()
        return image

    def cutouts(self, image: Tensor, size: int) -> Tensor:
        """Part of a step."""
        recipe = self.recipe
        looked_at = image if self._source is None else self._source.looked_at(image)
        return make_cutouts(looked_at, recipe.cutouts, size, recipe.augmentations, self.random)

    def loss_of(self, image: Tensor, looks: Sequence[Tensor]) -> Tensor:
        """Part of a step."""
        recipe, models = self.recipe, self.models
        loss = torch.zeros((), device=models.device)
        for share, targets, look in zip(models.shares, self._targets, looks, strict=True):
            loss = loss + share * prompt_loss(look, targets, self._weights, self._stops).sum()
        if self._source is not None:
            loss = loss + self._source.loss(image, self.latent, looks)
        if recipe.regularizer > 0 and recipe.quantization != "codebook-sampling":
            alpha = recipe.regularizer * (1 - recipe.regularizer_decay) ** self.steps_done
            loss = loss + alpha * latent_regularizer(self.latent).sum()
        if recipe.smoothness > 0:
            rise = (self.steps_done / recipe.steps - SMOOTH_FROM) / (1 - SMOOTH_FROM)
            rise = min(max(0.0, rise), 1.0)
            loss = loss + recipe.smoothness * rise * total_variation(image).sum()
        return loss

    @torch.no_grad()
    def follow(self, loss: Tensor) -> DivergedError | None:
        """Part of a step."""
        gradient = self.latent.grad
        assert gradient is not None
        self._last_loss = loss.detach()
        # All this is decided on the device, which is not waited for.
        self._sound = self._sound & loss.isfinite() & gradient.isfinite().all()
        self._unchecked.append((self.steps_done, self._sound))
        self._last_good = torch.where(self._sound, self.latent, self._last_good)
        if self._source is not None and self._source.free is not None:
            gradient.mul_(self._source.free)  # Section 2.5
        self._optimizer.param_groups[0]["lr"] = self._learning_rate()
        self._optimizer.step()
        self.latent.copy_(torch.where(self._sound, self.latent, self._last_good))
        self.steps_done += 1
        waits = self.models.device.type == "cuda" and len(self._unchecked) < UNCHECKED_STEPS
        if waits and not self.done:
            return None
        try:
            self._check_steps()
        except DivergedError as error:
            return error
        return None

    def _check_steps(self) -> None:
        """Look how the last steps went; raises `DivergedError` and goes back if one went wrong."""
        if not self._unchecked:
            return
        sound = torch.stack([flag for _, flag in self._unchecked]).tolist()
        unchecked, self._unchecked = self._unchecked, []
        for (before, _), fine in zip(unchecked, sound, strict=True):
            if not fine:
                self.steps_done = self._last_good_steps
                self._sound = torch.ones_like(self._sound)
                raise DivergedError(
                    f"the optimisation diverged at step {before + 1}: try a lower learning rate "
                    "or another seed"
                )
            self._last_good_steps = before

    def _composed(self, image: Tensor) -> Tensor:
        return image if self._source is None else self._source.compose(image)

    def _learning_rate(self) -> float:
        """From its highest to its `learning_rate_end` share, along half a cosine in every round."""
        taken, (length, *more) = self.steps_done, self.recipe.rounds
        end, peak = self.recipe.learning_rate_end, 1.0
        while taken >= length and more:
            taken, length = taken - length, more.pop(0)
            peak = max(end, MORE_RATE)
        remaining = (1 + math.cos(math.pi * taken / length)) / 2
        return self.recipe.learning_rate * (end + (peak - end) * remaining)

    @torch.no_grad()
    def _initial_latent(self) -> Tensor:
        generator, recipe = self.models.generator, self.recipe
        height, width = recipe.height // generator.factor, recipe.width // generator.factor
        if recipe.quantization == "codebook-sampling":
            shape = (1, len(generator.codebook), height, width)
            return torch.randn(shape, generator=self.random, device=self.models.device)
        if recipe.start == "codes":
            return random_codes((1, height, width), generator.codebook, self.random)
        picture = start_picture(recipe)
        if picture is None:
            shape = (1, 3, recipe.height, recipe.width)
            pixels = torch.rand(shape, generator=self.random, device=self.models.device)
            return generator.encode(pixels)
        latent = generator.encode(to_tensor(picture).to(self.models.device))
        return self._with_noise(latent) if recipe.start_noise > 0 else latent

    def _with_noise(self, latent: Tensor) -> Tensor:
        """The latent of a picture, moved at random, but only where it may change (Section 2.5)."""
        noise = torch.randn(latent.shape, generator=self.random, device=latent.device)
        if self._source is not None and self._source.free is not None:
            noise = noise * self._source.free
        return latent + self.recipe.start_noise * latent.std(correction=0) * noise

    @torch.no_grad()
    def _embed_prompts(self, perceptor: Perceptor) -> Tensor:
        """Unit vectors (1, P, D) of the prompts and, after them, the image prompts."""
        texts = perceptor.encode_text([prompt.text for prompt in self.recipe.prompts])
        pictures = [
            read_picture(p.picture, name="the image prompt") for p in self.recipe.image_prompts
        ]
        images = [
            perceptor.encode_image(
                seen_whole(to_tensor(each).to(self.models.device), perceptor.input_size)
            )
            for each in pictures
        ]
        return torch.cat([texts, *images])[None]


def make_optimizer(latent: Tensor) -> torch.optim.Adam:
    """Adam on a latent, in one kernel for each step."""
    return torch.optim.Adam([latent], betas=ADAM_BETAS, fused=latent.device.type != "mps")


def _check(recipe: Recipe, models: Models) -> None:
    if recipe.models != models.name:
        raise RecipeError(f"the recipe is for the models {recipe.models!r}, not {models.name!r}")
    factor = models.generator.factor
    if recipe.width % factor or recipe.height % factor:
        raise RecipeError(
            f"{recipe.width}x{recipe.height} is off the latent grid: "
            f"width and height must be multiples of {factor}"
        )
