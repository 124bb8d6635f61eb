"""Handle Ctrl-C, SIGTERM and a closed terminal: a run stops between two steps, to save its picture.

A closed terminal sends SIGHUP, often twice. `nohup` has it ignored, which stays so.
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self

_HANGUP: int | None = getattr(signal, "SIGHUP", None)
"""The signal of a closed terminal, which Windows lacks."""


class Stopped(KeyboardInterrupt):
    """A signal asked the program to stop when there was no picture to save."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = exit_code(number)


class StopSignals:
    """A context in which stopping signals raise `Stopped`, or are recorded while `held`."""

    def __init__(self) -> None:
        self.received: int | None = None
        """First signal that was recorded, or None."""
        self._held = False
        self._asked = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in _stopping():
            self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Generator[None, None, None]:
        """Only record a first signal in the block; a second Ctrl-C or SIGTERM raises `Stopped`."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if not self._held or (self._asked and number != _HANGUP):
            raise Stopped(number)
        self._asked = self._asked or number != _HANGUP
        self.received = self.received or number


def exit_code(number: int) -> int:
    """Return the exit code of shells for a signal: 130 for Ctrl-C, 143 for SIGTERM."""
    return 128 + number


def _stopping() -> list[int]:
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    if _HANGUP is not None and signal.getsignal(_HANGUP) != signal.SIG_IGN:
        numbers.append(_HANGUP)
    return numbers
