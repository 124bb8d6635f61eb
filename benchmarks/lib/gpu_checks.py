"""Check that a GPU computes and paints what the CPU does, with the demo pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np

from benchmarks.lib.held_out import Asked, held_out_prompts

if TYPE_CHECKING:
    import torch

    from engine.recipes.recipe import Recipe
    from engine.vqgan_clip.generation import Generation

SMALLEST_COSINE = 0.99
"""Cosine that the gradients of the GPU and of the CPU must reach in the same step. Convolutions of
a GPU round float32 to TF32, which leaves about 0.999."""
LARGEST_ERROR = 0.01
"""Largest difference of the losses of that step, relative to the CPU's."""


@dataclass(frozen=True)
class StepCheck:
    """The first step of the same run, with the same random numbers, on both devices."""

    cosine: float
    """Cosine of the gradients."""
    error: float
    """Difference of the losses, relative to the CPU's."""
    has_graph: bool
    """Whether a CUDA graph of the step could be captured and computes the same."""

    @property
    def is_same(self) -> bool:
        """Whether the GPU computes what the CPU does; not so if a value is no number."""
        return self.cosine >= SMALLEST_COSINE and self.error <= LARGEST_ERROR


@dataclass(frozen=True)
class PictureCheck:
    """The same prompts painted on both devices, which draw other random numbers, and judged."""

    right: int
    """Number of the GPU's pictures that show what was asked for."""
    right_on_cpu: int
    """Number of the CPU's."""
    total: int
    """Number of prompts."""

    @property
    def is_same(self) -> bool:
        """Whether the GPU's pictures are as good, as far as so few can tell."""
        # Two standard errors of the difference of two shares of about a half.
        return self.right >= self.right_on_cpu - 2 * (self.total / 2) ** 0.5


def check_step(device: "torch.device") -> StepCheck:
    """Compute the first step on the CPU and on `device`, from the same latent and numbers."""
    import torch

    import engine
    from benchmarks.lib.statistics import cosine
    from engine.vqgan_clip.generation import Generation

    recipe = engine.make_recipe("a red circle on a blue background", seed=1)
    cpu = Generation(recipe, engine.load_models("demo", "cpu", "float32"))
    run = Generation(recipe, engine.load_models("demo", str(device), "float32"))
    with torch.no_grad():
        run.latent.copy_(cpu.latent)
    (expected, wanted), (loss, gradient) = _first_step(cpu), _first_step(run)
    error = abs(loss - expected) / abs(expected)
    return StepCheck(cosine(gradient, wanted), error, has_graph(device, recipe))


def _first_step(run: "Generation") -> tuple[float, np.ndarray]:
    """Return the loss and the gradient of a run, with numbers that the CPU draws."""
    import torch

    from engine.recipes.augmentations import Augmentations
    from engine.vqgan_clip import embedding, loop, views
    from engine.vqgan_clip.memory_plan import PLANS

    device, numbers = run.latent.device, torch.Generator().manual_seed(1)

    def draw(count: int, size: int, strengths: Augmentations, _: torch.Generator) -> views.Draws:
        drawn = views.draw(count, size, strengths, numbers)
        normal = None if drawn.normal is None else drawn.normal.to(device)
        return views.Draws(count, drawn.uniform.to(device), normal, views.constants_on(device))

    with patch.object(embedding, "draw", draw):
        (loss,) = loop.compute_gradients([run], PLANS[0])
    assert run.latent.grad is not None
    return loss.item(), run.latent.grad.cpu().numpy().copy()


def has_graph(device: "torch.device", recipe: "Recipe") -> bool:
    """Return True if steps of a recipe are replayed on `device` after the first ones."""
    import engine
    from engine.vqgan_clip.cuda_graph import WARM_UP_STEPS, CudaGraphs
    from engine.vqgan_clip.generation import Generation

    run = Generation(recipe, engine.load_models("demo", str(device), "float32"))
    graph = CudaGraphs().for_run(run)
    run.graph = graph
    for _ in range(WARM_UP_STEPS + 1):
        run.step()
    return graph is not None and graph.is_captured


def check_pictures(device: "torch.device", count: int, steps: int | None) -> PictureCheck:
    """Paint held-out prompts on the CPU and on `device`, and judge them.

    `steps` is the number of steps of each, by default those of the preset.
    """
    import engine
    from benchmarks.lib.painters import paint_all

    asked = held_out_prompts(count)
    options: dict[str, Any] = {} if steps is None else {"steps": steps}
    recipes = [engine.make_recipe(each.prompt, seed=each.seed, **options) for each in asked]
    models = engine.load_models("demo", str(device), "float32")
    painted = [np.asarray(engine.paint(recipe, models)) for recipe in recipes]
    return PictureCheck(_right(painted, asked), _right(paint_all(recipes), asked), count)


def _right(pictures: Sequence[np.ndarray], asked: Sequence[Asked]) -> int:
    """Return how many pictures show what was asked for."""
    from engine.demo.judge import Judge

    judge = Judge()
    pairs = zip(pictures, asked, strict=True)
    matches = (judge.verdict(each).matches(a.color, a.shape, a.background) for each, a in pairs)
    return sum(match.all_right for match in matches)
