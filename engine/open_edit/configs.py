"""The architectures of Open-Edit's models as values; the defaults are the published sizes.

They come from the metadata of weights files, which are not trusted, so all values are checked. No
torch in here.
"""

from dataclasses import dataclass
from reprlib import repr as brief
from typing import Any, Self

MAX_WIDTH = 2**12
"""Maximum number of channels of any layer but the joint embedding."""
MAX_WORDS = 2**20
_MAX_BLOCKS = 64
_MAX_CELLS = 32


class Config:
    """A configuration that can be read from JSON."""

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Create a configuration from JSON values, with lists for tuples.

        Raises TypeError or ValueError for keys or values that are not allowed.
        """
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


@dataclass(frozen=True)
class EmbeddingConfig(Config):
    """The joint embedding of pictures and phrases (VSE++ with a ResNet of bottleneck blocks).

    Raises:
        ValueError: A value has a wrong type or is out of range.
    """

    words: int
    """Number of words."""
    width: int = 64
    """Number of channels of the ResNet's first convolution."""
    blocks: tuple[int, ...] = (3, 8, 36, 3)
    """Number of blocks of each of its four stages; these are ResNet-152's."""
    joint: int = 1024
    """Length of the vectors of cells and phrases."""
    word_width: int = 300
    """Length of the vectors of words."""

    def __post_init__(self) -> None:
        _check_whole("words", self.words, MAX_WORDS)
        _check_whole("width", self.width, MAX_WIDTH // 8)
        _check_several("blocks", self.blocks, 4, _MAX_BLOCKS)
        _check_whole("joint", self.joint, 2 * MAX_WIDTH)
        _check_whole("word_width", self.word_width, MAX_WIDTH)


@dataclass(frozen=True)
class EdgesConfig(Config):
    """The first four stages of BDCN (He et al., 2019).

    Raises:
        ValueError: A value has a wrong type or is out of range.
    """

    channels: tuple[int, ...] = (64, 128, 256, 512)
    """Number of channels of each stage."""
    block_width: int = 32
    """Number of channels of the blocks that look at several scales."""
    score_width: int = 21
    """Number of channels from which a stage's score is computed."""

    def __post_init__(self) -> None:
        _check_several("channels", self.channels, 4, MAX_WIDTH)
        _check_whole("block_width", self.block_width, MAX_WIDTH)
        _check_whole("score_width", self.score_width, MAX_WIDTH)


@dataclass(frozen=True)
class DecoderConfig(Config):
    """The decoder, which has the blocks of SPADE (Park et al., 2019).

    Raises:
        ValueError: A value has a wrong type or is out of range.
    """

    width: int = 64
    """Number of channels of the last block; the cells have 16 times as many."""
    hidden: int = 128
    """Number of channels between the edges and each modulation."""
    cells: int = 7
    """Number of cells along each side of the picture, 32 pixels each."""

    def __post_init__(self) -> None:
        _check_whole("width", self.width, MAX_WIDTH // 16)
        _check_whole("hidden", self.hidden, MAX_WIDTH)
        _check_whole("cells", self.cells, _MAX_CELLS)

    @property
    def joint(self) -> int:
        """Length of the vectors of cells."""
        return 16 * self.width

    @property
    def side(self) -> int:
        """Width and height of pictures in pixels."""
        return 32 * self.cells


@dataclass(frozen=True)
class PerceptualConfig(Config):
    """The features of VGG-19 (Simonyan and Zisserman, 2014) that compare pictures.

    Raises:
        ValueError: A value has a wrong type or is out of range.
    """

    channels: tuple[int, ...] = (64, 128, 256, 512, 512)
    """Number of channels of each stage."""

    def __post_init__(self) -> None:
        _check_several("channels", self.channels, 5, MAX_WIDTH)


def _check_whole(name: str, value: object, most: int) -> None:
    if type(value) is not int or not 1 <= value <= most:
        raise ValueError(f"{name} must be a whole number from 1 to {most}, not {brief(value)}")


def _check_several(name: str, values: object, count: int, most: int) -> None:
    if not isinstance(values, tuple) or len(values) != count:
        raise ValueError(f"{name} must be {count} whole numbers, not {brief(values)}")
    for value in values:
        _check_whole(name, value, most)
