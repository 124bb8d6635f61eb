"""The phrases that pictures of the drawn scenes are described with. No torch in here."""

from itertools import product

from engine.models.phrases import Phrases, article
from engine.models.scene_word_lists import (
    COLOR_WORDS,
    KIND_NOUNS,
    MEDIUM_PHRASES,
    SKY_PHRASES,
    STANDING_PHRASES,
)

_SUN = "the sun"


def scene_phrases() -> Phrases:
    """Return each thing in each color, and the places, skies and media that can follow it."""
    things = [nouns[0] for kind, nouns in KIND_NOUNS.items() if kind != "sun"]
    colors = [words[0] for words in COLOR_WORDS.values()]
    subjects = (f"{article(color)} {color} {thing}" for thing, color in product(things, colors))
    looks = (STANDING_PHRASES, SKY_PHRASES, MEDIUM_PHRASES)
    return Phrases(
        subjects=(_SUN, *subjects),
        looks=tuple(tuple(phrases[0] for phrases in each.values()) for each in looks),
    )
