"""A run that paints a clip in another style, so that the style sticks to the things in it.

Each painted frame is an edit of the clip's frame. It starts from the last painted one, moved as
things moved in the clip. Edits that are painted one by one differ, because their cutouts do, and a
film of them flickers. Therefore (the first as in Ruder et al., 2016, the others ours):

- a frame begins where the last one ended, and needs few steps;
- a share of what is shown is the last frame, moved, as far as the flow is certain;
- all frames have the palette of the first one as long as that describes them, so the last shifts of
  its colors say how to paint what was hidden before.

With structure kept, what is moved is the change of the clip and not the picture: the clip's own
outlines and texture are then always those of the current frame.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from engine.models.loading import Models
from engine.models.protocols import State
from engine.recipes.film import Clip, Film
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.clip_source import ClipSource
from engine.vqgan_clip.edit_constraint import EditConstraint
from engine.vqgan_clip.filming import Filming
from engine.vqgan_clip.painted_frame import PaintedFrame
from engine.vqgan_clip.palette_transfer import PaletteTransfer, find_colors, has_colors

_HOLD = 0.5
"""Share of the last frame in what is shown of the next one."""


class Restyling(Filming):
    """The frames of a clip in a run of `recipe` on `models`."""

    def __init__(self, recipe: Recipe, film: Film, clip: Clip, models: Models) -> None:
        super().__init__(recipe, film, models.generator)
        self._clip = clip
        self._models = models
        self._source = ClipSource(film, clip)
        self._colors: list[Tensor] = []
        """The palette (K, 3) of each frame so far, which mostly is that of the first one."""
        self._start: Tensor | None = None
        self._hold: Tensor | None = None
        """What the current frame started from, and the share of it in what is shown."""
        self._enter()

    def compose(self, image: Tensor) -> Tensor:
        """Compose an image (1, 3, H, W) with the clip's frame, and with the last frame."""
        if self.constraint is not None:
            image = self.constraint.compose(image)
        if self._start is None or self._hold is None:
            return image
        return torch.lerp(image, self._start, self._hold)

    def resume(self, steps_done: int, first: State | None, last: Tensor | None) -> None:
        """Continue after some steps, as in any film."""
        super().resume(steps_done, first, last)
        self._enter()

    def _begin_frame(self, picture: Tensor) -> Tensor:
        self.frame += 1
        self.last = picture
        self._enter()
        return picture if self._start is None else self._start

    @torch.no_grad()
    def _enter(self) -> None:
        """Prepare the current frame: all follows from the clip and the last frame."""
        number = max(0, self.frame)
        colors = self._colors_of(number)
        here = self._frame(number)
        palette = PaletteTransfer(here, colors) if self._clip.keep_structure > 0 else None
        self.constraint = EditConstraint(self._clip, here, self._models, palette=palette)
        self._start = self._hold = None
        if self.last is not None:
            self._start, self._hold = self._carry(max(0, number - 1), here, self.last)

    def _carry(self, number: int, here: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
        """Return the `last` frame, of a number, as its things are `here`, and its share."""
        structure, colors = self._clip.keep_structure, self._colors[number]
        seen, certain = PaintedFrame(last, self._frame(number), structure, colors).seen_in(here)
        # Where nothing moved here, only the palette is known, which says as much as is kept of it.
        return seen, _HOLD * (structure + (1 - structure) * certain)

    def _frame(self, number: int) -> Tensor:
        return self._source.painted(number).to(self._models.device)

    def _colors_of(self, number: int) -> Tensor:
        """Return the palette of a frame: the last one's, if it describes this one too."""
        for each in range(len(self._colors), number + 1):
            frame = self._frame(each)
            if not self._colors or not has_colors(frame, self._colors[-1]):
                self._colors.append(find_colors(frame))
            else:
                self._colors.append(self._colors[-1])
        return self._colors[number]

    def _undo(self, state: State, optimizer: torch.optim.Adam) -> Callable[[], None]:
        undo_camera = super()._undo(state, optimizer)
        before = self.last, self.constraint, self._start, self._hold

        def undo() -> None:
            undo_camera()
            self.last, self.constraint, self._start, self._hold = before

        return undo
