"""What models know of words. No torch in here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.recipes.prompts import Prompt


class Vocabulary(Protocol):
    """The words that mean something to models."""

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words of a text that mean nothing to the models, each once."""
        ...

    def nearest(self, prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
        """Return prompts without unknown words that are as near to these as possible."""
        ...


@dataclass(frozen=True)
class OpenVocabulary:
    """The vocabulary of models that were trained on all kinds of text: all words count as known."""

    def unknown_words(self, text: str) -> tuple[str, ...]:  # noqa: ARG002 (a protocol)
        """Return no words."""
        return ()

    def nearest(self, prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
        """Return the prompts as they are."""
        return tuple(prompts)
