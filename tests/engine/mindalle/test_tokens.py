import json
from pathlib import Path

import pytest
from tokenizers.implementations.char_level_bpe import CharBPETokenizer

from engine.errors import ModelError
from engine.mindalle.tokens import PAD, UNKNOWN, WordTokenizer, read_pair_tokenizer

PIECES = ("[PAD]", "[UNK]", "a", "b", "c", "a</w>", "b</w>", "c</w>", "!</w>", "ab", "abc</w>")
VOCAB = {piece: token for token, piece in enumerate(PIECES)}
MERGES = [("a", "b"), ("ab", "c</w>")]
TEXTS = ("abc", "ABC ab!", "a  b\tc", "abc? cab", "äbc", "[PAD] a [UNK]", "", "ab" * 20)


def write(folder: Path, model: object) -> Path:
    path = folder / "transformer.tokenizer.json"
    path.write_text(json.dumps({"model": model}))
    return path


def test_tokens_are_those_of_the_library_as_the_published_program_calls_it(tmp_path: Path):
    theirs = CharBPETokenizer(VOCAB, MERGES, unk_token="[UNK]", lowercase=True)
    theirs.add_special_tokens(["[PAD]"])
    theirs.enable_padding(length=8, pad_id=0, pad_token="[PAD]")
    theirs.enable_truncation(8)
    ours = read_pair_tokenizer(write(tmp_path, {"vocab": VOCAB, "merges": MERGES}), 8, len(VOCAB))
    for text in TEXTS:
        assert ours(text).tolist() == [theirs.encode(text).ids], text
    assert ours("Abc c!").tolist() == [[10, 7, 8, 0, 0, 0, 0, 0]]


def test_a_file_that_the_library_wrote_is_read(tmp_path: Path):
    theirs = CharBPETokenizer(VOCAB, MERGES, unk_token="[UNK]", lowercase=True)
    path = tmp_path / "tokenizer.json"
    theirs.save(str(path))
    assert read_pair_tokenizer(path, 3, 11)("abc ab").tolist() == [[10, 2, 6]]


def test_merges_may_be_texts_as_in_older_files(tmp_path: Path):
    path = write(tmp_path, {"vocab": VOCAB, "merges": ["a b", "ab c</w>"]})
    assert read_pair_tokenizer(path, 2, 11)("abc").tolist() == [[10, PAD]]


@pytest.mark.parametrize(
    "model",
    [
        None,
        {"vocab": VOCAB},
        {"vocab": {"[PAD]": 0}, "merges": []},
        {"vocab": VOCAB | {"[PAD]": 1, "[UNK]": 0}, "merges": MERGES},
        {"vocab": VOCAB | {"d": 11}, "merges": MERGES},
        {"vocab": VOCAB | {"d": -1}, "merges": MERGES},
        {"vocab": VOCAB, "merges": [("x", "y")]},
        {"vocab": VOCAB, "merges": ["a b c"]},
    ],
)
def test_a_file_that_is_another_tokenizer_is_refused_by_name(tmp_path: Path, model: object):
    with pytest.raises(ModelError, match=r"transformer\.tokenizer\.json"):
        read_pair_tokenizer(write(tmp_path, model), 8, 11)


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(ModelError, match="none.json is missing"):
        read_pair_tokenizer(tmp_path / "none.json", 8, 11)


def test_words_are_tokens_whatever_their_capitals_and_others_are_unknown():
    tokenizer = WordTokenizer(("red", "star", ","), 5)
    assert tokenizer("Red star").tolist() == [[2, 3, PAD, PAD, PAD]]
    assert tokenizer("a RED,star").tolist() == [[UNKNOWN, 2, 4, 3, PAD]]
    assert tokenizer("star " * 9).tolist() == [[3] * 5]
