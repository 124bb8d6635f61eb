"""The line between the bot and a painter in another process."""

from collections.abc import Sequence
from typing import Protocol

from bot.cluster.messages import Order, Report


class PainterLostError(Exception):
    """The painter does not answer any more; the message says why."""


class Line(Protocol):
    """A line to one painter. Only one thread at a time exchanges messages."""

    @property
    def place(self) -> str:
        """The machine of the painter, in words; "" until it answers."""
        ...

    @property
    def broken(self) -> str:
        """Why the painter is lost, which may be noticed between two exchanges; "" if it is not."""
        ...

    def exchange(self, orders: Sequence[Order], seconds: float) -> Sequence[Report]:
        """Send orders; return what there is to report after `seconds`, or before if urgent.

        Raises `PainterLostError`; the orders may then have been obeyed or not, and what was not
        reported is lost.
        """
        ...

    def check(self) -> None:
        """Raise `PainterLostError` if the painter does not answer now, but did so before."""
        ...

    def settle(self) -> None:
        """Expect quick answers from now on, because the painter has loaded its models."""
        ...

    def is_leaving(self) -> bool:
        """Return True if the painter's machine is about to leave the cluster."""
        ...

    def cut(self) -> None:
        """End the painter at once, if it lives, and the line."""
        ...
