"""Look more closely at a text that contains an entry only if its spaces mean nothing.

Such a text is innocent if it consists of ordinary words: "pen is", "click", "h e l l o". It is not
if something else had to be written to hide the entry: "da mn", "clamn", "d a m n y o u".
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bot.filtering.automaton import Reached, ShiftAnd
from bot.filtering.letters import Boundary, Letter, pieces
from bot.filtering.words import EVERY_LANGUAGE, is_part, languages_of

_MAX_UNITS = 8
"""The most parts into which a word is expected to be split."""
_LONGEST_WORD = 20
_CONTRACTED = frozenset(["ll", "re", "ve", "s", "t", "d", "m", "n"])
"""What follows an apostrophe in English, as in "he'll"."""
_ELIDED = frozenset(["c", "d", "j", "l", "m", "n", "qu", "s", "t"])
"""What precedes an apostrophe in French and Italian, as in "l'eau"."""
_APOSTROPHES = frozenset("'\u2019\u2018\u02bc`\u2032")


def find_hidden(automaton: ShiftAnd, letters: Sequence[Letter]) -> int:
    """Return bits of which the highest belongs to an entry that is hidden in a text, or 0."""
    spaceless = (
        replace(each, boundary=Boundary.JOINT) if each.boundary or each.is_spelled else each
        for each in letters
    )
    if not automaton.search(spaceless, pairs=True):
        return 0
    strange = _without_pairs_in_words(letters)
    return (
        automaton.search(strange, pairs=True)
        or _find_split(automaton, strange)
        or _find_spelled(automaton, strange)
    )


def _without_pairs_in_words(letters: Iterable[Letter]) -> list[Letter]:
    read: list[Letter] = []
    for piece in pieces(letters):
        if any(each.pair for each in piece) and languages_of(_text(piece)):
            read += (replace(each, pair=frozenset()) for each in piece)
        else:
            read += piece
    return read


def _find_split(automaton: ShiftAnd, letters: Sequence[Letter]) -> int:
    """Find an entry that spaces split into parts of which one is not a word."""
    units = _units(letters)
    for start in range(len(units) - 1):
        several = units[start : start + _MAX_UNITS]
        for count, found in enumerate(_ends(automaton, several), 1):
            if not found or _is_spelled(several[:count], units, start + count):
                continue
            if not _are_words(several[:count], units, start + count):
                return found
    return 0


def _ends(automaton: ShiftAnd, units: Sequence[list[Letter]]) -> Iterable[int]:
    """Yield the entries that start with the first unit and end with each one, until none can."""
    walk = automaton.walk(letter for unit in units for letter in unit)
    for unit in units:
        found, reached = 0, Reached()
        for _, reached in zip(unit, walk, strict=False):
            found = automaton.found(reached) | found & automaton.gapped
        yield found
        if not (reached.sure or reached.vague):
            return


def _units(letters: Iterable[Letter]) -> list[list[Letter]]:
    """Split letters at their spaces, those of spelled words too."""
    units: list[list[Letter]] = []
    for letter in letters:
        is_apart = letter.is_spelled and any(map(str.isspace, letter.gap))
        if letter.boundary is Boundary.BREAK or is_apart or not units:
            units.append([])
        units[-1].append(letter)
    return units


def _is_spelled(
    chosen: Sequence[list[Letter]], units: Sequence[list[Letter]], following: int
) -> bool:
    """Return True for units inside one spelled word, or that end in the middle of one."""
    is_inside = all(unit[0].is_spelled for unit in chosen[1:])
    after = units[following][0] if following < len(units) else None
    return is_inside or (after is not None and after.boundary is Boundary.NONE)


def _are_words(
    chosen: Sequence[list[Letter]], units: Sequence[list[Letter]], following: int
) -> bool:
    """Return True if units are words of one language."""
    after = units[following] if following < len(units) else None
    languages = EVERY_LANGUAGE
    for unit, next_unit in zip(chosen, (*chosen[1:], after), strict=True):
        languages &= _languages_of(unit, next_unit)
    return languages != 0


def _languages_of(unit: Sequence[Letter], after: Sequence[Letter] | None) -> int:
    """Return the languages in which a unit consists of words, numbers and signs, as bits."""
    text = _text(unit)
    if text in _CONTRACTED and _is_apostrophe(unit[0].gap):
        return EVERY_LANGUAGE
    if text in _ELIDED and after is not None and _is_apostrophe(after[0].gap):
        return EVERY_LANGUAGE
    if not any(each.certain and not each.is_digit for each in unit):
        return EVERY_LANGUAGE
    languages = EVERY_LANGUAGE
    for piece in pieces(unit):
        languages &= languages_of(_text(piece))
    return languages


def _is_apostrophe(gap: str) -> bool:
    return bool(gap) and _APOSTROPHES.issuperset(gap)


def _find_spelled(automaton: ShiftAnd, letters: Sequence[Letter]) -> int:
    """Find an entry beside other words that are spelled without spaces between them."""
    for run in _spelled(letters):
        text = _text(run)
        if len(text) != len(run) or languages_of(text):
            continue
        before = _divisible(text)
        after = _divisible(text[::-1], is_reversed=True)[::-1]
        for start in (index for index in range(len(run)) if before[index]):
            for end, reached in enumerate(automaton.walk(run[start:]), start + 1):
                if not (reached.sure or reached.vague):
                    break
                found = automaton.found(reached)
                if found and after[end] and not _is_two_words(text[start:end]):
                    return found
    return 0


def _spelled(letters: Iterable[Letter]) -> list[list[Letter]]:
    """Return the runs of letters that are spelled."""
    runs: list[list[Letter]] = [[]]
    for letter in letters:
        if not letter.is_spelled:
            runs.append([])
        runs[-1].append(letter)
    return [run for run in runs if len(run) > 1 and run[1].is_spelled]


def _divisible(text: str, *, is_reversed: bool = False) -> list[bool]:
    """Return for each beginning of a text, from the empty one on, whether words make it up."""
    divisible = [True]
    for end in range(1, len(text) + 1):
        starts = range(max(0, end - _LONGEST_WORD), end)
        parts = ((start, text[start:end]) for start in starts if divisible[start])
        divisible.append(any(is_part(part[::-1] if is_reversed else part) for _, part in parts))
    return divisible


def _is_two_words(text: str) -> bool:
    cuts = range(1, len(text))
    return any(is_part(text[:cut]) and is_part(text[cut:]) for cut in cuts)


def _text(letters: Iterable[Letter]) -> str:
    return "".join(each.character for each in letters)
