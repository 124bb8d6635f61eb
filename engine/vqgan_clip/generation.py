"""A picture in progress that can be advanced, shown, saved and resumed.

The algorithm is in `engine.vqgan_clip.loop`. A `Generation` owns its state, its optimizer and its
random generator, and nothing else that changes: the models are shared, and everything about an edit
follows from the recipe. It can be paused between any two steps, interleaved with others, saved and
resumed, and the picture is identical to that of the uninterrupted run.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from itertools import count, takewhile
from typing import Any

import torch
from torch import Tensor

from engine.errors import CheckpointError, RecipeError
from engine.images.drawing import Drawing
from engine.images.image_io import read_picture
from engine.models.loading import Models
from engine.models.protocols import Perceptor, State
from engine.models.strokes import Strokes
from engine.models.tensors import to_tensor
from engine.recipes.film import Film
from engine.recipes.generator_kinds import check_traits
from engine.recipes.kinds import AnyRecipe
from engine.recipes.recipe import Recipe
from engine.text import Text
from engine.vqgan_clip import loop
from engine.vqgan_clip.edit_constraint import EditConstraint, resize_for_perceptor
from engine.vqgan_clip.enlarging import Enlarging
from engine.vqgan_clip.filming import Filming
from engine.vqgan_clip.latents import initial_state
from engine.vqgan_clip.memory_plan import PLANS, MemoryPlan
from engine.vqgan_clip.restyling import Restyling
from engine.vqgan_clip.safety import FiniteGuard

ADAM_BETAS = (0.9, 0.999)
"""Decay rates of Adam's moments (Section 2)."""


class Generation(loop.Run):
    """A run of `recipe` on `models`, advanced one `step()` at a time.

    If memory runs out in a step, the run continues from that step with the next of `PLANS`.

    Raises:
        RecipeError: the recipe is for other models, its size is off their latent grid, it asks
            their generator for what that does not have, or its clip does not fit it.
        PictureError: a picture or the clip in the recipe cannot be read.
    """

    def __init__(self, recipe: Recipe, models: Models, plan: MemoryPlan = PLANS[0]) -> None:
        _check(recipe, models)
        rng = torch.Generator(models.device).manual_seed(recipe.seed)
        canvas = (recipe.width, recipe.height)
        edit = None
        if recipe.edit is not None:
            edit = EditConstraint.of_edit(recipe.edit, canvas, models, recipe.tile)
        free = None if edit is None else edit.free
        start = initial_state(recipe, models.generator, rng, free)
        state = tuple(numbers.requires_grad_() for numbers in start)
        weights, stops = prompt_weights(recipe, models.device)
        super().__init__(
            recipe=recipe,
            models=models,
            edit=edit,
            targets=[embed_prompts(recipe, each, models.device) for each in models.perceptors],
            prompt_weights=weights,
            prompt_stops=stops,
            state=state,
            optimizer=make_optimizer(state),
            rng=rng,
            guard=FiniteGuard(state),
            plan=plan,
            filming=None if recipe.film is None else _filming(recipe, recipe.film, models),
            enlarging=recipe.enlargement
            and Enlarging(recipe, recipe.enlargement, models.generator),
        )

    @property
    def loss(self) -> float:
        """The loss before the last step, or 0 before the first one. Waits for the device."""
        return self.last_loss.item()

    @property
    def last_seen(self) -> Tensor:
        """The picture that the last step looked at: that of `image()`, one step older and free.

        Raises ValueError before the first step.
        """
        if self.last_image is None:
            raise ValueError("no step has been taken yet")
        if self.enlarging is not None:
            return self.enlarging.placed(self.last_image)
        return self.last_image

    def step(self) -> None:
        """Take one step of the optimizer.

        Raises:
            DivergedError: the loss or its gradient is not finite. The state is again the last
                one that gave a finite loss, so that `image()` is the last good picture, and
                `steps_done` is the number of steps that led to it. On CUDA, where each check
                waits for the device, this is raised some steps later; those change nothing.
            MemoryError, RuntimeError: memory ran out with the last plan too. The run is as it was.
        """
        (error,) = loop.step([self])
        if error is not None:
            raise error

    def image(self) -> Tensor:
        """Return the current picture: (1, 3, height, width), floats in [0, 1].

        Raises `DivergedError` as `step` does; called again, it returns the last good picture.
        """
        self._raise_if_diverged()
        return loop.show(self)

    def drawing(self) -> Drawing | None:
        """Return the current picture as a drawing; None if its generator makes none.

        Raises `DivergedError` as `step` does; called again, it returns the last good drawing.
        """
        self._raise_if_diverged()
        generator = self.models.generator
        tile = self.tile
        return generator.drawing(self.state, tile) if isinstance(generator, Strokes) else None

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that changes during a run, a few MB, for `load_state_dict`.

        Raises `DivergedError` as `step` does.
        """
        self._raise_if_diverged()
        film = self.filming
        first, last = (None, None) if film is None else (film.first, film.last)
        large = {} if self.enlarging is None else {"large": self.enlarging.large}
        return {
            "plan": PLANS.index(self.plan),
            "steps_done": self.steps_done,
            "last_good_steps": self.guard.last_finite_steps,
            **numbered("latent", [numbers.detach().clone() for numbers in self.state]),
            **numbered("last_good", [numbers.clone() for numbers in self.guard.last_finite]),
            **numbered("first_frame", first or ()),
            **numbered("last_frame", () if last is None else (last.clone(),)),
            **large,
            "optimizer": copy.deepcopy(self.optimizer.state_dict()),
            "random": self.rng.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the `state_dict` of a run of the same recipe.

        Raises `CheckpointError` if it is from a run of another size or with other models.
        """
        latents = in_order("latent", state)
        shapes = [each.shape for each in (*latents, *in_order("last_frame", state))]
        canvas = (1, 3, self.recipe.height, self.recipe.width)
        own = [each.shape for each in self.state]
        if shapes[: len(own)] != own or any(each != canvas for each in shapes[len(own) :]):
            raise CheckpointError("the checkpoint's latent does not fit the recipe and its models")
        self.plan = PLANS[max(PLANS.index(self.plan), state["plan"])]
        self.steps_done, self.shown = state["steps_done"], None
        with torch.no_grad():
            for own, numbers in zip(self.state, latents, strict=True):
                own.copy_(numbers)
            self.guard.restore(in_order("last_good", state), state["last_good_steps"])
        optimizer = copy.deepcopy(state["optimizer"])
        for index, moments in optimizer["state"].items():
            own = self.guard.last_finite[index]
            for name in ("exp_avg", "exp_avg_sq"):
                # In the latent's memory layout: in another one, sums would be rounded otherwise.
                moments[name] = torch.empty_like(own).copy_(moments[name])
        self.optimizer.load_state_dict(optimizer)
        self.rng.set_state(state["random"])
        if self.filming is not None:
            first, last = (in_order(name, state) for name in ("first_frame", "last_frame"))
            self.filming.resume(self.steps_done, first or None, next(iter(last), None))
        if self.enlarging is not None:
            self.enlarging.resume(self.steps_done, state["large"])

    def _raise_if_diverged(self) -> None:
        error = self.check_finite()
        if error is not None:
            raise error


def _filming(recipe: Recipe, film: Film, models: Models) -> Filming:
    if film.clip is None:
        return Filming(recipe, film, models.generator)
    return Restyling(recipe, film, film.clip, models)


def make_optimizer(state: State) -> torch.optim.Adam:
    """Return Adam on a generator's state, which takes one kernel per step."""
    return torch.optim.Adam(state, betas=ADAM_BETAS, fused=state[0].device.type != "mps")


def numbered(name: str, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a state under names: `name`, `name.1`, `name.2` and so on."""
    return {name if index == 0 else f"{name}.{index}": each for index, each in enumerate(tensors)}


def in_order(name: str, tensors: Mapping[str, Any]) -> State:
    """Return the tensors that `numbered` named."""
    names = (name if index == 0 else f"{name}.{index}" for index in count())
    return tuple(tensors[each] for each in takewhile(tensors.__contains__, names))


@torch.no_grad()
def embed_prompts(recipe: AnyRecipe, perceptor: Perceptor, device: torch.device) -> Tensor:
    """Return unit vectors (1, P, D) of the text prompts and, after them, the image prompts."""
    words = [prompt.text for prompt in recipe.prompts]
    texts = [perceptor.encode_text(words)] if words else []
    pictures = [
        read_picture(p.picture, name=Text("the image prompt")) for p in recipe.image_prompts
    ]
    side = perceptor.input_size
    images = [
        perceptor.encode_image(resize_for_perceptor(to_tensor(each).to(device), side))
        for each in pictures
    ]
    return torch.cat([*texts, *images])[None]


def prompt_weights(recipe: Recipe, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return weights (K, P) in each chapter, as `Run` describes them, and stop values (1, P)."""
    rows: list[list[float]] = []
    before = 0
    for chapter in recipe.chapters:
        own = [prompt.weight for prompt in chapter]
        pictures = [each.weight for each in recipe.image_prompts]
        total = sum(map(abs, (*own, *pictures)))
        after = len(recipe.prompts) - before - len(own)
        row = [*([0.0] * before), *own, *([0.0] * after), *pictures]
        rows.append([weight / total for weight in row])
        before += len(own)
    prompts = (*recipe.prompts, *recipe.image_prompts)
    stops = [-math.inf if prompt.stop is None else prompt.stop for prompt in prompts]
    return torch.tensor(rows, device=device), torch.tensor([stops], device=device)


def _check(recipe: Recipe, models: Models) -> None:
    if recipe.models != models.name:
        raise RecipeError(
            "the recipe is for the models {wanted}, not {given}",
            wanted=repr(recipe.models),
            given=repr(models.name),
        )
    check_traits(recipe, models.generator)
    factor = models.generator.multiple
    if recipe.width % factor or recipe.height % factor:
        raise RecipeError(
            "{size} is off the latent grid: width and height must be multiples of {factor}",
            size=f"{recipe.width}x{recipe.height}",
            factor=factor,
        )
