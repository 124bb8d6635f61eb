"""Find words that a prompt must not contain, despite common disguises.

An entry matches whole words: "ass" is not in "class". An asterisk stands for any letters: "ass*" is
in "assassin". A text is read once, letter by letter (`bot.filtering.normalize`), by an automaton
that matches all entries at the same time (`bot.filtering.automaton`). A text that contains an entry
only if its spaces mean nothing is looked at more closely (`bot.filtering.suspicion`).
"""

from collections.abc import Iterable

from bot.filtering.automaton import PatternState, ShiftAnd
from bot.filtering.direction import orders_of
from bot.filtering.letters import is_spaceless
from bot.filtering.normalize import read_letters
from bot.filtering.suspicion import find_hidden
from bot.languages.message import Message

MAX_LENGTH = 50
"""Maximum number of characters in an entry."""
_SHORTEST = 2
"""Minimum number of letters in an entry, except in scripts without spaces."""


class WordList:
    """The entries to search for, in their order."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Parse the entries; raises `ValueError` like `check_entry`."""
        self._entries = tuple(entries)
        self._automaton = ShiftAnd()
        self._owners: list[str] = []
        """The entry of each state."""
        for entry in self._entries:
            states = _parse(entry)
            self._automaton.add(states)
            self._owners += [entry] * len(states)

    def first_in(self, text: str) -> str | None:
        """Return an entry that the text contains; None if it contains none."""
        for order in orders_of(text) if self._entries else ():
            letters = read_letters(order)
            found = self._automaton.search(letters) or find_hidden(self._automaton, letters)
            if found:
                return self._owners[found.bit_length() - 1]
        return None


def check_entry(entry: str) -> str:
    """Return an entry in its stored form.

    Raises `ValueError` if it is invalid; the reason, its only argument, is a message.
    """
    folded = " ".join(entry.casefold().split())
    _parse(folded)
    return folded


def _parse(entry: str) -> list[PatternState]:
    if len(entry) > MAX_LENGTH:
        reason = Message(
            "a word has at most {most} characters, not {length}", most=MAX_LENGTH, length=len(entry)
        )
        raise ValueError(reason)
    states: list[PatternState] = []
    for number, part in enumerate(entry.split("*")):
        if number and states:
            states[-1].any_follow = True
        for letter in read_letters(part):
            if not letter.certain:
                continue
            if letter.boundary and states and not states[-1].any_follow:
                states[-1].space_follows = True
            states.append(PatternState(letter.certain))
    if len(states) < _SHORTEST and not any(map(is_spaceless, entry)):
        reason = Message(
            "a word needs at least {least} letters or digits, not counting *", least=_SHORTEST
        )
        raise ValueError(reason)
    states[0].starts = states[-1].ends = True
    states[0].starts_anywhere = entry.startswith("*")
    return states
