"""SigLIP 2 as it is published, but with few tokens: its configuration and its tokenizer."""

import json
from copy import deepcopy
from itertools import pairwise
from pathlib import Path
from typing import Any

import open_clip

NAME = "ViT-B-16-SigLIP2"
VOCABULARY = 640
"""The published one has 256,000."""
SPECIAL = ("<pad>", "<eos>", "<bos>", "<unk>")
WORDS = (
    "a an the of on in red blue circle painting castle cathedral water word under white ground "
    "über façade straße красный круг 红色 圆圈 دائرة"
)


def few_tokens() -> dict[str, Any]:
    """open_clip's configuration, changed in nothing but the size of the vocabulary."""
    config = deepcopy(open_clip.get_model_config(NAME))
    assert config is not None
    config["text_cfg"]["vocab_size"] = VOCABULARY
    return config


def tokenizer_file() -> dict[str, Any]:
    """Return a tokenizer like Gemma's, with byte pairs, single bytes and an end token.

    It knows `WORDS`, letter by letter from their beginnings.
    """
    pieces = [SPECIAL, [f"<0x{byte:02X}>" for byte in range(256)]]
    merges: list[tuple[str, str]] = []
    for word in (start + word for word in WORDS.split() for start in ("▁", "")):
        beginnings = [word[:length] for length in range(1, len(word) + 1)]
        merges += [(before, now[-1]) for before, now in pairwise(beginnings)]
        pieces += [list(word), beginnings]
    names = dict.fromkeys(piece for group in pieces for piece in group)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": number, "content": name, "special": True}
            | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
            for number, name in enumerate(SPECIAL)
        ],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"String": " "},
            "behavior": "MergedWithPrevious",
            "invert": False,
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [_sequence("A"), _END],
            "pair": [_sequence("A"), _END, _sequence("B"), _END],
            "special_tokens": {"<eos>": {"id": "<eos>", "ids": [1], "tokens": ["<eos>"]}},
        },
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {name: number for number, name in enumerate(names)},
            "merges": [list(merge) for merge in dict.fromkeys(merges)],
        },
    }


_END = {"SpecialToken": {"id": "<eos>", "type_id": 0}}


def _sequence(name: str) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": 0}}


def write_tokenizer(path: Path, **changes: Any) -> Path:
    """Write `tokenizer_file` to `path`, with parts of it replaced."""
    path.write_text(json.dumps(tokenizer_file() | changes), encoding="utf-8")
    return path
