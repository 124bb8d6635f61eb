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

A `Generation` owns its latent, its optimiser and its random generator, and nothing else that
changes: the models are shared, and the source of an edit follows from the recipe. It can be paused
between any two steps, interleaved with others, saved and resumed, and the picture is identical to
that of the uninterrupted run.
"""

import copy
import math
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from engine.cutouts import make_cutouts
from engine.errors import CheckpointError, DivergedError, RecipeError
from engine.latents import look_up, nearest_codes, quantize, random_codes, sample_codes
from engine.losses import clamp_with_gradient, latent_regularizer, prompt_loss, total_variation
from engine.memory import tells_of_memory
from engine.models import Models
from engine.pictures import read_picture, to_tensor
from engine.plan import PLANS, Plan, after
from engine.protocols import Perceptor
from engine.recipe import Recipe
from engine.source import Source, seen_whole
from engine.start_image import start_picture

ADAM_BETAS = (0.9, 0.999)
"""Section 2."""

SMOOTH_FROM = 0.4
"""Share of a run after which the total variation begins to count; from the start it destroys
colour, late it cleans backgrounds."""

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
        self.plan = plan
        self.steps_done = 0
        self._models = models
        self._random = torch.Generator(models.device).manual_seed(recipe.seed)
        canvas = (recipe.width, recipe.height)
        self._source = None if recipe.edit is None else Source(recipe.edit, canvas, models)
        self._latent = self._initial_latent().requires_grad_()
        self._last_good = self._latent.detach().clone()
        self._last_good_steps = 0
        self._last_seen: Tensor | None = None
        self._optimizer = torch.optim.Adam([self._latent], betas=ADAM_BETAS)
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
    def last_seen(self) -> Tensor:
        """The picture that the last step looked at: as `image()`, one step older and for free.

        Raises ValueError before the first step.
        """
        if self._last_seen is None:
            raise ValueError("no step has been taken yet")
        return self._last_seen

    def step(self) -> float:
        """Take one step of the optimiser and return the loss before it.

        Raises:
            DivergedError: the loss or its gradient is not finite. The latent is again the last
                one that gave a finite loss, so that `image()` is the last good picture, and
                `steps_done` says after how many steps that was.
            MemoryError, RuntimeError: memory ran out by the last plan, too. The run is as it was.
        """
        value = self._loss_and_gradient()
        gradient = self._latent.grad
        if not math.isfinite(value) or gradient is None or not gradient.isfinite().all():
            raise self._diverged()
        self._last_good = self._latent.detach().clone()
        self._last_good_steps = self.steps_done
        if self._source is not None and self._source.free is not None:
            gradient.mul_(self._source.free)  # Section 2.5
        self._optimizer.param_groups[0]["lr"] = self._learning_rate()
        self._optimizer.step()
        self.steps_done += 1
        return value

    def _loss_and_gradient(self) -> float:
        """The loss, and its gradient at the latent, by a plan for which memory suffices."""
        random = self._random.get_state()
        while True:
            try:
                return self._attempt()
            except (MemoryError, RuntimeError) as error:
                thriftier = after(self.plan)
                if thriftier is None or not tells_of_memory(error):
                    raise
            # Only here, outside the handler, nothing holds on to what the attempt had taken.
            self.plan = thriftier
            self._random.set_state(random)
            if self._models.device.type == "cuda":
                torch.cuda.empty_cache()

    def _attempt(self) -> float:
        self._latent.grad = None
        loss = self._loss()
        loss.backward()
        return loss.item()

    @torch.no_grad()
    def image(self) -> Tensor:
        """The picture as it stands: (1, 3, height, width), floats in [0, 1]."""
        generator = self._models.generator
        latent = self._latent
        if self.recipe.quantization == "codebook-sampling":
            latent = look_up(latent.argmax(1), generator.codebook)  # the likeliest code of each
        elif self.recipe.quantization == "z-quantize":
            latent = look_up(nearest_codes(latent, generator.codebook), generator.codebook)
        return self._composed(generator.decode(latent).clamp(0, 1))

    def state_dict(self) -> dict[str, Any]:
        """All that changes during a run, a few MB: what `load_state_dict` needs to go on."""
        return {
            "plan": PLANS.index(self.plan),
            "steps_done": self.steps_done,
            "last_good_steps": self._last_good_steps,
            "latent": self._latent.detach().clone(),
            "last_good": self._last_good.clone(),
            "optimizer": copy.deepcopy(self._optimizer.state_dict()),
            "random": self._random.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken, of a run of the same recipe.

        Raises `CheckpointError` if it was of a run at another size or of other models.
        """
        if state["latent"].shape != self._latent.shape:
            raise CheckpointError("the checkpoint's latent does not fit the recipe and its models")
        self.plan = PLANS[max(PLANS.index(self.plan), state["plan"])]
        self.steps_done = state["steps_done"]
        self._last_good_steps = state["last_good_steps"]
        with torch.no_grad():
            self._latent.copy_(state["latent"])
            self._last_good.copy_(state["last_good"])
        optimizer = copy.deepcopy(state["optimizer"])
        for moments in optimizer["state"].values():
            for name in ("exp_avg", "exp_avg_sq"):
                # Laid out in memory as the latent is: in another layout sums are rounded otherwise.
                moments[name] = torch.empty_like(self._last_good).copy_(moments[name])
        self._optimizer.load_state_dict(optimizer)
        self._random.set_state(state["random"])

    def _loss(self) -> Tensor:
        recipe, models = self.recipe, self._models
        latent = self._quantized()
        with self._precision():
            image = models.generator.decode(latent, recompute=self.plan.recomputes)
        image = self._composed(clamp_with_gradient(image.float()))
        self._last_seen = image.detach()
        looked_at = image if self._source is None else self._source.looked_at(image)
        loss = torch.zeros((), device=models.device)
        looks: list[Tensor] = []
        parts = zip(models.perceptors, models.shares, self._targets, strict=True)
        for perceptor, share, targets in parts:
            cutouts = make_cutouts(
                looked_at, recipe.cutouts, perceptor.input_size, recipe.augmentations, self._random
            )
            embeddings = self._embed_cutouts(perceptor, cutouts)[None]
            distance = prompt_loss(embeddings, targets, self._weights, self._stops)
            loss = loss + share * distance.sum()
            looks.append(embeddings)
        if self._source is not None:
            loss = loss + self._source.loss(image, self._latent, looks)
        if recipe.regularizer > 0 and recipe.quantization != "codebook-sampling":
            alpha = recipe.regularizer * (1 - recipe.regularizer_decay) ** self.steps_done
            loss = loss + alpha * latent_regularizer(self._latent).sum()
        if recipe.smoothness > 0:
            rise = (self.steps_done / recipe.steps - SMOOTH_FROM) / (1 - SMOOTH_FROM)
            rise = min(max(0.0, rise), 1.0)
            loss = loss + recipe.smoothness * rise * total_variation(image).sum()
        return loss

    def _embed_cutouts(self, perceptor: Perceptor, cutouts: Tensor) -> Tensor:
        """Unit vectors (N, D) of `cutouts` (N, 3, S, S), as many at a time as the plan says."""
        with self._precision():
            at_once = self.plan.cutouts_at_once
            if at_once is None:
                return perceptor.encode_image(cutouts)
            parts = cutouts.split(at_once)
            embeddings = [
                cast(Tensor, checkpoint(perceptor.encode_image, part, use_reentrant=False))
                for part in parts
            ]
            return torch.cat(embeddings)

    def _precision(self) -> torch.autocast:
        """That of the models' layers; what is outside is computed in float32."""
        device = self._models.device.type
        return torch.autocast(device, torch.bfloat16, enabled=self.plan.halves)

    def _composed(self, image: Tensor) -> Tensor:
        return image if self._source is None else self._source.compose(image)

    def _diverged(self) -> DivergedError:
        """Go back to the last good picture and say what happened."""
        step = self.steps_done + 1
        with torch.no_grad():
            self._latent.copy_(self._last_good)
        self.steps_done = self._last_good_steps
        return DivergedError(
            f"the optimisation diverged at step {step}: try a lower learning rate or another seed"
        )

    def _quantized(self) -> Tensor:
        codebook = self._models.generator.codebook
        match self.recipe.quantization:
            case "z-quantize":
                return quantize(self._latent, codebook)
            case "codebook-sampling":
                return sample_codes(self._latent, codebook, self._random)
            case "none":
                return self._latent

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
        generator, recipe = self._models.generator, self.recipe
        height, width = recipe.height // generator.factor, recipe.width // generator.factor
        if recipe.quantization == "codebook-sampling":
            shape = (1, len(generator.codebook), height, width)
            return torch.randn(shape, generator=self._random, device=self._models.device)
        if recipe.start == "codes":
            return random_codes((1, height, width), generator.codebook, self._random)
        picture = start_picture(recipe)
        if picture is None:
            shape = (1, 3, recipe.height, recipe.width)
            pixels = torch.rand(shape, generator=self._random, device=self._models.device)
            return generator.encode(pixels)
        latent = generator.encode(to_tensor(picture).to(self._models.device))
        return self._with_noise(latent) if recipe.start_noise > 0 else latent

    def _with_noise(self, latent: Tensor) -> Tensor:
        """The latent of a picture, moved at random, but only where it may change (Section 2.5)."""
        noise = torch.randn(latent.shape, generator=self._random, device=latent.device)
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
                seen_whole(to_tensor(each).to(self._models.device), perceptor.input_size)
            )
            for each in pictures
        ]
        return torch.cat([texts, *images])[None]


def _check(recipe: Recipe, models: Models) -> None:
    if recipe.models != models.name:
        raise RecipeError(f"the recipe is for the models {recipe.models!r}, not {models.name!r}")
    factor = models.generator.factor
    if recipe.width % factor or recipe.height % factor:
        raise RecipeError(
            f"{recipe.width}x{recipe.height} is off the latent grid: "
            f"width and height must be multiples of {factor}"
        )
