"""One step of VQGAN-CLIP, from the latent z to Adam: Section 2 of the paper, on one page.

    z <- random codebook entries, or an encoded picture               2, 4
    repeat:
        image = decode(quantize(z))                                   2.1
        views = augmented cutouts of image                            2.3
        loss  = mean over views of the spherical distance between
                CLIP(view) and CLIP(prompt)                           2, 2.2
              + alpha * mean(z^2), alpha decaying                     2.4
        z    <- Adam(z, gradient of loss)                             2

An edit adds four things, see `engine.vqgan_clip.edit_constraint`: its source is composed with the
image, the loss keeps near the source, the gradient is zero outside its mask (2.5, 4, G.2), and what
hardly moves is drawn back to the source.

A film adds a camera, which moves the picture before the first step of each frame, see
`engine.vqgan_clip.filming`; or it restyles a clip, see `engine.vqgan_clip.restyling`.

Some recipes re-encode the picture every few steps, see `engine.vqgan_clip.reencoding`.

An enlargement is painted in tiles, each of which is a picture that is blended into a large one, see
`engine.vqgan_clip.enlarging`.

A step takes one run or several at once. A batch of one is the paper's loop; in a larger batch,
decoder and perceptors process all images together, and everything else is done run by run. No run
depends on the others in its batch, except that a device may sum in another order for another batch
size, and so round differently.

Shapes: B runs, N cutouts, P prompts, D the width of an embedding, S the side of a cutout; H x W
pixels. A generator's state is a tuple of tensors (B, ...); that of a VQGAN, described here, has
h x w latent cells of C channels (for codebook sampling, of one logit per code).
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol, cast

import torch
from torch import Tensor

from engine.errors import DivergedError
from engine.images.tiling import Tile
from engine.models.loading import Models
from engine.models.protocols import State
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.edit_constraint import EditConstraint
from engine.vqgan_clip.embedding import Region, embed_cutouts
from engine.vqgan_clip.enlarging import Enlarging
from engine.vqgan_clip.filming import Filming
from engine.vqgan_clip.losses import (
    clamp_with_gradient,
    prompt_loss,
    total_variation,
)
from engine.vqgan_clip.memory_plan import MemoryPlan
from engine.vqgan_clip.reencoding import is_due, reencode
from engine.vqgan_clip.safety import FiniteGuard, with_less_memory
from engine.vqgan_clip.schedules import alpha, learning_rate, smoothness_weight


class Schedules(NamedTuple):
    """The weights in the loss that can change from step to step; numbers may be tensors ()."""

    alpha: float | Tensor
    """Weight of mean(z^2) (Section 2.4)."""
    smoothness: float | Tensor
    """Weight of the total variation."""
    prompts: Tensor
    """Weights (1, P) of the prompts; always a tensor, and another one in a step of a story."""


class GradientGraph(Protocol):
    """Computes the gradient of a run that takes a step alone, faster than step by step."""

    def compute_gradients(self, run: "Run", plan: MemoryPlan) -> list[Tensor]:
        """Compute the loss () of `run`, in a list, and its gradient on the run's state."""
        ...


@dataclass(eq=False)
class Run:
    """A picture in progress: everything that a step reads or changes."""

    recipe: Recipe
    """The specification of the picture."""
    models: Models
    """The generator and the perceptors, frozen and shared by all runs."""
    edit: EditConstraint | None
    """The source and the mask of an edit; None for a new picture."""
    targets: Sequence[Tensor]
    """Unit vectors (1, P, D) of the prompts, for each perceptor."""
    prompt_weights: Tensor
    """Weights (K, P) of the prompts in each of K chapters, 0 for those of the others; the absolute
    values of each row sum to 1. Without a story there is one row."""
    prompt_stops: Tensor
    """Stop values (1, P) of the prompts; minus infinity for a prompt without one."""
    state: State
    """What the generator makes the picture of, all that is optimised: of a VQGAN the paper's z,
    (1, C, h, w)."""
    optimizer: torch.optim.Adam
    """Adam on `state`."""
    rng: torch.Generator
    """Source of all random numbers of the run."""
    guard: FiniteGuard
    """Protection against a loss or gradient that is not finite."""
    plan: MemoryPlan
    """How a step saves memory."""
    steps_done: int = 0
    """Number of steps taken, extra rounds included."""
    last_loss: Tensor = field(default_factory=lambda: torch.zeros(()))
    """Loss () of the latent before the last step; 0 before the first one."""
    last_image: Tensor | None = None
    """Image (1, 3, H, W) of the latent before the last step, of an enlargement that of the tile;
    None before the first one."""
    weights: Schedules | None = None
    """Tensors in place of the schedules while a graph is captured; None for the numbers."""
    shown: tuple[int, Tensor] | None = None
    """A number of steps and the picture after them, which `show` returns again."""
    filming: Filming | None = None
    """The camera of a film; None for a picture."""
    enlarging: Enlarging | None = None
    """The large picture of an enlargement; None for a picture that is painted as a whole."""
    graph: GradientGraph | None = None
    """What computes the gradients of steps that the run takes alone; None for the loop itself."""

    @property
    def constraint(self) -> EditConstraint | None:
        """What an edit, or the current frame of a clip, keeps of its source."""
        return self.edit if self.filming is None else self.filming.constraint

    @property
    def latent(self) -> Tensor:
        """The first tensor of the state, of a VQGAN the paper's z."""
        return self.state[0]

    @property
    def tile(self) -> Tile:
        """Axes along which what is decoded continues across its edges.

        No tile of an enlargement does, even if the large picture does.
        """
        return self.recipe.tile if self.enlarging is None else "none"

    @property
    def done(self) -> bool:
        """Whether all steps of the recipe have been taken, those of its extra rounds included."""
        return self.steps_done >= self.recipe.total_steps

    def check_finite(self) -> DivergedError | None:
        """Check the steps taken since the last check, which waits for the device.

        Returns:
            The error of the first step that diverged, if there is one. The run is then back at
            its last latent with a finite loss.
        """
        error = self.guard.check()
        if error is not None:
            self.steps_done = self.guard.last_finite_steps
        return error


def step(runs: Sequence[Run]) -> list[DivergedError | None]:
    """Take one step of every run.

    All runs of a batch must be compatible, see `engine.vqgan_clip.batching.can_batch`. If memory
    runs out, a single run continues with a plan that needs less; a batch does not.

    Returns:
        For each run, the error that ends it, or None.

    Raises:
        MemoryError, RuntimeError: memory ran out. Every run is as it was before the step.
    """
    rngs = [run.rng for run in runs]
    graph = runs[0].graph if len(runs) == 1 else None
    compute = partial(compute_gradients, runs)
    if graph is not None:
        compute = partial(graph.compute_gradients, runs[0])
    with ExitStack() as undo:
        # 0. Move the camera of each film whose frame is done, go to an enlargement's next tile, and
        #    re-encode what is due. All three encode a picture, so one of them is enough.
        for run in runs:
            if run.filming is not None and run.filming.is_due(run.steps_done):
                undo.callback(run.filming.move(run.state, run.optimizer, show(run)))
            elif run.enlarging is not None and run.enlarging.is_due(run.steps_done):
                moved = run.enlarging.move(run.state, run.optimizer, run.guard, show(run))
                undo.callback(moved)
            elif is_due(run.recipe.reencode_every, run.steps_done):
                own = run.state, painted(run), run.models.generator, run.tile, run.constraint
                undo.callback(reencode(*own))
        losses, plan = with_less_memory(compute, runs[0].plan, rngs)
        undo.pop_all()  # nothing failed
    for run in runs:
        run.plan = plan
    return [apply_gradient(run, loss) for run, loss in zip(runs, losses, strict=True)]


def compute_losses(runs: Sequence[Run], plan: MemoryPlan) -> list[Tensor]:
    """Compute the loss () of each run, from its latent forward."""
    models = runs[0].models
    # 1. Quantise z to codebook entries, with a straight-through gradient (2.1, 5.1).
    states = zip(*map(settle, runs), strict=True)
    state = tuple(torch.cat(parts) for parts in states)  # of a VQGAN (B, C, h, w)
    # 2. Decode the image (2.1).
    again, tile = plan.checkpoint_decoder, runs[0].tile
    decoded = models.generator.decode(state, recompute=again, tile=tile)  # (B, 3, H, W)
    decoded = clamp_with_gradient(decoded).split(1)  # B of (1, 3, H, W)
    # 3. Compose an edit with its source (2.5, 4).
    images = [compose(run, image) for run, image in zip(runs, decoded, strict=True)]
    # 4. Embed augmented cutouts with every perceptor of the ensemble (2.2, 2.3, 2.5).
    regions = [each for pair in zip(runs, images, strict=True) for each in crop(*pair)]
    embeddings: list[list[Tensor]] = [[] for _ in runs]
    for perceptor in models.perceptors:
        encoded = embed_cutouts(regions, perceptor, plan)  # (sum of all N, D)
        parts = encoded.split([run.recipe.cutouts for run in runs])  # B of (N, D)
        for found, part in zip(embeddings, parts, strict=True):
            found.append(part[None])  # (1, N, D)
    # 5. Compare with the prompts, and add the regulariser (2, 2.4).
    for run, image in zip(runs, images, strict=True):
        run.last_image = image.detach()
    return [objective(*each) for each in zip(runs, images, embeddings, strict=True)]  # B of ()


def compute_gradients(runs: Sequence[Run], plan: MemoryPlan) -> list[Tensor]:
    """Compute the loss () of each run, and its gradient on the run's state."""
    losses = compute_losses(runs, plan)
    # 6. Backpropagate. The losses are independent, so summing them does not mix gradients.
    torch.stack(losses).sum().backward()
    return losses


@torch.no_grad()
def apply_gradient(run: Run, loss: Tensor) -> DivergedError | None:
    """Take the Adam step of one run; return the error that ends the run, if there is one."""
    run.last_loss = loss.detach()
    with run.guard.watch(run.state, loss, run.steps_done):
        # 7. Zero the gradient of latent cells outside the mask (2.5).
        if run.constraint is not None and run.constraint.free is not None:
            for numbers, free in zip(run.state, run.constraint.free, strict=True):
                cast(Tensor, numbers.grad).mul_(free)  # of a VQGAN (1, C, h, w) * (1, 1, h, w)
        # 8. Move z with Adam at the scheduled learning rate (2).
        rate = run.models.generator.rate * learning_rate(run.recipe, run.steps_done)
        run.optimizer.param_groups[0]["lr"] = rate
        run.optimizer.step()
        # 9. Draw the cells of an edit back to its source, so that what hardly moves stays.
        if run.constraint is not None:
            run.constraint.draw_back(run.state, rate)
    run.steps_done += 1
    # Before an enlargement goes to the next tile, it is known that this one is finite.
    is_due = run.guard.is_due or (run.enlarging and run.enlarging.is_due(run.steps_done))
    return run.check_finite() if run.done or is_due else None


@torch.no_grad()
def painted(run: Run) -> Tensor:
    """Return what a run paints on (1, 3, H, W), in [0, 1]: its picture, or a tile of it."""
    generator = run.models.generator
    state = generator.settled(run.state, run.recipe.quantization, None)
    return compose(run, generator.decode(state, tile=run.tile).clamp(0, 1))


@torch.no_grad()
def show(run: Run) -> Tensor:
    """Return the current picture (1, 3, H, W) of a run, in [0, 1]."""
    if run.shown is None or run.shown[0] != run.steps_done:
        picture = painted(run)
        if run.enlarging is not None:
            picture = run.enlarging.placed(picture)
        run.shown = run.steps_done, picture
    return run.shown[1]


def settle(run: Run) -> State:
    """Return the state as the decoder takes it, quantised, and clear the old gradient of z."""
    for numbers in run.state:
        numbers.grad = None
    return run.models.generator.settled(run.state, run.recipe.quantization, run.rng)


def compose(run: Run, image: Tensor) -> Tensor:
    """Return the picture (1, 3, H, W) of a decoded `image`.

    That of an edit or of a frame of a clip is composed with its source, the end of a loop with its
    beginning, and a tile of an enlargement with the coarse shapes of its source.
    """
    if run.enlarging is not None:
        return run.enlarging.compose(image)
    if run.filming is not None:
        return run.filming.compose(image)
    return image if run.edit is None else run.edit.compose(image)


def crop(run: Run, image: Tensor) -> list[Region]:
    """Return where a picture (1, 3, H, W) is cut: of a masked edit around the mask, else all.

    Some cutouts of an enlargement show the tile `image`, and others the whole picture with it.
    """
    recipe, rng = run.recipe, run.rng
    if run.enlarging is not None:
        count, whole = run.enlarging.whole_cutouts, run.enlarging.shrunk(image)
        pair = (
            Region(image, recipe.cutouts - count, recipe.augmentations, rng, run.tile),
            Region(whole, count, recipe.augmentations, rng, recipe.tile),
        )
        return [each for each in pair if each.cutouts]
    region, tile = image, recipe.tile
    if run.constraint is not None:
        region, tile = run.constraint.crop_to_mask(image)
    return [Region(region, recipe.cutouts, recipe.augmentations, rng, tile)]


def objective(run: Run, image: Tensor, embeddings: Sequence[Tensor]) -> Tensor:
    """Return the loss () of a picture, given its views' unit vectors (1, N, D) per perceptor."""
    recipe, models, weights = run.recipe, run.models, run.weights or schedules(run)
    loss = torch.zeros((), device=models.device)
    # Distance to the prompts, up to their stop values (2, 2.2), averaged over the ensemble (2.5).
    for share, views, targets in zip(models.shares, embeddings, run.targets, strict=True):
        distance = prompt_loss(views, targets, weights.prompts, run.prompt_stops)  # (1,)
        loss = loss + share * distance.sum()
    # Distance to the source of an edit, or of a frame (G.2).
    if run.constraint is not None:
        loss = loss + run.constraint.loss(run.state, embeddings)
    # alpha * mean(z^2), or another regulariser that suits the generator (2.4).
    if recipe.regularizer > 0:
        pull = models.generator.pull(run.state, recipe.quantization)  # (1,)
        loss = loss + weights.alpha * pull.sum()
    # Total variation, ours: it cleans backgrounds late in a run.
    if recipe.smoothness > 0:
        loss = loss + weights.smoothness * total_variation(image, run.tile).sum()
    return loss


def schedules(run: Run) -> Schedules:
    """Return the weights in the loss of a run's next step."""
    taken = run.steps_done
    return Schedules(
        alpha(run.recipe, taken), smoothness_weight(run.recipe, taken), prompt_weights(run)
    )


def prompt_weights(run: Run) -> Tensor:
    """Return the weights (1, P) of the prompts in a run's next step.

    Where a chapter of a story fades in, they are between those of two chapters. They are computed
    on the device, so that no step waits for it.
    """
    story, rows = run.recipe.story, run.prompt_weights.split(1)
    if story is None:
        return rows[0]
    index, part = story.part_at(run.recipe.story_share(run.steps_done))
    return rows[index] if part == 1 else torch.lerp(rows[index - 1], rows[index], part)
