"""Handle Ctrl-C and SIGTERM: a run stops between two steps, so that its picture can be saved."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

_STOPPING = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """A signal asked the program to stop when there was no picture to save."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = exit_code(number)


class StopSignals:
    """A context in which Ctrl-C and SIGTERM raise `Stopped`, or are recorded while `held`."""

    def __init__(self) -> None:
        self.received: int | None = None
        """Signal that was recorded, or None."""
        self._held = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in _STOPPING:
            self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """Only record a first signal in the block; a second one raises `Stopped`."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if not self._held or self.received is not None:
            raise Stopped(number)
        self.received = number


def exit_code(number: int) -> int:
    """Return the exit code of shells for a signal: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + number
