"""From a sentence to the tokens that minDALL-E's transformer reads.

The published model splits small letters into byte pairs of characters (Sennrich et al., 2016). The
demo model knows a few words, each of which is a token.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models.tokenizer import naming_tokenizer, read_bounded

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD, UNKNOWN = 0, 1
"""Tokens that fill up the text, and that stand for what is unknown."""
FIRST_WORD = 2
"""Token of the first word of a `WordTokenizer`."""

TextTokenizer = Callable[[str], Tensor]
"""Function that returns the tokens (1, length) of a text, cut off or padded."""

_WORD = re.compile(r"\w+|[^\w\s]")
_SPECIAL = {"[PAD]": PAD, "[UNK]": UNKNOWN}
_SUFFIX = "</w>"
"""End of the last piece of each word."""


class WordTokenizer:
    """A tokenizer whose tokens are words and punctuation marks, in small letters."""

    def __init__(self, words: Sequence[str], length: int) -> None:
        """Take the vocabulary, and the number of tokens of each text."""
        self._tokens = {word: token for token, word in enumerate(words, FIRST_WORD)}
        self._length = length

    def __call__(self, text: str) -> Tensor:
        """Return the tokens (1, length) of a text."""
        return _fit([self._tokens.get(word, UNKNOWN) for word in split_words(text)], self._length)


class PairTokenizer:
    """minDALL-E's tokenizer of byte pairs, from a file."""

    def __init__(self, path: Path, tokenizer: "Tokenizer", length: int) -> None:
        """Take the tokenizer, its file for error messages, and the number of tokens of a text."""
        self._path = path
        self._tokenizer = tokenizer
        self._length = length

    def __call__(self, text: str) -> Tensor:
        """Return the tokens (1, length) of a text.

        Raises:
            ModelError: The tokenizer fails on this text.
        """
        with naming_tokenizer(self._path):
            ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        return _fit(ids, self._length)


def split_words(text: str) -> list[str]:
    """Return the words and punctuation marks of a text, in small letters."""
    return _WORD.findall(text.lower())


def read_pair_tokenizer(path: Path, length: int, tokens: int) -> PairTokenizer:
    """Read minDALL-E's tokenizer from a file.

    Args:
        path: JSON in the form of the library tokenizers, whose `model` has the `vocab` and the
            `merges`. Nothing else of it is used.
        length: Number of tokens of each text.
        tokens: Number of tokens that the transformer knows.

    Raises:
        ModelError: The file is missing, damaged, or another tokenizer.
    """
    content = read_bounded(path)
    with naming_tokenizer(path):
        model = json.loads(content)["model"]
        vocab: dict[str, int] = model["vocab"]
        merges = _pairs(model["merges"])
        _check(vocab, merges)
        tokenizer = build_pair_tokenizer(vocab, merges)
    if any(vocab.get(name) != token for name, token in _SPECIAL.items()):
        raise ModelError(f"the tokenizer {path.name} is not minDALL-E's: that one pads with [PAD]")
    if max(vocab.values()) >= tokens:
        raise ModelError(
            f"the tokenizer {path.name} has a token {max(vocab.values())}, "
            f"but its model knows only {tokens} tokens"
        )
    return PairTokenizer(path, tokenizer, length)


def build_pair_tokenizer(
    vocab: Mapping[str, int], merges: Sequence[tuple[str, str]]
) -> "Tokenizer":
    """Build a tokenizer like minDALL-E's from its two files (`CharBPETokenizer` of tokenizers).

    Texts are cleaned as for BERT and put into small letters, and split at spaces and signs.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    pieces = models.BPE(dict(vocab), list(merges), unk_token="[UNK]", end_of_word_suffix=_SUFFIX)
    tokenizer = Tokenizer(pieces)
    clean: Any = [normalizers.BertNormalizer(lowercase=False), normalizers.Lowercase()]
    tokenizer.normalizer = normalizers.Sequence(clean)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(list(_SPECIAL))
    return tokenizer


def _check(vocab: Mapping[str, int], merges: Sequence[tuple[str, str]]) -> None:
    """Raise ValueError for content that could make the library abort the program."""
    are_tokens = all(type(token) is int and 0 <= token < 2**20 for token in vocab.values())
    if not are_tokens or len(set(vocab.values())) < len(vocab):
        raise ValueError("tokens must be different whole numbers")
    if not all({first, second, first + second} <= vocab.keys() for first, second in merges):
        raise ValueError("only tokens can be merged, to tokens")


def _pairs(merges: Sequence[Any]) -> list[tuple[str, str]]:
    """Return merges as pairs, which older files write as texts with a space."""
    split = (each.split(" ") if isinstance(each, str) else each for each in merges)
    return [(first, second) for first, second in split]


def _fit(tokens: list[int], length: int) -> Tensor:
    tokens = tokens[:length]
    return torch.tensor([tokens + [PAD] * (length - len(tokens))])
