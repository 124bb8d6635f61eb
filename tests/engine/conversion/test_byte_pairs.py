"""The two files of a tokenizer, which may be anything."""

import json
from pathlib import Path

import pytest

from engine.conversion import byte_pairs
from engine.conversion.byte_pairs import read_byte_pairs
from engine.errors import ModelError

VOCABULARY = {"[PAD]": 0, "[UNK]": 1, "a": 2, "b</w>": 3, "ab</w>": 4, "\x85": 5, "a\x85": 6}
MERGES = "#version: 0.2\na b</w>\na \x85\n"


def read(
    tmp_path: Path, vocabulary: object = VOCABULARY, merges: str | bytes = MERGES, tokens: int = 8
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    first, second = tmp_path / "vocab.json", tmp_path / "merges.txt"
    is_raw = isinstance(vocabulary, bytes)
    first.write_bytes(vocabulary if is_raw else json.dumps(vocabulary).encode())
    second.write_bytes(merges if isinstance(merges, bytes) else merges.encode())
    return read_byte_pairs(first, second, tokens)


def test_tokens_and_pairs_are_read(tmp_path: Path):
    vocabulary, merges = read(tmp_path)
    assert vocabulary == VOCABULARY
    assert merges == [("a", "b</w>"), ("a", "\x85")]


@pytest.mark.parametrize(
    ("vocabulary", "merges", "told"),
    [
        (b"{", MERGES, "vocab.json is damaged"),
        (b"\xff", MERGES, "vocab.json is damaged"),
        (b"[" * 100_000, MERGES, "vocab.json is damaged"),
        ([], MERGES, "must be a table of 1 to 8 tokens"),
        ({}, MERGES, "must be a table of 1 to 8 tokens"),
        ({str(n): n for n in range(9)}, MERGES, "must be a table of 1 to 8 tokens"),
        (VOCABULARY | {"x": 8}, MERGES, "only those from 0 to 7"),
        (VOCABULARY | {"x": -1}, MERGES, "only those from 0 to 7"),
        (VOCABULARY | {"x": "1"}, MERGES, "only those from 0 to 7"),
        (VOCABULARY | {"x": True}, MERGES, "only those from 0 to 7"),
        (VOCABULARY | {"x": 5}, MERGES, "has a token twice"),
        (VOCABULARY | {"x" * 2000: 7}, MERGES, "only those from 0 to 7"),
        (VOCABULARY, "a c", "merges 'a c'"),
        (VOCABULARY, "a b</w> a", "merges 'a b</w> a'"),
        (VOCABULARY, "a", "merges 'a'"),
        (VOCABULARY, b"\xff", "merges.txt is damaged"),
    ],
)
def test_what_is_no_tokenizer_is_refused(
    tmp_path: Path, vocabulary: object, merges: str | bytes, told: str
):
    with pytest.raises(ModelError) as error:
        read(tmp_path, vocabulary, merges)
    assert told in str(error.value)


def test_missing_and_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ModelError, match=r"vocab\.json is missing"):
        read_byte_pairs(tmp_path / "vocab.json", tmp_path / "merges.txt", 8)
    monkeypatch.setattr(byte_pairs, "MAX_BYTES", 10)
    with pytest.raises(ModelError, match="is larger than"):
        read(tmp_path)
