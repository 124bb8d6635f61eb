"""How this engine is to take the steps that are measured."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.models.loading import Models


@dataclass(frozen=True)
class Engine:
    """How this engine is to take its steps."""

    device: str
    precision: str
    plan: int

    def models(self) -> "Models":
        """The paper's pair, made ready for that."""
        from benchmarks.lib.architectures import paper_pair

        return paper_pair(self.device, precision=self.precision)
