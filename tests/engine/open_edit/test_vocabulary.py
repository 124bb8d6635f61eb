import json
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.open_edit.vocabulary import MAX_BYTES, PhraseVocabulary, read_vocabulary
from tests.engine.open_edit.small import WORDS


@pytest.fixture
def vocabulary() -> PhraseVocabulary:
    return PhraseVocabulary({word: number for number, word in enumerate(WORDS)})


@pytest.mark.parametrize(
    ("phrase", "tokens"),
    [
        ("red car", [1, 5, 6, 2]),
        ("  Red\tCAR ", [1, 5, 6, 2]),
        ("red tractor", [1, 5, 3, 2]),
        ("", [1, 2]),
    ],
)
def test_a_phrase_becomes_numbers(vocabulary: PhraseVocabulary, phrase: str, tokens: list[int]):
    assert vocabulary.tokens(phrase) == tokens


def test_unknown_words_are_named_once(vocabulary: PhraseVocabulary):
    assert vocabulary.unknown_words("Green car of green steel") == ("green", "of", "steel")


def test_a_file_of_words_is_read(tmp_path: Path):
    path = tmp_path / "words.json"
    path.write_text(json.dumps([*WORDS, "汽车"]), encoding="utf-8")
    assert read_vocabulary(path, len(WORDS) + 1).tokens("汽车") == [1, 8, 2]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(WORDS[:-1]),
        json.dumps([*WORDS, "sky"]),
        json.dumps([*WORDS[:-1], "red"]),
        json.dumps([*WORDS[:-1], 7]),
        json.dumps([*WORDS[1:], "sea", "<pad>"]),
        json.dumps([word.strip("<>") for word in WORDS]),
        json.dumps({word: number for number, word in enumerate(WORDS)}),
        "null",
        '["car"',
        "[" * 100_000,
        b"\xff\xfe\x00",
        b"\x80\x04\x95cos\nsystem\n",
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str | bytes):
    path = tmp_path / "words.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ModelError, match=r"words\.json"):
        read_vocabulary(path, len(WORDS))


def test_a_huge_file_is_refused_before_it_is_parsed(tmp_path: Path):
    path = tmp_path / "words.json"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ModelError, match="larger than 16 MiB"):
        read_vocabulary(path, len(WORDS))


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ModelError, match=r"words\.json are missing"):
        read_vocabulary(tmp_path / "words.json", len(WORDS))
