"""The architecture of the CLIP that sees noise, as the configurations in weights files state it.

No torch in here. Values come from a file, so all are checked before anything is built from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from reprlib import repr as brief
from typing import Any, Self

_LIMITS = {
    "width": 2**12,
    "layers": 64,
    "heads": 64,
    "out": 2**12,
    "side": 2**10,
    "patch": 2**8,
    "context": 2**10,
    "vocabulary": 2**17,
}


@dataclass(frozen=True)
class ClipConfig:
    """What both towers have."""

    width: int
    layers: int
    heads: int
    out: int = 512
    """Size of the embedding that both towers share."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if type(value) is not int or not 1 <= value <= _LIMITS[name]:
                limit = _LIMITS[name]
                raise ValueError(f"{name} must be whole, from 1 to {limit}, not {brief(value)}")
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, not {self.width}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Create a configuration from JSON values; wrong ones raise ValueError or TypeError."""
        return cls(**values)


@dataclass(frozen=True)
class ClipImageConfig(ClipConfig):
    """The architecture of an image tower; defaults are the published ones.

    Raises:
        ValueError: A value has a wrong type or is out of range.
    """

    width: int = 768
    layers: int = 12
    heads: int = 12
    side: int = 64
    """Width and height of the pictures in pixels."""
    patch: int = 4
    """Width and height of a patch in pixels."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.side % self.patch:
            raise ValueError(f"side must be a multiple of patch, not {self.side}")


@dataclass(frozen=True)
class ClipTextConfig(ClipConfig):
    """The architecture of a text tower; defaults are the published ones.

    Raises:
        ValueError: A value has a wrong type or is out of range.
    """

    width: int = 512
    layers: int = 12
    heads: int = 8
    context: int = 77
    vocabulary: int = 65_536
