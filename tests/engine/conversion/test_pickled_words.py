"""A vocabulary that was published as a pickle, which may be anything."""

from pathlib import Path

import pytest

from engine.conversion import pickled_words
from engine.conversion.pickled_words import read_pickled_words
from engine.errors import ModelError
from tests.engine.conversion.fake_checkpoints import poison
from tests.engine.conversion.fake_vocabulary import WORDS, write_vocabulary


@pytest.mark.parametrize("module", ["__main__", "vocab", "util.vocab"])
@pytest.mark.parametrize("protocol", [0, 2, 3, 4])
def test_the_words_come_in_the_order_of_their_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, protocol: int
):
    path = write_vocabulary(tmp_path / "v.pkl", monkeypatch, module=module, protocol=protocol)
    assert read_pickled_words(path) == WORDS


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({}, "has no words"),
        ([], "has no words"),
        ({"a": 1, "b": 2}, "number its words from 0 on"),
        ({"a": 0, "b": 0}, "number its words from 0 on"),
        ({"a": 0, "b": "x"}, "damaged"),
        ({"a": 0, 3: 1}, "a word that is no text"),
        ({"a" * 2000: 0}, "a word that is no text"),
    ],
)
def test_what_is_no_vocabulary_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: object, told: str
):
    with pytest.raises(ModelError, match=told):
        read_pickled_words(write_vocabulary(tmp_path / "v.pkl", monkeypatch, words))


def test_nothing_in_it_is_run(tmp_path: Path):
    target = tmp_path / "made"
    (tmp_path / "v.pkl").write_bytes(poison(target))
    with pytest.raises(ModelError, match=r"asks for \w+\.mkdir, which no vocabulary needs, and"):
        read_pickled_words(tmp_path / "v.pkl")
    assert not target.exists()


@pytest.mark.parametrize(
    "content", [b"", b"x", b"cbuiltins\nobject\n.", b"ccopyreg\n_reconstructor\n(tR."]
)
def test_what_is_no_pickle_of_it_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "v.pkl").write_bytes(content)
    with pytest.raises(ModelError, match=r"the vocabulary v\.pkl"):
        read_pickled_words(tmp_path / "v.pkl")


def test_missing_and_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ModelError, match=r"v\.pkl is missing"):
        read_pickled_words(tmp_path / "v.pkl")
    path = write_vocabulary(tmp_path / "v.pkl", monkeypatch)
    monkeypatch.setattr(pickled_words, "MAX_BYTES", 10)
    with pytest.raises(ModelError, match="too large"):
        read_pickled_words(path)
