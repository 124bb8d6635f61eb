"""The words of the drawn scenes: landscapes and the things in them. No torch in here.

`engine.demo.scenes.sentences` makes sentences of them and reads them back. In all phrases the words
are in lower case and hyphens are spaces.
"""

from collections.abc import Mapping
from types import MappingProxyType

from engine.models.scene_word_lists import (
    COLOR_WORDS,
    GROUND_NOUNS,
    KIND_NOUNS,
    MEDIUM_PHRASES,
    NEUTRAL_WORDS,
    PLACE_PHRASES,
    RELATION_PHRASES,
    SIZE_WORDS,
    SKY_PHRASES,
    STANDING_PHRASES,
)

SLOTS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "kind": KIND_NOUNS,
        "color": COLOR_WORDS,
        "size": SIZE_WORDS,
        "place": PLACE_PHRASES,
        "relation": RELATION_PHRASES,
        "sky": SKY_PHRASES,
        "ground": GROUND_NOUNS,
        "medium": MEDIUM_PHRASES,
    }
)
"""What a sentence can say, and all phrases for each value."""


def _by_phrase() -> Mapping[str, tuple[str, str]]:
    table = {
        phrase: (slot, value)
        for slot, values in SLOTS.items()
        for value, phrases in values.items()
        for phrase in phrases
    }
    return MappingProxyType(table)


MEANINGS = _by_phrase()
"""The slot and the value of each phrase."""
LONGEST = max(len(phrase.split()) for phrase in MEANINGS)
"""Number of words of the longest phrase."""
KNOWN = frozenset(
    word
    for line in (*MEANINGS, *(p for ps in STANDING_PHRASES.values() for p in ps), *NEUTRAL_WORDS)
    for word in line.split()
)
"""All words of the sentences, and words that say nothing about a picture."""
