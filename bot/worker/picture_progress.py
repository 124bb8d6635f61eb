"""The pictures of a job's progress: those that people see, and the frames of the animation."""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from bot.jobs.events import Event, Frame, Pixels, ProgressEvent
from engine.files import MEBIBYTE
from engine.recipes.kinds import AnyRecipe
from engine.recipes.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.painter import Run

PROGRESS_SECONDS = 1.0
"""Seconds between two pictures of the progress."""
LONGEST = 1024
"""Longest side of a picture of the progress; those of twice as many pixels or more are halved."""
FRAMES = 48
"""Number of frames of a picture's animation."""


_MOST_BYTES = 16 * MEBIBYTE
"""Size of the frames that are collected at most, give or take one, before a checkpoint is due."""


class PictureProgress:
    """Publishes the progress of a job by `publish`, and collects frames until they are taken."""

    def __init__(self, job_id: int, publish: Callable[[Event], None]) -> None:
        self._job_id = job_id
        self._publish = publish
        self._frames: list[Frame] = []
        self._shown_at = float("-inf")
        """Monotonic time of the last progress event."""

    def record(self, run: "Run", number: int) -> None:
        """Keep what the last step saw as a frame of picture `number`, and show it, where due.

        The frames of a film are those that are painted for it, whole.
        """
        steps, now = run.steps_done, time.monotonic()
        is_frame = self._is_frame(run.recipe, steps)
        is_due = now - self._shown_at >= PROGRESS_SECONDS
        if not (is_frame or is_due):
            return
        is_of_film = is_frame and run.recipe.film is not None
        pixels = to_pixels(_within_reach(run.image() if is_of_film else run.last_seen))
        if is_frame:
            self._frames.append(Frame(steps, pixels))
        if is_due:
            self._shown_at = now
            self._publish(ProgressEvent(self._job_id, pixels, number, steps))

    def _is_frame(self, recipe: AnyRecipe, steps: int) -> bool:
        if isinstance(recipe, Recipe) and recipe.film is not None:
            return recipe.frame_after(steps) is not None
        return (steps - 1) % max(1, recipe.total_steps // FRAMES) == 0

    @property
    def is_full(self) -> bool:
        """Whether the collected frames should be taken, so that many films fit into memory."""
        return sum(each.pixels.nbytes for each in self._frames) >= _MOST_BYTES

    def put_frames(self, frames: Iterable[Frame]) -> None:
        """Add frames that were collected elsewhere."""
        self._frames.extend(frames)

    def take_frames(self) -> tuple[Frame, ...]:
        """Return the frames since the last call."""
        frames = tuple(self._frames)
        self._frames.clear()
        return frames


def _within_reach(image: "Tensor") -> "Tensor":
    """Return a picture (1, 3, height, width), made smaller if it is larger than people see it."""
    from torch.nn.functional import avg_pool2d

    stride = max(image.shape[2:]) // LONGEST
    return image if stride < 2 else avg_pool2d(image, stride)


def to_pixels(image: "Tensor") -> Pixels:
    """Convert a picture (1, 3, height, width) of floats in [0, 1] to 8 bits in main memory."""
    return (image[0].movedim(0, -1) * 255).round().byte().cpu().numpy()
