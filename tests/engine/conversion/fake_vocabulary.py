"""A vocabulary as the script pickled it that made the published one."""

import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

WORDS = ["<pad>", "<start>", "<end>", "<unk>", "car", "été"]


def write_vocabulary(
    path: Path, patch: pytest.MonkeyPatch, words: Any = None, *, module: str = "vocab", **more: Any
) -> Path:
    """Pickle a vocabulary as the script did that made the published one."""
    made = type("Vocabulary", (), {"__module__": module, "__qualname__": "Vocabulary"})
    for name in ("util", module):
        if name not in sys.modules:
            patch.setitem(sys.modules, name, ModuleType(name))
    patch.setattr(sys.modules[module], "Vocabulary", made, raising=False)
    vocabulary = made()
    numbers = {word: number for number, word in enumerate(WORDS)} if words is None else words
    for name, value in {"word2idx": numbers, "idx2word": dict(enumerate(WORDS)), "idx": 6}.items():
        setattr(vocabulary, name, value)
    path.write_bytes(pickle.dumps(vocabulary, more.get("protocol", 3)))
    return path
