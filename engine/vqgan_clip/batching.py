"""A step of one run, or of several at once: the models are asked once for all of them.

Jobs of the same size advance together where that raises the throughput. Each run keeps its own
latent, optimiser and random generator, so that runs can join and leave at any step. What is
computed for one does not depend on what the others show; but with other batch sizes a device takes
sums in another order, so that a picture can differ by rounding from the one painted by itself.
"""

from collections.abc import Sequence
from typing import Protocol, cast

import torch
from torch import Tensor
from torch.profiler import record_function
from torch.utils.checkpoint import checkpoint

from engine.errors import DivergedError
from engine.models.loading import Models
from engine.models.protocols import Perceptor
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.losses import clamp_with_gradient
from engine.vqgan_clip.memory_estimate import tells_of_memory
from engine.vqgan_clip.memory_plan import Plan, after


class Run(Protocol):
    """What a step asks of a run, in this order. `engine.vqgan_clip.generation.Generation` is
    one."""

    plan: Plan

    @property
    def recipe(self) -> Recipe:
        """What is painted."""
        ...

    @property
    def models(self) -> Models:
        """By which it is painted."""
        ...

    @property
    def random(self) -> torch.Generator:
        """Where all random numbers of the run come from."""
        ...

    def quantized(self) -> Tensor:
        """The latent as the decoder takes it, (1, C, h, w); its gradient is none again."""
        ...

    def seen(self, decoded: Tensor) -> Tensor:
        """The picture (1, 3, H, W) that comes of the decoded one."""
        ...

    def cutouts(self, image: Tensor, size: int) -> Tensor:
        """Augmented views (N, 3, size, size) of the picture."""
        ...

    def loss_of(self, image: Tensor, looks: Sequence[Tensor]) -> Tensor:
        """The loss, given the views' unit vectors (1, N, D) by each perceptor."""
        ...

    def follow(self, loss: Tensor) -> DivergedError | None:
        """Follow the latent's gradient, unless it or the loss is not finite."""
        ...


def fit_together(a: Run, b: Run) -> bool:
    """Whether two runs can take a step together: on the same models and canvas, by the same plan.

    Prompts, seeds, cutouts, edits and the steps they have taken may differ.
    """
    if a.models.one_shape:
        return False
    same_canvas = (a.recipe.width, a.recipe.height) == (b.recipe.width, b.recipe.height)
    return same_canvas and a.models is b.models and a.plan == b.plan


def step_together(runs: Sequence[Run]) -> list[DivergedError | None]:
    """Take a step of each of `runs`, which all fit together.

    Where memory runs out, a single run goes on by the next of `PLANS`; several do not.

    Returns:
        Why each run ended, or None for those that go on.

    Raises:
        MemoryError, RuntimeError: memory ran out. Every run is as it was before the step.
    """
    states = [run.random.get_state() for run in runs]
    while True:
        try:
            losses = _losses(runs)
            with record_function("backward"):
                # Of no loss anything reaches the latent of another run.
                torch.stack(losses).sum().backward()
            break
        except (MemoryError, RuntimeError) as error:
            for run, state in zip(runs, states, strict=True):
                run.random.set_state(state)
            thriftier = after(runs[0].plan)
            if len(runs) > 1 or thriftier is None or not tells_of_memory(error):
                raise
        # Only here, outside the handler, nothing holds on to what the attempt had taken.
        runs[0].plan = thriftier
        if runs[0].models.device.type == "cuda":
            torch.cuda.empty_cache()
    with record_function("optimise"):
        return [run.follow(loss) for run, loss in zip(runs, losses, strict=True)]


def _losses(runs: Sequence[Run]) -> list[Tensor]:
    """The loss of each run, with a graph that leads to its latent."""
    models, plan = runs[0].models, runs[0].plan
    with record_function("quantise"):
        latents = torch.cat([run.quantized() for run in runs])
    with record_function("decode"):
        decoded = clamp_with_gradient(models.generator.decode(latents, recompute=plan.recomputes))
        images = [run.seen(image) for run, image in zip(runs, decoded.split(1), strict=True)]
    looks: list[list[Tensor]] = [[] for _ in runs]
    for perceptor in models.perceptors:
        with record_function("cutouts"):
            cutouts = [
                run.cutouts(image, perceptor.input_size)
                for run, image in zip(runs, images, strict=True)
            ]
        with record_function("perceptor"):
            embeddings = _embeddings(perceptor, torch.cat(cutouts), plan)
        for each, part in zip(looks, embeddings.split([len(c) for c in cutouts]), strict=True):
            each.append(part[None])
    with record_function("loss"):
        return [
            run.loss_of(image, look) for run, image, look in zip(runs, images, looks, strict=True)
        ]


def _embeddings(perceptor: Perceptor, cutouts: Tensor, plan: Plan) -> Tensor:
    """Unit vectors (N, D) of `cutouts` (N, 3, S, S), as many at a time as the plan says."""
    if plan.cutouts_at_once is None:
        return perceptor.encode_image(cutouts)
    parts = cutouts.split(plan.cutouts_at_once)
    embeddings = [
        cast(Tensor, checkpoint(perceptor.encode_image, part, use_reentrant=False))
        for part in parts
    ]
    return torch.cat(embeddings)
