"""The tokenizer of a text tower out of a file: `tokenizer.json` of the library tokenizers.

It gives the tokens that open_clip's `HFTokenizer` gives, which would need another library and the
network: texts are cleaned as open_clip cleans them, cut off, ended and filled up by the end.
"""

import hashlib
import json
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
        path: the file, which is named where its tokenizer fails at a text: with `ModelError`.
        tokenizer: what it holds.
        clean: what is done to a text before.
        length: of the context.
        end: the token that ends a text.
        pad: the token that fills up the context.
    """

    def __init__(
        self,
        path: Path,
        tokenizer: "Tokenizer",
        clean: Callable[[str], str],
        length: int,
        end: int,
        pad: int,
    ) -> None:
        self.context_length = length
        self._path = path
        self._tokenizer = tokenizer
        self._clean = clean
        self._end = end
        self._pad = pad

    @property
    def room(self) -> int:
        """How many tokens of a text fit, beside its end."""
        return self.context_length - 1

    def __call__(self, texts: str | Sequence[str]) -> Tensor:
        """The tokens of `texts` (N, context)."""
        each = [self._context(text) for text in ([texts] if isinstance(texts, str) else texts)]
        return torch.tensor(each, dtype=torch.long).view(-1, self.context_length)

    def encode(self, text: str) -> list[int]:
        """All tokens of `text`, also those that do not fit, and none beside them."""
        text = self._clean(text)
        with _told(self._path):
            return self._tokenizer.encode(text, add_special_tokens=False).ids

    def _context(self, text: str) -> list[int]:
        ids = [*self.encode(text)[: self.room], self._end]
        return ids + [self._pad] * (self.context_length - len(ids))


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
    pad = text.get("pad_id", 0)
    with _told(path):
        parts = json.loads(content)
        ids = parts["model"]["vocab"]
        end, fills = ids.get(_END), ids.get(_PAD) == pad
        is_siglips = fills and _is_plain(parts["model"]) and _is_ended(parts["post_processor"])
    if end is None or not is_siglips:
        raise ModelError(
            f"the tokenizer {path.name} is not SigLIP's: that one knows byte pairs, fills up texts "
            f"with {_PAD}, which is token {pad}, and adds {_END} to their ends and nothing else"
        )
    from tokenizers import Tokenizer

    with _told(path):
        tokenizer = Tokenizer.from_str(content.decode())
        tokenizer.no_truncation()
        tokenizer.no_padding()
        largest = max(tokenizer.get_vocab().values())
    if largest >= text["vocab_size"]:
        raise ModelError(
            f"the tokenizer {path.name} has a token {largest}, "
            f"and its model knows {text['vocab_size']}"
        )
    clean = get_clean_fn(text["tokenizer_kwargs"]["clean"])
    return FileTokenizer(path, tokenizer, clean, text["context_length"], end, pad)


def _is_plain(model: dict[str, Any]) -> bool:
    """Whether byte pairs are all there is to it: with more the library can end the program."""
    more = ("dropout", "continuing_subword_prefix", "end_of_word_suffix")
    return model["type"] == "BPE" and not any(model.get(key) for key in more)


def _is_ended(processor: dict[str, Any] | None) -> bool:
    """Whether what a text gets is an end, and nothing else."""
    if processor is None or processor["type"] != "TemplateProcessing":
        return False
    names = [piece["id"] for kind in processor["single"] for piece in kind.values()]
    return names == ["A", _END]


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
