"""Progress bars, shown only at a terminal, and lines on standard error wherever it goes."""

import os
import sys
import time
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm

from engine.cli.messages import print_notice
from engine.recipes.recipe import Recipe

_USUAL_COLUMNS = 80


class _Bar:
    """A bar at a terminal, and nothing elsewhere."""

    def __init__(self, title: str, **options: Any) -> None:
        self._bar = tqdm(
            desc=title or None,
            file=sys.stderr,
            leave=False,
            ncols=_columns() - 1,
            disable=not sys.stderr.isatty(),
            **options,
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


class StepBar(_Bar):
    """Shows the steps of one run: how many are done, the loss and the time left.

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
        super().__init__(title, total=steps, unit="step")

    def step(self, loss: float) -> None:
        """Show that one more step was taken."""
        self._bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
        self._bar.update()

    def finish(self, steps_done: int) -> None:
        """Print how many steps were taken, and how long they took."""
        seconds = time.monotonic() - self._start
        how = "painted" if steps_done >= self._steps else f"stopped at step {steps_done} of"
        print_notice(f"{self._title}{how} {self._steps} steps in {seconds:.1f} s")


class ByteBar(_Bar):
    """Shows how much of a file is downloaded or read."""

    def __init__(self, title: str) -> None:
        super().__init__(title, unit="B", unit_scale=True)

    def show(self, done: int, total: int) -> None:
        """Show that `done` bytes of `total` are done; 0 stands for an unknown total."""
        if self._bar.disable:
            return
        self._bar.total = total or None
        self._bar.update(done - self._bar.n)


def _columns() -> int:
    """Return the terminal's width, or a usual one if the terminal reports none."""
    # With a width of 0, which some terminals report, tqdm shows nothing.
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
    except (OSError, ValueError):
        return _USUAL_COLUMNS
