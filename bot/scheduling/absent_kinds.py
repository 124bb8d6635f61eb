"""How long jobs wait for a painter that goes on with their runs alike, while there is none.

They wait only if painters are expected: those that still load their models, or that come and go.
"""

import time


class AbsentKinds:
    """When painters left, and for how many `seconds` their runs are kept for others like them."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.expected = 0
        """Number of painters that may still come."""
        self._opened: float | None = None
        """Monotonic time at which the first painter came."""
        self._left: dict[str, float] = {}
        """Monotonic times at which painters left, by the kind of their runs."""

    def came(self, kind: str) -> None:
        """Note that a painter came."""
        if self._opened is None:
            self._opened = time.monotonic()
        self._left.pop(kind, None)

    def left(self, kind: str) -> None:
        """Note that a painter left."""
        self._left[kind] = time.monotonic()

    def seconds_left(self, kind: str) -> float:
        """Return for how long runs of a kind are still kept, of which no painter is there."""
        return self._until_end(self._left.get(kind, self._opened))

    def next_end(self) -> float | None:
        """Return after how many seconds the next kind is free for all; None if none is kept."""
        waits = map(self._until_end, (self._opened, *self._left.values()))
        return min((each for each in waits if each > 0), default=None)

    def _until_end(self, since: float | None) -> float:
        if since is None or not self.expected:
            return 0.0
        return max(0.0, since + self._seconds - time.monotonic())
