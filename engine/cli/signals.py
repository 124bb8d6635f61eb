"""Ctrl-C and SIGTERM: a run is stopped between two steps, so that its picture can be kept."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

_STOPPING = (signal.SIGINT, signal.SIGTERM)


class Stopped(KeyboardInterrupt):
    """Somebody asked the program to end, at a point where there is nothing to keep."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = exit_code(number)


class StopSignals:
    """While entered, Ctrl-C and SIGTERM raise `Stopped`, or are `held` until somebody looks."""

    def __init__(self) -> None:
        self.received: int | None = None
        """The signal that came while signals were held."""
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
    def held(self) -> Iterator[None]:
        """Within the block a first signal is only noted; a second one raises `Stopped` at once."""
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
    """The exit code that tells of a signal, as shells have it: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + number
