"""Find words that a prompt must not contain, despite common disguises.

An entry matches whole words: "ass" is not in "class". An asterisk stands for any letters: "ass*" is
in "assassin". A text is read once, letter by letter (`bot.filtering.normalize`), by an automaton
that matches all entries at the same time (Shift-And: Baeza-Yates and Gonnet 1992, with the gaps and
repetitions of Navarro and Raffinot); each letter of each entry is one bit. The time is linear in
the length of the text, for any text.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bot.filtering.normalize import ANY, Boundary, Letter, is_spaceless, read_letters

MAX_LENGTH = 50
"""Maximum number of characters in an entry."""
_SHORTEST = 2
"""Minimum number of letters in an entry, except in scripts without spaces."""


class WordList:
    """The entries to search for, in their order."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Parse the entries; raises `ValueError` like `check_entry`."""
        self._entries = tuple(entries)
        self._automaton = _ShiftAnd()
        self._owners: list[str] = []
        """The entry of each state."""
        for entry in self._entries:
            states = _parse(entry)
            self._automaton.add(states)
            self._owners += [entry] * len(states)

    def first_in(self, text: str) -> str | None:
        """Return an entry that the text contains; None if it contains none."""
        found = self._automaton.search(read_letters(text)) if self._entries else 0
        return self._owners[found.bit_length() - 1] if found else None


def check_entry(entry: str) -> str:
    """Return an entry in its stored form; raises `ValueError` with the reason if it is invalid."""
    folded = " ".join(entry.casefold().split())
    _parse(folded)
    return folded


@dataclass
class _PatternState:
    """One letter of an entry, which is one state of the automaton."""

    letters: frozenset[str]
    starts: bool = False
    """Whether the entry starts with it."""
    starts_anywhere: bool = False
    """Whether the entry may also start in the middle of a word."""
    any_follow: bool = False
    """Whether any letters may follow."""
    space_follows: bool = False
    """Whether spaces may follow."""
    ends: bool = False
    """Whether the entry ends with it, at the end of a word unless any letters may follow."""


def _parse(entry: str) -> list[_PatternState]:
    if len(entry) > MAX_LENGTH:
        raise ValueError(f"a word has at most {MAX_LENGTH} characters, not {len(entry)}")
    states: list[_PatternState] = []
    for number, part in enumerate(entry.split("*")):
        if number and states:
            states[-1].any_follow = True
        for letter in read_letters(part):
            if not letter.certain:
                continue
            if letter.boundary and states and not states[-1].any_follow:
                states[-1].space_follows = True
            states.append(_PatternState(letter.certain))
    if len(states) < _SHORTEST and not any(map(is_spaceless, entry)):
        raise ValueError(f"a word needs at least {_SHORTEST} letters or digits, not counting *")
    states[0].starts = states[-1].ends = True
    states[0].starts_anywhere = entry.startswith("*")
    return states


class _ShiftAnd:
    """The automaton: one bit for each state, set while a text may be in it."""

    def __init__(self) -> None:
        self._size = 0
        self._letters: defaultdict[str, int] = defaultdict(int)
        """The states that accept a letter."""
        self._starts = self._starts_anywhere = self._any = self._spaces = 0
        self._ends = self._ends_anywhere = 0

    def add(self, states: list[_PatternState]) -> None:
        """Add an entry."""
        for state in states:
            bit = 1 << self._size
            self._size += 1
            for letter in state.letters:
                self._letters[letter] |= bit
            self._starts |= bit * state.starts
            self._starts_anywhere |= bit * state.starts_anywhere
            self._any |= bit * (state.any_follow and not state.ends)
            self._spaces |= bit * state.space_follows
            self._ends |= bit * state.ends
            self._ends_anywhere |= bit * (state.ends and state.any_follow)

    def search(self, letters: Iterable[Letter]) -> int:
        """Return bits of which the highest belongs to an entry that was found; 0 if none was.

        `sure` are the states reached with at least one real letter, `vague` those reached with
        nothing but digits and signs for letters: 455 is not "ass".
        """
        sure = vague = 0
        for letter in letters:
            starts = self._starts_anywhere
            if letter.boundary:
                if found := sure & self._ends:
                    return found
                starts = self._starts
            if letter.boundary is Boundary.BREAK:
                sure, vague = sure & self._spaces, vague & self._spaces
            certain, possible = self._accepting(letter.certain), self._accepting(letter.possible)
            next_sure = self._step(sure, certain | possible, 0)
            next_sure |= self._step(vague, certain, starts)
            next_vague = self._step(vague, possible, starts)
            if letter.is_sign:  # it may be a separator
                next_sure, next_vague = next_sure | sure, next_vague | vague
            sure, vague = next_sure, next_vague
            if found := sure & self._ends_anywhere:
                return found
        return sure & self._ends

    def _accepting(self, letters: frozenset[str]) -> int:
        if letters is ANY:
            return (1 << self._size) - 1
        accepting = 0
        for letter in letters:
            accepting |= self._letters.get(letter, 0)
        return accepting

    def _step(self, states: int, accepting: int, starts: int) -> int:
        """Return the states after a letter: the next ones, or the same where letters repeat."""
        entered = (states << 1) & ~self._starts | starts
        return (entered | states) & accepting | states & self._any
