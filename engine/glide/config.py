"""The architecture of GLIDE's models, as the configuration in a weights file states it.

No torch in here. Values come from a file, so all are checked before anything is built from them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from reprlib import repr as brief
from typing import Any, Literal, Self, get_args

TIMESTEPS = 1000
"""Number of timesteps of the diffusion that the models were trained with."""
Schedule = Literal["cosine", "linear"]
"""How the variances of the noise grow over the timesteps."""
PICTURE_CHANNELS = 3
KNOWN_CHANNELS = PICTURE_CHANNELS + 1
"""Further channels of an inpainting model: the known part of a picture, and where it is known."""

_MAX_LEVELS = 8
_MAX_WORDS = 2**12
_TEXT_LIMITS = {"width": 2**12, "layers": 64, "heads": 64, "context": 2**10, "vocabulary": 2**17}
_UNET_LIMITS = {
    "side": 2**10,
    "low_side": 2**10,
    "channels": 2**10,
    "blocks": 16,
    "head_channels": 2**10,
    "norm_groups": 2**8,
}


def _check_range(name: str, values: tuple[object, ...], limit: int) -> None:
    for each in values:
        if type(each) is not int or not 1 <= each <= limit:
            raise ValueError(f"{name} must be whole, from 1 to {limit}, not {brief(each)}")


def _check_whole(config: object, limits: Mapping[str, int]) -> None:
    for name, limit in limits.items():
        _check_range(name, (getattr(config, name),), limit)


@dataclass(frozen=True)
class TextConfig:
    """The architecture of a text tower.

    Raises:
        ValueError: A value has a wrong type or is out of range.
    """

    width: int = 512
    layers: int = 16
    heads: int = 8
    context: int = 128
    """Number of tokens of a text, filled up with padding."""
    vocabulary: int = 50_257
    words: tuple[str, ...] = ()
    """Words by their tokens, of models that read whole words; empty for GPT-2's byte pairs."""

    def __post_init__(self) -> None:
        _check_whole(self, _TEXT_LIMITS)
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, not {self.width}")
        if len(self.words) > _MAX_WORDS or not all(isinstance(each, str) for each in self.words):
            raise ValueError(f"words must be at most {_MAX_WORDS} texts")
        if len(self.words) > self.vocabulary:
            raise ValueError("there must be no more words than tokens")


@dataclass(frozen=True)
class UNetConfig:
    """The architecture of a UNet with its text tower; defaults are those of the published base.

    Raises:
        ValueError: A value has a wrong type or is out of range.
    """

    side: int = 64
    """Width and height in pixels of the pictures that it makes."""
    low_side: int | None = None
    """Side in pixels of the pictures that it enlarges; None for the base, which enlarges none."""
    inpainting: bool = False
    """Whether it sees the known part of a picture."""
    channels: int = 192
    multipliers: tuple[int, ...] = (1, 2, 3, 4)
    """Channels of each level in units of `channels`; each level has half the side of the last."""
    blocks: int = 3
    """Number of residual blocks of each level on the way down; there is one more on the way up."""
    attention_sides: tuple[int, ...] = (32, 16, 8)
    """Sides in pixels of the levels with attention."""
    head_channels: int = 64
    norm_groups: int = 32
    schedule: Schedule = "cosine"
    text: TextConfig = TextConfig()

    def __post_init__(self) -> None:
        limits = {
            k: v for k, v in _UNET_LIMITS.items() if k != "low_side" or self.low_side is not None
        }
        _check_whole(self, limits)
        for name in ("multipliers", "attention_sides"):
            values = getattr(self, name)
            if not isinstance(values, tuple) or len(values) > _MAX_LEVELS:
                raise ValueError(f"{name} must be at most {_MAX_LEVELS} whole numbers")
            _check_range(name, values, 2**10)
        if type(self.inpainting) is not bool or self.schedule not in get_args(Schedule):
            raise ValueError("inpainting must be true or false, schedule cosine or linear")
        if not self.multipliers or self.side % 2 ** (len(self.multipliers) - 1):
            raise ValueError("side must be divisible by 2 for each level after the first")
        if self.channels % 2 or self.channels % self.norm_groups:
            raise ValueError("channels must be even and a multiple of norm_groups")
        if any(self.channels * each % self.head_channels for each in self.attended_multipliers):
            raise ValueError("channels of levels with attention must be multiples of head_channels")

    @property
    def attended_multipliers(self) -> tuple[int, ...]:
        """Multipliers of the levels with attention, and of the middle, which always has it."""
        levels = [m for level, m in enumerate(self.multipliers) if self.is_attended(level)]
        return (*levels, self.multipliers[-1])

    @property
    def in_channels(self) -> int:
        """Channels that the UNet sees: noise, what is known, and the picture to enlarge."""
        known = KNOWN_CHANNELS if self.inpainting else 0
        return PICTURE_CHANNELS + known + (PICTURE_CHANNELS if self.low_side else 0)

    @property
    def embedding_width(self) -> int:
        """Width of the vector of time and text that each residual block receives."""
        return 4 * self.channels

    def is_attended(self, level: int) -> bool:
        """Return True if a level has attention."""
        return self.side >> level in self.attention_sides

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON values of `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Create a configuration from JSON values, with lists for tuples.

        Raises `ValueError` for wrong values, and `TypeError` for wrong names.
        """
        text = values.get("text", {})
        if not isinstance(text, dict):
            raise ValueError("text must be an object")
        parts: dict[str, Any] = {**_with_tuples(values), "text": TextConfig(**_with_tuples(text))}
        return cls(**parts)


PUBLISHED_BASE = UNetConfig()
"""The base of GLIDE (filtered), 385 million parameters."""
PUBLISHED_UPSAMPLER = UNetConfig(
    side=256, low_side=64, multipliers=(1, 1, 2, 2, 4, 4), blocks=2, schedule="linear"
)
"""The upsampler of GLIDE (filtered), 398 million parameters."""


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
