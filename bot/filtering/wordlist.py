"""Words that a prompt must not hold, found in spite of the usual disguises.

An entry matches whole words: "ass" is not in "class". An asterisk stands for any letters: "ass*" is
in "assassin". A text is read once, letter by letter (`bot.filtering.normalize`), by an automaton
that follows all entries at the same time (Shift-And: Baeza-Yates and Gonnet 1992, with the gaps and
repetitions of Navarro and Raffinot): each place of each entry is one bit. So the time grows with
the length of the text and never with what stands in it.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bot.filtering.normalize import ANY, Boundary, Letter, is_spaceless, read_letters

MAX_LENGTH = 50
"""Characters of an entry."""
_SHORTEST = 2
"""Letters of an entry, but in scripts where one is a word."""


class WordList:
    """Entries to look for, in their order."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Raise `ValueError`, as `check_entry` does."""
        self._entries = tuple(entries)
        self._bits = _ShiftAnd()
        self._owners: list[str] = []
        for entry in self._entries:
            places = _parse(entry)
            self._bits.add(places)
            self._owners += [entry] * len(places)

    def first_in(self, text: str) -> str | None:
        """An entry that the text holds; None if it holds none."""
        found = self._bits.search(read_letters(text)) if self._entries else 0
        return self._owners[found.bit_length() - 1] if found else None


def check_entry(entry: str) -> str:
    """An entry as it is kept; raises `ValueError`, whose message says what is wrong with it."""
    kept = " ".join(entry.casefold().split())
    _parse(kept)
    return kept


@dataclass
class _PatternState:
    """A letter of an entry."""

    letters: frozenset[str]
    starts: bool = False
    """Whether the entry begins with it."""
    starts_anywhere: bool = False
    """Whether it may also begin in the middle of a word."""
    any_follow: bool = False
    """Whether any letters may follow."""
    space_follows: bool = False
    """Whether spaces may follow."""
    ends: bool = False
    """Whether the entry ends with it, at the end of a word unless any letters may follow."""


def _parse(entry: str) -> list[_PatternState]:
    if len(entry) > MAX_LENGTH:
        raise ValueError(f"a word has at most {MAX_LENGTH} characters, not {len(entry)}")
    places: list[_PatternState] = []
    for number, part in enumerate(entry.split("*")):
        if number and places:
            places[-1].any_follow = True
        for letter in read_letters(part):
            if not letter.certain:
                continue
            if letter.boundary and places and not places[-1].any_follow:
                places[-1].space_follows = True
            places.append(_PatternState(letter.certain))
    if len(places) < _SHORTEST and not any(map(is_spaceless, entry)):
        raise ValueError(
            f"a word needs at least {_SHORTEST} letters or digits, beside * for any letters"
        )
    places[0].starts = places[-1].ends = True
    places[0].starts_anywhere = entry.startswith("*")
    return places


class _ShiftAnd:
    """The automaton: one bit for each place of each entry, set while a text may be there."""

    def __init__(self) -> None:
        self._size = 0
        self._letters: defaultdict[str, int] = defaultdict(int)
        """Places that take a letter."""
        self._starts = self._starts_anywhere = self._any = self._spaces = 0
        self._ends = self._ends_anywhere = 0

    def add(self, places: list[_PatternState]) -> None:
        """Follow one more entry."""
        for place in places:
            bit = 1 << self._size
            self._size += 1
            for letter in place.letters:
                self._letters[letter] |= bit
            self._starts |= bit * place.starts
            self._starts_anywhere |= bit * place.starts_anywhere
            self._any |= bit * (place.any_follow and not place.ends)
            self._spaces |= bit * place.space_follows
            self._ends |= bit * place.ends
            self._ends_anywhere |= bit * (place.ends and place.any_follow)

    def search(self, letters: Iterable[Letter]) -> int:
        """The bits of entries that were found, the highest being one that was; 0 if none was.

        `sure` holds where a text may be with at least one letter that is what it seems; `vague`
        where it may be with nothing but digits and signs for letters: 455 is not "ass".
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
            as_is, meant = self._taken(letter.certain), self._taken(letter.possible)
            next_sure = self._step(sure, as_is | meant, 0) | self._step(vague, as_is, starts)
            next_vague = self._step(vague, meant, starts)
            if letter.is_sign:  # or it separates
                next_sure, next_vague = next_sure | sure, next_vague | vague
            sure, vague = next_sure, next_vague
            if found := sure & self._ends_anywhere:
                return found
        return sure & self._ends

    def _taken(self, letters: frozenset[str]) -> int:
        if letters is ANY:
            return (1 << self._size) - 1
        taken = 0
        for letter in letters:
            taken |= self._letters.get(letter, 0)
        return taken

    def _step(self, places: int, taken: int, starts: int) -> int:
        """Where a text may be after a letter: one place further, or still where it repeats."""
        entered = (places << 1) & ~self._starts | starts
        return (entered | places) & taken | places & self._any
