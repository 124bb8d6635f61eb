"""Read the vocabulary of a model that was published as a pickled object of a class of its own.

A pickle can call only what `find_class` returns. Here that is one empty class, for the names under
which such vocabularies were written; everything else is refused.
"""

import io
import pickle
from pathlib import Path
from typing import Any

from engine.errors import ModelError

MAX_BYTES = 64 * 2**20
"""The limit on the length of the file; 100,000 words take some 3 MB."""
MAX_WORDS = 2**20
_MAX_WORD = 1000
_CLASSES = {(module, "Vocabulary") for module in ("__main__", "vocab", "util.vocab")}


class _Holder:
    """Stands for the vocabulary's own class, of which only the attributes are kept."""

    def __setstate__(self, state: object) -> None:
        self.state = state


# The unpickler written in C reserves 64 GiB for a file of ten bytes; this one does not.
class _Unpickler(pickle._Unpickler):
    """Unpickle plain values, and vocabularies as holders."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the holder for a vocabulary's class; refuse every other name."""
        if (module, name) in _CLASSES:
            return _Holder
        if (module, name) in {("copy_reg", "_reconstructor"), ("copyreg", "_reconstructor")}:
            return _reconstruct
        if (module, name) in {("__builtin__", "object"), ("builtins", "object")}:
            return object
        raise ModelError(f"asks for {f'{module}.{name}':.200}, which no vocabulary needs")


def _reconstruct(kind: object, *_: object) -> _Holder:
    """Make the holder that pickles of the first protocols ask for."""
    if kind is not _Holder:
        raise pickle.UnpicklingError("this is not a vocabulary")
    return _Holder()


def read_pickled_words(path: Path) -> list[str]:
    """Return the words of a pickled vocabulary, by their numbers.

    The object has `word2idx`, a dictionary from words to the numbers from 0 on.

    Raises:
        ModelError: the file is missing, damaged, too large, or asks for anything else.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ModelError("is too large")
        return _words(_Unpickler(io.BytesIO(content), encoding="utf-8").load())
    except FileNotFoundError as error:
        raise ModelError(f"the vocabulary {path.name} is missing") from error
    except ModelError as error:
        raise ModelError(
            f"the vocabulary {path.name} cannot be used: it {error}, and nothing in it was run"
        ) from error
    except Exception as error:
        # A file that is not trusted can raise nearly anything.
        raise ModelError(
            f"the vocabulary {path.name} is damaged or of an unknown format"
        ) from error


def _words(vocabulary: object) -> list[str]:
    numbers = vocabulary.state["word2idx"] if isinstance(vocabulary, _Holder) else None  # type: ignore[index]
    if not isinstance(numbers, dict) or not 0 < len(numbers) <= MAX_WORDS:
        raise ModelError("has no words")
    words = sorted(numbers, key=numbers.__getitem__)
    if [numbers[word] for word in words] != list(range(len(words))):
        raise ModelError("does not number its words from 0 on")
    if not all(isinstance(word, str) and len(word) <= _MAX_WORD for word in words):
        raise ModelError("has a word that is no text")
    return words
