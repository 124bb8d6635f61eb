"""The vocabulary of the demo Open-Edit: colors, and what has them. No torch in here."""

from collections.abc import Sequence
from dataclasses import replace

from engine.models.shape_words import COLORS, CONTRASTS, GROUNDS, MEANINGS, SHAPES, SIMILAR
from engine.recipes.prompts import Prompt

SHAPE, BACKGROUND = "shape", "background"
"""Words for an object of any shape, and for what is around it."""
ARTICLES = ("a", "the")
_THINGS = SHAPES | {SHAPE, BACKGROUND}
_KNOWN = COLORS | _THINGS | set(ARTICLES)
_DEFAULT_COLOR = "red"


class ShapePhrases:
    """The vocabulary of the demo Open-Edit, which reads phrases such as "a red circle"."""

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words of a phrase that mean nothing to the models, each once."""
        return tuple(word for word in dict.fromkeys(text.lower().split()) if word not in _KNOWN)

    def nearest(self, prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
        """Return phrases of a color and a thing, for the phrases before and after an edit.

        Both name the same thing, and different colors.
        """
        phrases = [[_meaning(word) for word in each.text.lower().split()] for each in prompts]
        things = (word for words in phrases for word in words if word in _THINGS)
        thing = next(things, SHAPE)
        first, *_, last = [_color(words) for words in phrases]
        old = first or CONTRASTS.get(last or "", _DEFAULT_COLOR)
        new = CONTRASTS[old] if last in (None, old) else last
        pairs = zip(prompts, (old, new), strict=True)
        return tuple(replace(prompt, text=f"{color} {thing}") for prompt, color in pairs)


def _meaning(word: str) -> str:
    """Return the known word that a word stands for, or the word itself."""
    if word in GROUNDS:
        return BACKGROUND
    similar = SIMILAR.get(word, word)
    return MEANINGS.get(similar, similar)


def _color(words: Sequence[str]) -> str | None:
    return next((word for word in words if word in COLORS), None)
