"""Re-encoding: now and then a latent becomes what the encoder says of its own picture.

What only fools the perceptor, such as specks and faint stripes, is unlike all pictures that the
generator was trained on. Its encoder does not see it, so it is gone after a round through decoder
and encoder, while outlines and colors stay. In a small pair, whose CLIP is easily fooled, this is
the difference between a clean sky and a dirty one.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from engine.images.tiling import Tile
from engine.models.protocols import Generator, State
from engine.vqgan_clip.edit_constraint import EditConstraint
from engine.vqgan_clip.latents import encoded


def is_due(every: int, steps_done: int) -> bool:
    """Return True if a state is re-encoded before the next step; never with an `every` of 0."""
    return every > 0 and steps_done > 0 and steps_done % every == 0


@torch.no_grad()
def reencode(
    state: State,
    picture: Tensor,
    generator: Generator,
    tile: Tile,
    constraint: EditConstraint | None = None,
) -> Callable[[], None]:
    """Replace a state in place by the encoding of its `picture` (1, 3, H, W) in [0, 1].

    What an edit has not moved stays exactly what it is. Returns what undoes that.
    """
    before = tuple(numbers.detach().clone() for numbers in state)
    again = encoded(generator, picture, tile)
    if constraint is not None:
        again = constraint.without_unmoved(again, state)
    _copy(again, state)

    def undo() -> None:
        _copy(before, state)

    return undo


@torch.no_grad()
def _copy(source: State, target: State) -> None:
    for numbers, own in zip(source, target, strict=True):
        own.copy_(numbers)
