"""What a check of one part of models found: figures, and causes if something is wrong."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, Self

from engine.text import Text

VERSION = 1
"""Version of the checks; results of another version are not used again."""
Kind = Literal["perceptor", "generator", "pair"]


class Cause(StrEnum):
    """What is likely wrong with a part of models."""

    CONFIGURATION = "configuration"
    ACTIVATION = "activation"
    NORMALIZATION = "normalization"
    VALUE_RANGE = "value-range"
    COLOR_ORDER = "color-order"
    WORDS = "words"
    CODEBOOK = "codebook"
    WEIGHTS = "weights"
    ANSWERS = "answers"
    STEPS = "steps"

    @property
    def text(self) -> Text:
        """One sentence without its capital and its full stop."""
        return _TEXTS[self]


@dataclass(frozen=True)
class PartResult:
    """What a check of a perceptor, a generator or a pair found."""

    kind: Kind
    name: str
    digest: str
    """SHA-256 of the published file; of a pair, those of its parts, joined by "+"."""
    causes: tuple[Cause, ...]
    """What is likely wrong, the likeliest first; empty if nothing was found."""
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    """What was measured, by name."""
    answers: tuple[float, ...] = ()
    """What this part answered to each question, to compare other machines with."""

    @property
    def is_right(self) -> bool:
        """Return True if nothing wrong was found."""
        return not self.causes

    def with_causes(self, causes: tuple[Cause, ...]) -> Self:
        """Return this result with other causes."""
        return dataclasses.replace(self, causes=causes)


_TEXTS: Mapping[Cause, Text] = MappingProxyType(
    {
        Cause.CONFIGURATION: Text(
            "the architecture is not the one that the publisher names for these weights"
        ),
        Cause.ACTIVATION: Text(
            "the activation is not the one that the weights were trained with: name an "
            "architecture with -quickgelu for OpenAI's weights, and without it for most others"
        ),
        Cause.NORMALIZATION: Text(
            "pictures are not normalized as in training: name the weights after the architecture, "
            "as in ViT-B-32:laion2b_s34b_b79k"
        ),
        Cause.VALUE_RANGE: Text("pictures have another range of values than in training"),
        Cause.COLOR_ORDER: Text("red and blue are exchanged"),
        Cause.WORDS: Text(
            "words become other tokens than in training: the tokenizer is not the one of these "
            "weights"
        ),
        Cause.CODEBOOK: Text("the codebook does not belong to the encoder and the decoder"),
        Cause.WEIGHTS: Text(
            "the weights are damaged, incomplete or mixed: download the file again, and verify it"
        ),
        Cause.ANSWERS: Text(
            "the answers differ from those that these weights are known to give: they were changed "
            "or are used in another way, or this machine computes wrongly"
        ),
        Cause.STEPS: Text(
            "a few steps do not bring the picture nearer to its prompt, although its parts may be "
            'right: try `precision = "float32"` in `[engine]`, or another device'
        ),
    }
)
