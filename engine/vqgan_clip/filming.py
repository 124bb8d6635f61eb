"""A run that paints a film: what happens between two frames (`engine.recipes.film`).

When a frame is done, the camera moves the picture, and the generator encodes what it sees as the
state of the next frame. Adam keeps its second moments, so that its steps stay small; its first
moments belong to the old place of everything and begin anew.

The last frames of a loop are faded into what the camera would see of the first one, also while they
are painted. So they agree with it when it comes again.

`engine.vqgan_clip.restyling` does the same for a film that restyles a clip, where the clip's motion
takes the place of the camera's.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from engine.models.protocols import Generator, State
from engine.recipes.film import Film
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.camera import moved
from engine.vqgan_clip.edit_constraint import EditConstraint
from engine.vqgan_clip.latents import encoded

PICTURE = -1
"""What `Filming.frame` is while the picture is painted, before the first frame."""
_LOOP_SHARE, _LOOP_FRAMES = 1 / 3, 24
"""Share of a loop's frames that are faded into the first one, and their maximum number."""


class Filming:
    """The camera of a run of `recipe`, whose pictures `generator` encodes and decodes.

    Attributes:
        frame: Number of the frame that is painted, from 0; -1 for the picture before them.
        first: The settled state of a loop's first frame; None before that is done, and for films
            that are no loops.
        last: The frame (1, 3, H, W) before the current one, which only a restyled clip needs; None
            at its beginning.
        constraint: What is kept of the current frame of a clip; None for other films.
    """

    def __init__(self, recipe: Recipe, film: Film, generator: Generator) -> None:
        self._recipe = recipe
        self._film = film
        self._generator = generator
        self.frame = PICTURE
        self.first: State | None = None
        self.last: Tensor | None = None
        self.constraint: EditConstraint | None = None
        self._target: tuple[int, Tensor] | None = None
        """A frame, and what the camera sees of the first one there; `compose` needs it again."""

    def compose(self, image: Tensor) -> Tensor:
        """Fade an image (1, 3, H, W) of the end of a loop into its first frame."""
        share = self._fade()
        if share == 0 or self.first is None:
            return image
        if self._target is None or self._target[0] != self.frame:
            self._target = self.frame, self._view_of(self.first)
        return torch.lerp(image, self._target[1], share)

    def is_due(self, steps_done: int) -> bool:
        """Return True if the camera moves before the next step."""
        is_done = steps_done == self._recipe.steps + (self.frame + 1) * self._film.steps
        return is_done and self.frame < self._film.frames - 1

    @torch.no_grad()
    def move(
        self, state: State, optimizer: torch.optim.Adam, picture: Tensor
    ) -> Callable[[], None]:
        """Move the camera from the finished frame, a `picture` (1, 3, H, W), to the next one.

        The `state` of the frame becomes that of the next one, in place. From the picture before the
        first frame, the camera does not move. Returns what undoes that.
        """
        undo = self._undo(state, optimizer)
        if self.frame == 0 and self._film.loop:
            settled = self._generator.settled(state, self._recipe.quantization, None)
            self.first = tuple(numbers.detach().clone() for numbers in settled)
        start = self._begin_frame(picture)
        for own, numbers in zip(state, encoded(self._generator, start, "none"), strict=True):
            own.copy_(numbers)
            optimizer.state[own]["exp_avg"].zero_()
        return undo

    def resume(self, steps_done: int, first: State | None, last: Tensor | None) -> None:
        """Continue after some steps; `first` and `last` are what the attributes were then."""
        after_first = max(0, steps_done - self._recipe.steps)
        self.frame = -(-after_first // self._film.steps) + PICTURE
        self.first, self.last, self._target = first, last, None

    def _begin_frame(self, picture: Tensor) -> Tensor:
        """Go on to the next frame after a `picture`; return what it starts from (1, 3, H, W)."""
        self.frame += 1
        if self.frame == 0:
            return picture
        return moved(picture, self._film, self._recipe.seed, self.frame - 1, self.frame)

    def _undo(self, state: State, optimizer: torch.optim.Adam) -> Callable[[], None]:
        frame, first = self.frame, self.first
        moments = [optimizer.state[each]["exp_avg"] for each in state]
        before = [each.detach().clone() for each in (*state, *moments)]

        def undo() -> None:
            self.frame, self.first = frame, first
            with torch.no_grad():
                for own, numbers in zip((*state, *moments), before, strict=True):
                    own.copy_(numbers)

        return undo

    def _fade(self) -> float:
        """Return how much of the first frame is in the current one, from 0 to 1."""
        if not self._film.loop:
            return 0.0
        length = min(_LOOP_FRAMES, max(1, round(_LOOP_SHARE * self._film.frames)))
        return max(0, length + 1 - (self._film.frames - self.frame)) / (length + 1)

    @torch.no_grad()
    def _view_of(self, first: State) -> Tensor:
        picture = self._generator.decode(first).clamp(0, 1)
        return moved(picture, self._film, self._recipe.seed, 0, self.frame)
