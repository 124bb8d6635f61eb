"""What painters of other processes run on, as the bot sees it."""

from typing import Protocol

from bot.cluster.line import Line
from bot.timings import Timings
from engine.errors import EngineError
from engine.settings import EngineSettings
from engine.weights.settings import WeightsSettings


class ClusterError(EngineError):
    """There can be no cluster on this machine with these settings."""


class Cluster(Protocol):
    """Machines on which painters can be hired."""

    def open(self) -> None:
        """Connect to it, or start it. Raises `ClusterError` if that can never succeed.

        Any other error may pass: it is called again.
        """
        ...

    def places(self) -> int:
        """Return the number of painters that have room."""
        ...

    def hire(self, settings: EngineSettings, weights: WeightsSettings, timings: Timings) -> Line:
        """Return the line to a new painter, which is started as soon as there is room."""
        ...

    def close(self) -> None:
        """End all painters, and the connection."""
        ...
