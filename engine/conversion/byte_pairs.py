"""Read the two files that byte-pair tokenizers were published as: tokens, and pairs to merge.

Both are bounded and checked before the library tokenizers sees them, because some content makes it
abort the program.
"""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine.errors import ModelError

MAX_BYTES = 16 * 2**20
"""The limit on each file; GPT-2's longer one has 1 MB."""
MAX_TOKENS = 2**20
_MAX_TOKEN = 1000
"""The limit on the length of a token in characters."""
_COMMENT = "#version"

Merges = list[tuple[str, str]]
"""Pairs of tokens, the first to be merged first."""


def read_byte_pairs(vocabulary: Path, merges: Path, tokens: int) -> tuple[dict[str, int], Merges]:
    """Read a tokenizer's two files.

    Args:
        vocabulary: the numbers of the tokens by their text, JSON.
        merges: the pairs, a line each, after a line with a comment.
        tokens: the number of tokens that the model knows.

    Raises:
        ModelError: a file is missing, damaged, too large, or does not fit the other or the model.
    """
    known = _read_vocabulary(vocabulary, tokens)
    return known, _read_merges(merges, known)


def _read_vocabulary(path: Path, tokens: int) -> dict[str, int]:
    with _naming_file(path):
        values: Any = json.loads(_read_text(path))
    if not isinstance(values, dict) or not 0 < len(values) <= min(tokens, MAX_TOKENS):
        raise ModelError(f"the tokenizer {path.name} must be a table of 1 to {tokens} tokens")
    for text, token in values.items():
        if len(text) > _MAX_TOKEN or type(token) is not int or not 0 <= token < tokens:
            raise ModelError(
                f"the tokenizer {path.name} has the token {token!r:.80}, but its model knows only "
                f"those from 0 to {tokens - 1}"
            )
    if len(set(values.values())) < len(values):
        raise ModelError(f"the tokenizer {path.name} has a token twice")
    return values


def _read_merges(path: Path, known: dict[str, int]) -> Merges:
    with _naming_file(path):
        lines = _read_text(path).split("\n")
    pairs: Merges = []
    for line in lines:
        if not line or line.startswith(_COMMENT):
            continue
        first, _, second = line.rstrip("\r").partition(" ")
        if not {first, second, first + second} <= known.keys():
            raise ModelError(
                f"the tokenizer {path.name} merges {line!r:.80}, which are no tokens of its model"
            )
        pairs.append((first, second))
    return pairs


def _read_text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ModelError(f"the tokenizer {path.name} is larger than {MAX_BYTES // 2**20} MiB")
    return content.decode("utf-8")


@contextmanager
def _naming_file(path: Path) -> Generator[None]:
    """Turn errors of the block into a `ModelError` that names the file."""
    try:
        yield
    except ModelError:
        raise
    except FileNotFoundError as error:
        raise ModelError(f"the tokenizer {path.name} is missing") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"the tokenizer {path.name} is damaged or of an unknown form") from error
