"""A tokenizer for models that know few words: each word is a token."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor

PAD, UNKNOWN = 0, 1
"""Tokens that fill up the text and that stand for unknown words, as in minDALL-E's tokenizer."""
FIRST_WORD = 2
"""Token of the first word of the vocabulary."""

_WORD = re.compile(r"\w+|[^\w\s]")


class WordTokenizer:
    """A tokenizer whose tokens are words and punctuation marks, in lower case."""

    def __init__(self, words: Sequence[str], length: int) -> None:
        """Take the vocabulary, and the number of tokens of each text."""
        self._tokens = {word: token for token, word in enumerate(words, FIRST_WORD)}
        self._length = length

    def __call__(self, text: str) -> Tensor:
        """Return the tokens (1, length) of a text, cut off or padded."""
        tokens = [self._tokens.get(word, UNKNOWN) for word in split_words(text)[: self._length]]
        return torch.tensor([tokens + [PAD] * (self._length - len(tokens))])


def split_words(text: str) -> list[str]:
    """Return the words and punctuation marks of a text, in lower case."""
    return _WORD.findall(text.lower())
