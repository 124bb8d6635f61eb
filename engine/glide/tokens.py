"""From a sentence to the tokens that a text tower of GLIDE reads."""

import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.errors import ModelError

_WORD = re.compile("[a-z]+")
_MAX_BYTES = 2**24
"""Maximum size of a tokenizer's file, unpacked; GPT-2's have 1 MB and 0.5 MB."""
_MAX_MERGES = 2**17
_GZIP = b"\x1f\x8b"


class Tokenizer(Protocol):
    """Splits a text into tokens."""

    def encode(self, text: str) -> list[int]:
        """Return all tokens of a text, without those for its start and its end."""
        ...


class WordTokenizer:
    """A tokenizer that knows some English words and leaves out all others."""

    def __init__(self, words: Sequence[str]) -> None:
        """`words` are in small letters and in the order of their tokens."""
        self._tokens = {word: token for token, word in enumerate(words)}

    def encode(self, text: str) -> list[int]:
        """Return the tokens of the words of a text that are known."""
        words = _WORD.findall(text.lower())
        return [self._tokens[each] for each in words if each in self._tokens]


class BytePairTokenizer:
    """GPT-2's tokenizer (Radford et al., 2019), which reads small letters only."""

    def __init__(self, vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> None:
        from tokenizers import Tokenizer as Library
        from tokenizers.models import BPE
        from tokenizers.pre_tokenizers import ByteLevel

        self._library: Any = Library(BPE(vocabulary, merges))
        self._library.pre_tokenizer = ByteLevel(add_prefix_space=False)

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        return self._library.encode(text.lower(), add_special_tokens=False).ids


def read_byte_pairs(vocabulary: Path, merges: Path, size: int) -> BytePairTokenizer:
    """Read GPT-2's tokenizer from its two published files, which may be packed with gzip.

    Args:
        vocabulary: JSON object of tokens by their texts, `encoder.json`.
        merges: A line of comment, then a line for each pair of tokens, `vocab.bpe`.
        size: Number of tokens that the model knows.

    Raises:
        ModelError: A file is missing, damaged, or of another form.
    """
    try:
        tokens = _checked_tokens(json.loads(_read(vocabulary)), size, vocabulary.name)
        pairs = _pairs(_read(merges).decode(), tokens, merges.name)
        return BytePairTokenizer(tokens, pairs)
    except (KeyboardInterrupt, SystemExit, GeneratorExit, ModelError):
        raise
    except BaseException as error:  # a panic of the library is not an Exception
        names = f"{vocabulary.name} and {merges.name}"
        raise ModelError(
            f"the tokenizer files {names} are damaged or of an unknown form"
        ) from error


def fit(texts: Sequence[list[int]], context: int) -> tuple[Tensor, Tensor]:
    """Cut off tokenized texts at the context and fill it up.

    Returns:
        The tokens (N, context), long, and where there is a token (N, context), bool.
    """
    cut = [each[:context] for each in texts]
    tokens = [each + [0] * (context - len(each)) for each in cut]
    present = [[place < len(each) for place in range(context)] for each in cut]
    return torch.tensor(tokens).view(-1, context), torch.tensor(present).view(-1, context)


def _read(path: Path) -> bytes:
    """Return the content of a file that may be packed, at most `_MAX_BYTES` of it."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ModelError(f"the tokenizer file {path.name} is missing") from error
    if content.startswith(_GZIP):
        content = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(content, _MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ModelError(f"the tokenizer file {path.name} is larger than {_MAX_BYTES} bytes")
    return content


def _checked_tokens(values: object, size: int, name: str) -> dict[str, int]:
    if not isinstance(values, dict) or not all(
        type(token) is int and 0 <= token < size for token in values.values()
    ):
        raise ModelError(f"the tokenizer file {name} is not a list of {size} tokens")
    return values


def _pairs(text: str, tokens: dict[str, int], name: str) -> list[tuple[str, str]]:
    _, *lines = text.rstrip("\n").split("\n")
    pairs = [tuple(line.split(" ")) for line in lines]
    known = all(len(pair) == 2 and all(each in tokens for each in pair) for pair in pairs)
    if not known or len(pairs) > _MAX_MERGES or any("".join(p) not in tokens for p in pairs):
        raise ModelError(f"the tokenizer file {name} is not a list of pairs of known tokens")
    return [(pair[0], pair[1]) for pair in pairs]
