"""Answers that some weights are known to give, by the SHA-256 of their published files.

`known_answers.json` has them. Those of a published model can be added by whoever has its files and
sends the block of `python -m engine weights check NAME --report`, which has the answers.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("known_answers.json")


def known_answers(digest: str) -> tuple[float, ...]:
    """Return the answers that the weights with this SHA-256 give; empty if nobody knows them."""
    return _read().get(digest, ())


@cache
def _read() -> dict[str, tuple[float, ...]]:
    content: list[dict[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return {digest: tuple(entry["answers"]) for entry in content for digest in entry["digests"]}
