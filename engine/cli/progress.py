"""Show the progress of a run: a line at the start and the end, and a bar on a terminal."""

import os
import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

from engine.cli.messages import print_notice
from engine.recipes.recipe import Recipe

_DEFAULT_COLUMNS = 80


class StepBar:
    """A progress bar of one run, with the loss and the remaining time.

    Args:
        recipe: Recipe of the run.
        steps: Number of steps to take.
        title: Number of the picture in words, or "" if there is only one.
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
        """Show one more step and the loss before it."""
        self._bar.set_postfix_str(f"loss={loss:.3f}", refresh=False)
        self._bar.update()

    def finish(self, steps_done: int) -> None:
        """Print how many steps were taken in how many seconds."""
        seconds = time.monotonic() - self._start
        how = "painted" if steps_done >= self._steps else f"stopped at step {steps_done} of"
        print_notice(f"{self._title}{how} {self._steps} steps in {seconds:.1f} s")


def _columns() -> int:
    """Return the terminal's width, or a default where it is unknown (0), as tqdm needs one."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _DEFAULT_COLUMNS
    except (OSError, ValueError):
        return _DEFAULT_COLUMNS
