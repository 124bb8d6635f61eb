"""Ordinary words, by which an innocent text is told from a disguise.

"Click" looks like "dick", and "as s" without its space is "ass". The first is a word, and "s" is
none, so only the second is a disguise. The words are those of pyspellchecker's dictionaries.
"""

import unicodedata
from functools import lru_cache

_LANGUAGES = ("en", "es", "fr", "it", "ru")
EVERY_LANGUAGE = (1 << len(_LANGUAGES)) - 1
_RARE = 50
"""The frequency of words that are in a dictionary but were hardly ever seen."""
_CONSONANTS = frozenset("bcdfghjklmnpqrstvwxz")
_SHORT = " a am an as at be by do go he i if in is it me my no of oh on or so to up us we "
"""The English words of one or two letters that can be part of a text without spaces."""


def languages_of(letters: str) -> int:
    """Return the languages in which letters without accents are a word or a number, as bits."""
    if len(letters) == 1:  # many languages have words of one letter, but no Latin consonants
        return 0 if letters in _CONSONANTS else EVERY_LANGUAGE
    return EVERY_LANGUAGE if letters.isdigit() else _words().get(letters, 0)


def is_part(letters: str) -> bool:
    """Return True if letters can be a word in an English text that is written without spaces."""
    if len(letters) < 3:
        return letters.isdigit() or f" {letters} " in _SHORT
    return letters.isdigit() or letters in _words()


@lru_cache(maxsize=1)
def _words() -> dict[str, int]:
    """Load the languages of all words, which takes a second and some megabytes."""
    from spellchecker import SpellChecker

    words: dict[str, int] = {}
    for number, language in enumerate(_LANGUAGES):
        found = SpellChecker(language=language).word_frequency.dictionary
        for word in (_plain(word) for word, count in found.items() if count > _RARE):
            words[word] = words.get(word, 0) | 1 << number
    return words


def _plain(word: str) -> str:
    """Remove the accents of a word."""
    if word.isascii():
        return word
    letters = unicodedata.normalize("NFKD", word)
    return "".join(each for each in letters if not unicodedata.combining(each))
