"""Tokenizers out of files. The expected tokens are those of open_clip's `HFTokenizer`."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ModelError
from engine.models.tokenizer import MAX_BYTES, FileTokenizer, read_tokenizer, tokenizer_sha256
from tests.engine.conversion.siglip import (
    SPECIAL,
    VOCABULARY,
    few_tokens,
    tokenizer_file,
    write_tokenizer,
)

KNOWN = {
    "": [1],
    "   \n": [1],
    "a red circle": [261, 289, 308, 1],
    "A Red_CIRCLE, on WHITE!": [261, 289, 308, 279, 384, 1],
    "über façade straße": [407, 414, 426, 1],
    "красный круг, 红色圆圈": [451, 455, 461, 467, 1],
    "🎨": [244, 163, 146, 172, 1],
    "&lt;b&gt; <eos> <pad>": [292, 260, 268, 274, 331, 317, 286, 1],
    "the cathedral under water, 1850": [
        *(273, 332, 273, 286, 285, 261, 293, 376, 361, 260, 53, 60, 57, 52, 1)
    ],
    "word " * 100: [371, *[368] * 62, 1],
    "x" * 80: [*[124] * 63, 1],
}
"""Texts and their tokens without what fills up, seen with transformers 5.23."""


def read(path: Path, **changes: Any) -> FileTokenizer:
    return read_tokenizer(path, few_tokens()["text_cfg"] | changes, tokenizer_sha256(path))


@pytest.fixture
def tokenizer(tmp_path: Path) -> FileTokenizer:
    return read(write_tokenizer(tmp_path / "tokenizer.json"))


def test_texts_become_the_tokens_that_open_clip_makes_of_them(tokenizer: FileTokenizer):
    tokens = tokenizer(list(KNOWN))
    assert tokens.shape == (len(KNOWN), 64)
    for row, ids in zip(tokens.tolist(), KNOWN.values(), strict=True):
        assert row == ids + [0] * (64 - len(ids))
    assert tokenizer("a red circle").tolist() == tokens[2:3].tolist()
    assert tokenizer([]).shape == (0, 64)


def test_a_text_is_counted_as_a_whole_and_without_its_end(tokenizer: FileTokenizer):
    assert tokenizer.encode("a red circle") == [261, 289, 308]
    assert tokenizer.encode("") == []
    assert len(tokenizer.encode("word " * 100)) == 100
    assert tokenizer.room == 63


def test_what_a_file_says_of_lengths_does_not_count(tmp_path: Path, tokenizer: FileTokenizer):
    cut = {"direction": "Left", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    filled = {"strategy": {"Fixed": 9}, "direction": "Left", "pad_to_multiple_of": None}
    filled |= {"pad_id": 3, "pad_type_id": 0, "pad_token": "<unk>"}
    other = read(write_tokenizer(tmp_path / "other.json", truncation=cut, padding=filled))
    assert other(list(KNOWN)).tolist() == tokenizer(list(KNOWN)).tolist()
    assert len(other.encode("word " * 100)) == 100


MODEL = tokenizer_file()["model"]
GEMMAS = {
    "type": "TemplateProcessing",
    "single": [
        {"SpecialToken": {"id": "<bos>", "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
    ],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
    "special_tokens": {"<bos>": {"id": "<bos>", "ids": [2], "tokens": ["<bos>"]}},
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another kind": ({"model": {"type": "Magic"}}, "damaged or of an unknown form"),
    "no vocabulary": ({"model": MODEL | {"vocab": {}}}, "is not SigLIP's"),
    "no byte pairs": ({"model": MODEL | {"type": "WordLevel"}}, "uses byte pairs"),
    "pairs at random": ({"model": MODEL | {"dropout": 0.5}}, "uses byte pairs"),
    "a prefix": ({"model": MODEL | {"continuing_subword_prefix": "xxxxx"}}, "uses byte pairs"),
    "a list for words": ({"model": MODEL | {"vocab": ["<pad>", "<eos>"]}}, "damaged"),
    "a number for pairs": ({"model": MODEL | {"merges": 3}}, "damaged"),
    "merges of nothing": ({"model": MODEL | {"merges": [["q", "qq"]]}}, "damaged or of an unknown"),
    "no end": ({"post_processor": None}, "is not SigLIP's"),
    "Gemma's own": ({"post_processor": GEMMAS}, "adds only <eos> to their ends"),
    "no tokens by name": (
        {"added_tokens": [], "model": MODEL | {"vocab": {"<eos>": 1, "a": 2}, "merges": []}},
        "pads texts with <pad>, which is token 0",
    ),
    "too many tokens": (
        {"model": MODEL | {"vocab": MODEL["vocab"] | {"vast": VOCABULARY}}},
        f"has a token {VOCABULARY}, but its model knows only {VOCABULARY}",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_tokenizer_that_does_not_fit_is_refused_in_one_sentence(tmp_path: Path, kind: str):
    changes, message = REFUSED[kind]
    path = write_tokenizer(tmp_path / "other.json", **changes)
    with pytest.raises(ModelError, match=f"the tokenizer other.json .*{message}") as caught:
        read(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[]", b"{}", b"[" * 100_000, b'{"version": "1.0"', b"\x00" * 9],
    ids=["empty", "no text", "a list", "no parts", "too deep", "half", "zeros"],
)
def test_what_is_no_tokenizer_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="tokenizer.json is damaged or of an unknown form"):
        read(path)


def test_a_file_that_breaks_off_anywhere_is_refused(tmp_path: Path):
    content = json.dumps(tokenizer_file()).encode()
    path = tmp_path / "tokenizer.json"
    for end in range(0, len(content), 997):
        path.write_bytes(content[:end])
        with pytest.raises(ModelError, match="damaged"):
            read(path)


def test_a_file_that_is_missing_too_large_or_another_is_told(tmp_path: Path):
    path = tmp_path / "tokenizer.json"
    with pytest.raises(ModelError, match="the tokenizer tokenizer.json is missing"):
        read(path)
    with pytest.raises(ModelError, match="damaged or of an unknown form"):
        read(tmp_path)
    write_tokenizer(path)
    with pytest.raises(ModelError, match="is not the one that its weights came with"):
        read_tokenizer(path, few_tokens()["text_cfg"], hashlib.sha256(b"").hexdigest())
    with path.open("r+b") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ModelError, match="larger than 67 MB"):
        read(path)


def test_tokens_of_special_names_are_never_read_from_a_text(tokenizer: FileTokenizer):
    for name in SPECIAL:
        assert not set(tokenizer.encode(f"a {name} {name}")) & set(range(len(SPECIAL)))
