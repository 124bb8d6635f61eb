"""Words whose letters all stand alone: s p e l l e d, s.p.e.l.l.e.d.

They are one word each, so "hell" is not in "h e l l o".
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from bot.filtering.letters import Boundary, Letter, is_spaceless

_ARTICLES = "ai"
"""The letters that are often words of their own: "a d a m n shame"."""


def join_spelled(letters: Sequence[Letter]) -> list[Letter]:
    """Return letters in which nothing separates those of a spelled word."""
    joined = list(letters)
    for start, end in _runs(letters):
        joined[start:end] = _join(letters[start:end], is_last=end == len(letters))
    return joined


def _runs(letters: Sequence[Letter]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of at least two letters that stand alone, in scripts with spaces."""
    start = 0
    for index, letter in enumerate(letters):
        is_alone = letter.boundary and (
            index + 1 == len(letters) or letters[index + 1].boundary is not Boundary.NONE
        )
        if is_alone and not is_spaceless(letter.character):
            continue
        if index - start > 1:
            yield start, index
        start = index + 1
    if len(letters) - start > 1:
        yield start, len(letters)


def _join(run: Sequence[Letter], *, is_last: bool) -> list[Letter]:
    """Join the letters of a run; digits count only while they are the minority.

    A word can also end where a gap is wider than the others, beside digits at the ends, and beside
    an article.
    """
    digits = sum(letter.is_digit for letter in run)
    with_digits = 2 * digits < len(run)
    narrowest = min(len(letter.gap) for letter in run[1:])
    first, last = _without_ends(run, is_last=is_last)
    joined = [run[0]]
    for index, (before, letter) in enumerate(pairwise(run), 1):
        if not with_digits and (before.is_digit or letter.is_digit):
            joined.append(replace(letter, boundary=Boundary.BREAK))
            continue
        is_edge = index in (first, last) or len(letter.gap) > narrowest
        boundary = Boundary.JOINT if is_edge else Boundary.NONE
        joined.append(replace(letter, boundary=boundary, is_spelled=True))
    return joined


def _without_ends(run: Sequence[Letter], *, is_last: bool) -> tuple[int, int]:
    """Return the range of a run without the digits or the article at its ends."""
    first, last = 0, len(run)
    while first < last and run[first].is_digit:
        first += 1
    while first < last and run[last - 1].is_digit:
        last -= 1
    if first == 0 and run[0].character in _ARTICLES:
        first = 1
    if last == len(run) and not is_last and run[-1].character in _ARTICLES:
        last -= 1
    return first, last
