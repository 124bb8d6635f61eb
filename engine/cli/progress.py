"""Progress bars, which appear only on a terminal, and lines on standard error."""

import math
import os
import time
from collections.abc import Callable
from typing import Any, Self

from tqdm import tqdm

from engine.cli.messages import NoticeStream, print_notice
from engine.recipes.kinds import AnyRecipe

_DEFAULT_COLUMNS = 80
_LINES = 10
"""Number of lines that tell the progress where there is no terminal."""
_LOSS_PAUSE = 0.25
"""Time in seconds after which a bar reads the loss again, which waits for the device."""
_SILENCE = 60.0
"""Time in seconds after which a line tells the progress in any case."""


class _Bar:
    """A bar on a terminal, or nothing elsewhere."""

    def __init__(self, title: str, **options: Any) -> None:
        stream = NoticeStream()
        self._is_shown = stream.isatty()
        self._bar = tqdm(
            desc=title or None,
            file=stream,
            leave=False,
            ncols=_columns(stream) - 1,
            disable=not self._is_shown,
            **options,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


class StepBar(_Bar):
    """A progress bar of one run of `steps`, with the loss and the remaining time.

    Where there is no terminal, a line tells the progress now and then.

    `title` is the number of the picture in words, or "" if there is only one.
    """

    def __init__(self, recipe: AnyRecipe, steps: int, title: str) -> None:
        self._title = f"{title}: " if title else ""
        self._start = self._told = time.monotonic()
        self._loss_read = -math.inf
        self._done, self._steps = 0, steps
        print_notice(
            f"{self._title}painting {recipe.width}x{recipe.height} pixels in {steps} steps "
            f"with seed {recipe.seed}"
        )
        super().__init__(title, total=steps, unit="step")

    def step(self, read_loss: Callable[[], float] | None) -> None:
        """Show one more step, and now and then the loss before it.

        `read_loss` returns the loss, for painters that have one. It is not called in every step,
        since it waits for the device.
        """
        now = time.monotonic()
        if self._is_shown and read_loss is not None and now - self._loss_read >= _LOSS_PAUSE:
            self._loss_read = now
            self._bar.set_postfix_str(f"loss={read_loss():.3f}", refresh=False)
        self._bar.update()
        self._done += 1
        if not self._is_shown and self._is_due():
            self._told = now
            left = (self._told - self._start) / self._done * (self._steps - self._done)
            told = "" if read_loss is None else f", loss {read_loss():.3f}"
            print_notice(
                f"{self._title}step {self._done} of {self._steps}{told}, about {left:.0f} s left"
            )

    def _is_due(self) -> bool:
        if self._done == self._steps:
            return False
        parts = [_LINES * done // self._steps for done in (self._done - 1, self._done)]
        return parts[0] < parts[1] or time.monotonic() - self._told > _SILENCE

    def finish(self, steps_done: int) -> None:
        """Print how many steps were taken, and how long they took."""
        seconds = time.monotonic() - self._start
        how = "painted" if steps_done >= self._steps else f"stopped at step {steps_done} of"
        print_notice(f"{self._title}{how} {self._steps} steps in {seconds:.1f} s")


class ByteBar(_Bar):
    """A progress bar of a file that is downloaded or read, or a line a minute."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._told = time.monotonic()
        super().__init__(title, unit="B", unit_scale=True)

    def show(self, done: int, total: int) -> None:
        """Show that `done` bytes of `total` are done, with 0 for an unknown total."""
        if not self._is_shown:
            self._tell(done, total)
            return
        self._bar.total = total or None
        self._bar.update(done - self._bar.n)

    def _tell(self, done: int, total: int) -> None:
        if done == total or time.monotonic() - self._told < _SILENCE:
            return
        self._told = time.monotonic()
        whole = f" of {total / 1e6:,.1f}" if total else ""
        print_notice(f"{self._title}: {done / 1e6:,.1f}{whole} MB")


def _columns(stream: NoticeStream) -> int:
    """Return the terminal's width, or a default if the terminal reports none."""
    # Some terminals report a width of 0, with which tqdm shows nothing.
    try:
        return os.get_terminal_size(stream.fileno()).columns or _DEFAULT_COLUMNS
    except (OSError, ValueError):
        return _DEFAULT_COLUMNS
