"""The vocabulary of models that are trained on the drawn scenes. No torch in here."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from engine.models.scene_words import KNOWN, LONGEST, MEANINGS
from engine.recipes.prompts import Prompt

_DEFAULT = "a tree in a meadow"
"""A scene for a prompt of which no word is known."""


class SceneVocabulary:
    """The vocabulary of the drawn scenes."""

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words of a text that mean nothing to the models, each once."""
        return tuple(dict.fromkeys(each for each in words_of(text) if each not in KNOWN))

    def nearest(self, prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
        """Return prompts without the unknown words.

        A prompt that says nothing then is left out; if all do, the first becomes a plain scene.
        """
        texts = [(each, _without_unknown(each.text)) for each in prompts]
        known = tuple(replace(each, text=text) for each, text in texts if phrases_of(text))
        if known or not prompts:
            return known
        return (replace(prompts[0], text=_DEFAULT),)


def words_of(text: str) -> list[str]:
    """Return the words of a text in lower case: letters, digits and apostrophes."""
    return re.findall(r"[^\W_]+(?:'s)?", text.lower().replace("’", "'"))


def phrases_of(text: str) -> list[tuple[str, str, int]]:
    """Return slot, value and number of the first word of each phrase, the longest ones first.

    No phrase goes across a comma, a colon or a full stop.
    """
    found: list[tuple[str, str, int]] = []
    before = 0
    for part in re.split(r"[,.:;]", text):
        words = words_of(part)
        found += [(slot, value, before + start) for slot, value, start in _phrases(words)]
        before += len(words)
    return found


def _phrases(words: Sequence[str]) -> Iterator[tuple[str, str, int]]:
    start = 0
    while start < len(words):
        for length in range(min(LONGEST, len(words) - start), 0, -1):
            meaning = MEANINGS.get(" ".join(words[start : start + length]))
            if meaning is not None:
                yield (*meaning, start)
                break
        else:
            length = 1
        start += length


def _without_unknown(text: str) -> str:
    """Leave out the unknown words of a text, and commas that nothing stands between."""
    unknown = {each for each in words_of(text) if each not in KNOWN}
    if not unknown:
        return text
    parts = [
        " ".join(each for each in words_of(part) if each not in unknown) for part in text.split(",")
    ]
    return ", ".join(part for part in parts if phrases_of(part))
