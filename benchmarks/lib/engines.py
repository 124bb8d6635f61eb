"""The configuration of the engine in measurements."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.models.loading import Models


@dataclass(frozen=True)
class Engine:
    """Device, precision and memory plan of the engine."""

    device: str
    precision: str
    plan: int
    """Index of a memory plan in `engine.vqgan_clip.memory_plan.PLANS`."""

    def models(self) -> "Models":
        """Build the paper's pair for this device and precision."""
        from benchmarks.lib.architectures import paper_pair

        return paper_pair(self.device, precision=self.precision)
