"""The words that the text half of the joint embedding knows, and phrases as their numbers."""

import json
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ModelError
from engine.models.loading import naming_file
from engine.open_edit.configs import MAX_WORDS

MAX_BYTES = 16 * 2**20
"""Maximum size of a vocabulary's file."""
START, END, UNKNOWN = "<start>", "<end>", "<unk>"
"""The words before and after a phrase, and the word for all that are not known."""


@dataclass(frozen=True)
class PhraseVocabulary:
    """A closed vocabulary of words in small letters."""

    numbers: dict[str, int]
    """Number of each word."""

    def tokens(self, phrase: str) -> list[int]:
        """Return the numbers of a phrase's words, between those of `START` and `END`.

        The words were collected from captions in small letters, so capitals do not count.
        """
        unknown = self.numbers[UNKNOWN]
        words = [self.numbers.get(word, unknown) for word in phrase.lower().split()]
        return [self.numbers[START], *words, self.numbers[END]]

    def unknown_words(self, phrase: str) -> tuple[str, ...]:
        """Return the words of a phrase that are not known, each once, in small letters."""
        words = dict.fromkeys(phrase.lower().split())
        return tuple(word for word in words if word not in self.numbers)


def read_vocabulary(path: Path, count: int) -> PhraseVocabulary:
    """Read a vocabulary of `count` words: a JSON list of the words in the order of their numbers.

    Raises:
        ModelError: The file is missing, damaged, too big, or not for that number of words.
    """
    with naming_file(path), path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ModelError(f"the vocabulary {path.name} is larger than {MAX_BYTES // 2**20} MiB")
    with naming_file(path):
        words = json.loads(content)
    if not _is_vocabulary(words, count):
        raise ModelError(
            f"the vocabulary {path.name} is not a list of the {count} words of the embedding, "
            f"with {START}, {END} and {UNKNOWN}"
        )
    return PhraseVocabulary({word: number for number, word in enumerate(words)})


def _is_vocabulary(words: object, count: int) -> bool:
    if not isinstance(words, list) or not len(words) == count <= MAX_WORDS:
        return False
    are_words = all(isinstance(word, str) for word in words)
    return are_words and len(set(words)) == count and {START, END, UNKNOWN} <= set(words)
