"""Progress bars, which appear only on a terminal, and lines on standard error."""

import os
import sys
import time
from typing import Any, Self

from tqdm import tqdm

from engine.cli.messages import print_notice
from engine.recipes.recipe import Recipe

_DEFAULT_COLUMNS = 80


class _Bar:
    """A bar on a terminal, or nothing elsewhere."""

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

    def __exit__(self, *_: object) -> None:
        self._bar.close()


class StepBar(_Bar):
    """A progress bar of one run of `steps`, with the loss and the remaining time.

    `title` is the number of the picture in words, or "" if there is only one.
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
        """Show one more step and the loss before it."""
        self._bar.set_postfix_str(f"loss={loss:.3f}", refresh=False)
        self._bar.update()

    def finish(self, steps_done: int) -> None:
        """Print how many steps were taken, and how long they took."""
        seconds = time.monotonic() - self._start
        how = "painted" if steps_done >= self._steps else f"stopped at step {steps_done} of"
        print_notice(f"{self._title}{how} {self._steps} steps in {seconds:.1f} s")


class ByteBar(_Bar):
    """A progress bar of a file that is downloaded or read."""

    def __init__(self, title: str) -> None:
        super().__init__(title, unit="B", unit_scale=True)

    def show(self, done: int, total: int) -> None:
        """Show that `done` bytes of `total` are done, with 0 for an unknown total."""
        if self._bar.disable:
            return
        self._bar.total = total or None
        self._bar.update(done - self._bar.n)


def _columns() -> int:
    """Return the terminal's width, or a default if the terminal reports none."""
    # Some terminals report a width of 0, with which tqdm shows nothing.
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or _DEFAULT_COLUMNS
    except (OSError, ValueError):
        return _DEFAULT_COLUMNS
