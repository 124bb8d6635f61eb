"""An automaton that finds all entries of a list of words at the same time.

Shift-And: Baeza-Yates and Gonnet 1992, with the gaps and repetitions of Navarro and Raffinot. Each
letter of each entry is a state, which is one bit; it is set while a text may be in that state. The
time is linear in the length of the text, for any text.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.filtering.letters import ANY, Boundary, Letter


@dataclass
class PatternState:
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


@dataclass(frozen=True, slots=True)
class Reached:
    """The states that a text may be in after a letter, as bits."""

    sure: int = 0
    """Those reached with at least one real letter."""
    vague: int = 0
    """Those reached with nothing but digits and signs for letters: 455 is not "ass"."""


class ShiftAnd:
    """The automaton."""

    def __init__(self) -> None:
        self._size = 0
        self._letters: defaultdict[str, int] = defaultdict(int)
        """The states that accept a letter."""
        self.starts = self._starts_anywhere = self._any = self._spaces = 0
        self._ends = 0
        self.gapped = 0
        """The last states of entries after which any letters may follow."""

    def add(self, states: list[PatternState]) -> None:
        """Add an entry."""
        for state in states:
            bit = 1 << self._size
            self._size += 1
            for letter in state.letters:
                self._letters[letter] |= bit
            self.starts |= bit * state.starts
            self._starts_anywhere |= bit * state.starts_anywhere
            self._any |= bit * (state.any_follow and not state.ends)
            self._spaces |= bit * state.space_follows
            self._ends |= bit * state.ends
            self.gapped |= bit * (state.ends and state.any_follow)

    def search(self, letters: Iterable[Letter], *, pairs: bool = False) -> int:
        """Return bits of which the highest belongs to an entry that was found; 0 if none was.

        With `pairs`, two letters can also be the one that they look like together.
        """
        before = now = Reached()
        starts_before = self.starts
        for letter in letters:
            if letter.boundary and (found := self.found(now)):
                return found
            starts = self.starts if letter.boundary else self._starts_anywhere
            entered = self._across(letter.boundary, now)
            now = self._after(entered, letter, starts)
            if pairs and letter.pair:
                now = self._with_pair(before, now, letter, starts_before)
            before, starts_before = entered, starts
            if found := self.found_anywhere(now):
                return found
        return self.found(now)

    def walk(self, letters: Iterable[Letter]) -> Iterator[Reached]:
        """Yield the states after each letter, for entries that start with the first letter.

        Separators and spaces mean nothing, and pairs count as in `search`.
        """
        before = now = Reached()
        starts, starts_before = self.starts, 0
        for letter in letters:
            after = self._after(now, letter, starts)
            if letter.pair:
                after = self._with_pair(before, after, letter, starts_before)
            before, now = now, after
            starts_before, starts = starts, 0
            yield now

    def found(self, reached: Reached) -> int:
        """Return the last states of entries that end here, if a word ends here."""
        return reached.sure & self._ends

    def found_anywhere(self, reached: Reached) -> int:
        """Return the last states of entries after which any letters may follow."""
        return reached.sure & self.gapped

    def _across(self, boundary: Boundary, now: Reached) -> Reached:
        """Return the states after what separates two letters."""
        if boundary is not Boundary.BREAK:
            return now
        return Reached(now.sure & self._spaces, now.vague & self._spaces)

    def _after(self, entered: Reached, letter: Letter, starts: int) -> Reached:
        """Return the states after a letter at which entries with the bits `starts` may start."""
        sure, vague = entered.sure, entered.vague
        certain, possible = self._accepting(letter.certain), self._accepting(letter.possible)
        next_sure = self._step(sure, certain | possible, 0) | self._step(vague, certain, starts)
        next_vague = self._step(vague, possible, starts)
        if letter.is_sign:  # it may be a separator
            next_sure, next_vague = next_sure | sure, next_vague | vague
        return Reached(next_sure, next_vague)

    def _with_pair(self, before: Reached, after: Reached, letter: Letter, starts: int) -> Reached:
        """Add the states after a letter that looks like this one and the last one together."""
        accepting = self._accepting(letter.pair)
        more = self._step(before.sure | before.vague, accepting, starts)
        return Reached(after.sure | more, after.vague)

    def _accepting(self, letters: frozenset[str]) -> int:
        if letters is ANY:
            return (1 << self._size) - 1
        accepting = 0
        for letter in letters:
            accepting |= self._letters.get(letter, 0)
        return accepting

    def _step(self, states: int, accepting: int, starts: int) -> int:
        """Return the states after a letter: the next ones, or the same where letters repeat."""
        entered = (states << 1) & ~self.starts | starts
        return (entered | states) & accepting | states & self._any
