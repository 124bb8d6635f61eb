"""Progress: a bar at a terminal, and two lines wherever the output goes."""

import os
import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

from engine.cli.messages import print_notice
from engine.recipes.recipe import Recipe

_USUAL_COLUMNS = 80


class Progress:
    """Shows the steps of one run: how many, the loss, the time left.

    `title` says which of several pictures it is, and is empty for a single one.
    """

    def __init__(self, recipe: Recipe, steps: int, title: str) -> None:
        self._title = f"{title}: " if title else ""
        self._start = time.monotonic()
        self._steps = steps
        print_notice(
            f"{self._title}painting {recipe.width}x{recipe.height} pixels in {steps} steps "
            f"with seed {recipe.seed}"
        )
        self._bar = tqdm(
            desc=title or None,
            total=steps,
            unit="step",
            file=sys.stderr,
            leave=False,
            ncols=_columns() - 1,
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def step(self, loss: float) -> None:
        """Show that one more step was taken."""
        self._bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        self._bar.update()

    def finish(self, steps_done: int) -> None:
        """Say how far the run came."""
        seconds = time.monotonic() - self._start
        how = "painted" if steps_done >= self._steps else f"stopped at step {steps_done} of"
        print_notice(f"{self._title}{how} {self._steps} steps in {seconds:.1f} s")


def _columns() -> int:
    """The terminal's width; one that does not know its own says 0, and there tqdm shows nothing."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
    except (OSError, ValueError):
        return _USUAL_COLUMNS
