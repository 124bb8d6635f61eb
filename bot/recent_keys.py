"""Keys that count for some time, to do something once: answer a person, or handle an event."""

import time
from collections.abc import Hashable

_MOST = 10_000
"""Maximum number of keys that are remembered; the oldest ones are forgotten first."""


class RecentKeys:
    """Remembers keys for some seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[Hashable, float] = {}
        """When each key was added, oldest first."""

    def add(self, key: Hashable) -> bool:
        """Remember a key; return False if it is remembered already."""
        now = time.monotonic()
        self._forget_old(now)
        if key in self._since:
            return False
        self._since[key] = now
        return True

    def __contains__(self, key: Hashable) -> bool:
        """Return True if a key is remembered."""
        self._forget_old(time.monotonic())
        return key in self._since

    def discard(self, key: Hashable) -> None:
        """Forget a key, if it is remembered."""
        self._since.pop(key, None)

    def _forget_old(self, now: float) -> None:
        while self._since:
            oldest = next(iter(self._since))
            if len(self._since) < _MOST and now - self._since[oldest] < self._seconds:
                return
            del self._since[oldest]
