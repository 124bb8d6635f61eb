"""The frames of a clip that a film restyles, as tensors, without ever holding all of them."""

from collections.abc import Iterator
from itertools import islice

from PIL import Image
from torch import Tensor

from engine.errors import RecipeError
from engine.images.stored_clip import clip_frames, clip_info
from engine.models.tensors import to_tensor
from engine.recipes.film import Clip, Film
from engine.recipes.pictures import check_complete
from engine.recipes.recipe import Recipe


def check_clip(recipe: Recipe, film: Film, clip: Clip) -> None:
    """Raise `RecipeError` unless a recipe's clip has the size, rate and frames of its film.

    Every frame is read. Raises `PictureError` if the file is none of `engine.images.clip`.
    """
    check_complete(recipe)
    wanted = (recipe.width, recipe.height)
    shown = 0
    for frame in clip_frames(clip.video):
        shown += 1
        if frame.size != wanted:
            raise RecipeError(
                "the clip is {size} pixels, but the film {wanted}",
                size=f"{frame.width}x{frame.height}",
                wanted=f"{recipe.width}x{recipe.height}",
            )
    rate, painted = clip_info(clip.video).rate, film.painted_of(shown)
    if (rate, painted) != (film.shown_rate, film.frames):
        raise RecipeError(
            "of the clip {painted} frames would be painted and {rate} shown a second, but of the "
            "film {frames} and {shown}",
            painted=painted,
            rate=rate,
            frames=film.frames,
            shown=film.shown_rate,
        )


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
