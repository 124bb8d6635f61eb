"""Read a text tower's tokenizer from a file: `tokenizer.json` of the library tokenizers.

It returns the same tokens as open_clip's `HFTokenizer`, which would need another library and the
network: texts are cleaned as in open_clip, cut off, ended and padded.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from open_clip.tokenizer import get_clean_fn
from torch import Tensor

from engine.errors import ModelError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_BYTES = 2**26
"""Maximum size of a tokenizer file, about twice that of SigLIP 2's with 256,000 tokens."""

_PAD, _END = "<pad>", "<eos>"
"""Names of the padding token and the end token in Gemma's tokenizers, which SigLIP 2 uses."""


@dataclass(frozen=True)
class FileTokenizer:
    """A tokenizer that returns as many tokens for each text as the text tower's context has."""

    path: Path
    """File of the tokenizer, for error messages."""
    tokenizer: "Tokenizer"
    clean: Callable[[str], str]
    """Function that cleans a text before it is tokenized."""
    context_length: int
    end: int
    """Token that ends a text."""
    pad: int
    """Token that fills up the context."""

    @property
    def room(self) -> int:
        """Number of tokens of a text that fit, without its end token."""
        return self.context_length - 1

    def __call__(self, texts: str | Sequence[str]) -> Tensor:
        """Return the tokens (N, context) of `texts`."""
        each = [self._context(text) for text in ([texts] if isinstance(texts, str) else texts)]
        return torch.tensor(each, dtype=torch.long).view(-1, self.context_length)

    def encode(self, text: str) -> list[int]:
        """Return all tokens of `text`, even those beyond the context, without special tokens.

        Raises:
            ModelError: The tokenizer fails on this text.
        """
        text = self.clean(text)
        with naming_tokenizer(self.path):
            return self.tokenizer.encode(text, add_special_tokens=False).ids

    def _context(self, text: str) -> list[int]:
        ids = [*self.encode(text)[: self.room], self.end]
        return ids + [self.pad] * (self.context_length - len(ids))


def read_tokenizer(path: Path, text: dict[str, Any], sha256: str) -> FileTokenizer:
    """Read the tokenizer file of a text tower.

    Args:
        path: File `tokenizer.json`.
        text: Configuration of the text tower in open_clip, with its context and vocabulary.
        sha256: Expected SHA-256 of the file.

    Raises:
        ModelError: The file is missing, damaged, another one, or not a tokenizer like SigLIP's.
    """
    content = read_bounded(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(f"the tokenizer {path.name} is not the one that its weights came with")
    pad = text.get("pad_id", 0)
    with naming_tokenizer(path):
        parts = json.loads(content)
        ids = parts["model"]["vocab"]
        end, pads = ids.get(_END), ids.get(_PAD) == pad
        is_siglip = pads and _is_plain(parts["model"]) and _adds_end_only(parts["post_processor"])
    if end is None or not is_siglip:
        raise ModelError(
            f"the tokenizer {path.name} is not SigLIP's: that one uses byte pairs, pads texts with "
            f"{_PAD}, which is token {pad}, and adds only {_END} to their ends"
        )
    from tokenizers import Tokenizer

    with naming_tokenizer(path):
        tokenizer = Tokenizer.from_str(content.decode())
        tokenizer.no_truncation()
        tokenizer.no_padding()
        largest = max(tokenizer.get_vocab().values())
    if largest >= text["vocab_size"]:
        raise ModelError(
            f"the tokenizer {path.name} has a token {largest}, "
            f"but its model knows only {text['vocab_size']} tokens"
        )
    clean = get_clean_fn(text["tokenizer_kwargs"]["clean"])
    return FileTokenizer(path, tokenizer, clean, text["context_length"], end, pad)


def _is_plain(model: dict[str, Any]) -> bool:
    """Return True for plain byte pairs; other options can make the library abort the program."""
    options = ("dropout", "continuing_subword_prefix", "end_of_word_suffix")
    return model["type"] == "BPE" and not any(model.get(key) for key in options)


def _adds_end_only(processor: dict[str, Any] | None) -> bool:
    """Return True if the post-processor adds an end token and nothing else."""
    if processor is None or processor["type"] != "TemplateProcessing":
        return False
    return [piece["id"] for kind in processor["single"] for piece in kind.values()] == ["A", _END]


def tokenizer_sha256(path: Path) -> str:
    """Return the SHA-256 of a tokenizer file.

    Raises:
        ModelError: The file cannot be read.
    """
    return hashlib.sha256(read_bounded(path)).hexdigest()


def read_bounded(path: Path) -> bytes:
    """Return the content of a tokenizer file.

    Raises:
        ModelError: The file cannot be read, or it is larger than `MAX_BYTES`.
    """
    with naming_tokenizer(path), path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ModelError(f"the tokenizer {path.name} is larger than {MAX_BYTES // 10**6} MB")
    return content


@contextmanager
def naming_tokenizer(path: Path) -> Iterator[None]:
    """Convert exceptions of the block to a `ModelError` that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise ModelError(f"the tokenizer {path.name} is missing") from error
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # a panic of the library is not an Exception
        raise ModelError(f"the tokenizer {path.name} is damaged or of an unknown form") from error
