"""The tokenizer of a text tower out of a file: `tokenizer.json` of the library tokenizers.

It gives the tokens that open_clip's `HFTokenizer` gives, which would need another library and the
network: texts are cleaned as open_clip cleans them, cut off, ended and filled up by the end.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from open_clip.tokenizer import get_clean_fn
from torch import Tensor

from engine.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_BYTES = 2**26
"""SigLIP 2's, of 256,000 tokens, is about half of it."""

_PAD, _END = "<pad>", "<eos>"
"""What Gemma's tokenizers, of which SigLIP 2 has one, call what fills up and what ends a text."""


class FileTokenizer:
    """Texts to tokens, always as many as the text tower's context has.

    Args:
        tokenizer: what the file holds.
        length: of the context.
        clean: what is done to a text before.
        pad: the token that fills up the context.
    """

    def __init__(
        self, tokenizer: "Tokenizer", length: int, clean: Callable[[str], str], pad: int
    ) -> None:
        self.context_length = length
        self._tokenizer = tokenizer
        self._clean = clean
        self._pad = pad

    @property
    def room(self) -> int:
        """How many tokens of a text fit, beside those that are added to every one."""
        return self.context_length - self._tokenizer.num_special_tokens_to_add(False)

    def __call__(self, texts: str | Sequence[str]) -> Tensor:
        """The tokens of `texts` (N, context)."""
        each = [self._context(text) for text in ([texts] if isinstance(texts, str) else texts)]
        return torch.tensor(each, dtype=torch.long).view(-1, self.context_length)

    def encode(self, text: str) -> list[int]:
        """All tokens of `text`, also those that do not fit, and none beside them."""
        return self._encoding(text).ids

    def _encoding(self, text: str) -> Any:
        return self._tokenizer.encode(self._clean(text), add_special_tokens=False)

    def _context(self, text: str) -> list[int]:
        encoding = self._encoding(text)
        encoding.truncate(self.room)
        encoding = self._tokenizer.post_process(encoding)
        encoding.pad(self.context_length, pad_id=self._pad, pad_token=_PAD)
        return encoding.ids


def read_tokenizer(path: Path, text: dict[str, Any], sha256: str) -> FileTokenizer:
    """The tokenizer in a file, for a text tower.

    Args:
        path: `tokenizer.json`.
        text: open_clip's configuration of the text tower, with its context and vocabulary.
        sha256: what the file is known by.

    Raises:
        ModelError: it is missing, damaged, another file, or not of a tower like SigLIP's.
    """
    content = _content(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(f"the tokenizer {path.name} is not the one that its weights came with")
    with _told(path):
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(content.decode())
        tokenizer.no_truncation()
        tokenizer.no_padding()
        added = tokenizer.encode("").ids
        largest = max(tokenizer.get_vocab().values())
    pad = text.get("pad_id", 0)
    if tokenizer.token_to_id(_PAD) != pad or added != [tokenizer.token_to_id(_END)]:
        raise ModelError(
            f"the tokenizer {path.name} is not SigLIP's: that one fills up texts with {_PAD}, "
            f"which is token {pad}, and ends them with {_END}"
        )
    if largest >= text["vocab_size"]:
        raise ModelError(
            f"the tokenizer {path.name} has a token {largest}, "
            f"and its model knows {text['vocab_size']}"
        )
    clean = get_clean_fn(text["tokenizer_kwargs"]["clean"])
    return FileTokenizer(tokenizer, text["context_length"], clean, pad)


def tokenizer_sha256(path: Path) -> str:
    """The SHA-256 of a tokenizer's file; raises `ModelError` if it cannot be read."""
    return hashlib.sha256(_content(path)).hexdigest()


def _content(path: Path) -> bytes:
    with _told(path), path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ModelError(f"the tokenizer {path.name} is larger than {MAX_BYTES // 10**6} MB")
    return content


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say of which file it was that the block could make nothing."""
    try:
        yield
    except FileNotFoundError as error:
        raise ModelError(f"the tokenizer {path.name} is missing") from error
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic inside the library is no Exception
        raise ModelError(f"the tokenizer {path.name} is damaged or of an unknown form") from error
