"""The frames of a clip that a film restyles, as tensors, without ever holding all of them."""

from collections.abc import Iterator
from itertools import islice

from PIL import Image
from torch import Tensor

from engine.images.stored_clip import clip_frames
from engine.models.tensors import to_tensor
from engine.recipes.film import Clip, Film


class ClipSource:
    """Reads the frames of a clip one after the other, and holds the last two that were asked for.

    Frames are tensors (1, 3, H, W) of floats in [0, 1].
    """

    def __init__(self, film: Film, clip: Clip) -> None:
        self._video = clip.video
        self._stride = 1 + film.between
        self._frames: Iterator[Image.Image] = iter(())
        self._next = 0
        """Number of the frame that `_frames` yields next."""
        self._held: dict[int, Tensor] = {}

    def shown(self, number: int) -> Tensor:
        """Return a frame by its number from 0.

        One before those that are held is read from the start of the clip again.
        """
        if number not in self._held:
            self._held = {**dict(list(self._held.items())[-1:]), number: self._read(number)}
        return self._held[number]

    def painted(self, frame: int) -> Tensor:
        """Return the frame that a painted frame restyles, by the number of that one from 0."""
        return self.shown(frame * self._stride)

    def _read(self, number: int) -> Tensor:
        if self._next == 0 or number < self._next:
            self._frames, self._next = clip_frames(self._video), 0
        frame = next(islice(self._frames, number - self._next, None))
        self._next = number + 1
        return to_tensor(frame)
