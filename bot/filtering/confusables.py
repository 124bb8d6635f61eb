"""The letters that a character can be mistaken for.

Unicode's decompositions cover accents, fonts, circles and widths, and the names of Latin characters
contain their letter. For other scripts, the table below has each character of Unicode's
`confusables.txt` (17.0, https://www.unicode.org/reports/tr39/, under the Unicode licence v3,
https://www.unicode.org/license.txt) whose skeleton is one Latin letter, except those of
right-to-left scripts, which cannot be inside a Latin word. Added are the characters əєηω, Latin
letters that Unicode names after their sound (ð, ŋ, ʃ), signs that are drawn like a letter (∂, †),
letters that people use for a Latin one inside a Latin word (И for N, Я for R), and pairs of letters
that look like one (rn for m).
"""

import re
import unicodedata
from functools import lru_cache

_BY_LETTER = {
    "a": "ɑαаᎪᗅ⍺ꓮ𐊠𖽀ᗩ",
    "b": "ƅβвьᏏᏴᑲᖯᗷⲃꓐꞵ𐊂𐊡𐌁",
    "c": "сငၚᏟⲥꓚ𐊢𐌂𐐽𐔜🝌ᑕ",
    "d": "ԁᎠᏧᑯᗞᗪꓒꓓð",
    "e": "əεеєҽᎬ℮⋿ⴹꓰ𐊆𑣆𑣎",
    "f": "ϝքᖴꓝ𐊇𐊥𐔥𑣂𝈓",
    "g": "ƍԍցᏀᏳꓖ",
    "h": "ηнһհᎻᏂᕼⲏꓧ𐋏",
    "i": "ǀɩιіӏւᎥᛁ∣⍳⏽ⲓⵏꓲꙇ𐊊𐌉𑣃𖼨ǃ",
    "j": "ϳјᎫᒍꓙ",
    "k": "κкᏦᛕⲕꓗ𐔘",
    "l": "ǀɩιіӏᏞᒪᛁ∣⏽ⲓⳑⵏꓡꓲ𐊊𐌉𐑃𐔦𑣃𑣒𖼖𖼨𝈪",
    "m": "μϻмᎷᗰᛖⲙꓟ𐊰𐌑",
    "n": "ηνոռⲛꓠ𐔓ŋᑎ",
    "o": "οσϭоօଠഠဝჿዐⲟⵔꓳ𐊒𐊫𐐬𐓪𐔖𑣈𑣕𑣗",
    "p": "þƿρϸрᏢᑭ⍴ⲣⳏꓑ𐊕",
    "q": "ԛգզⵕᑫ",
    "r": "гᎡᎱᏒᖇᴦⲅꓣꭇ𐓜𖼵𝈖",
    "s": "ƽѕտടᏕᏚꓢ𐊖𐑈𑣁𖼺ʃᔕ",
    "t": "τтᎢ⊤⟙ⲧꓔ𐊗𐊱𐌕𑣜𖼊🝨",
    "u": "υսሀᑌ∪⋃ꓴ𐓶𑣘𖽂ʊ",
    "v": "νѵᏙᐯ∨⋁ⴸꓦꛟ𐔝𑜆𑣀𖼈𝈍",
    "w": "ωшѡԝաᎳᏔⲽꓪ𑜊𑜎𑜏ᗯ",
    "x": "×χхᕁᕽ᙭᙮ᚷ╳⤫⤬⨯ⲭⵝꓫꭓ𐊐𐊴𐌗𐔧",
    "y": "ɣγυуүყᎩᎽⲩꓬ𐊲𑣄𑣜𖽃",
    "z": "ζᏃꓜ𑣄𑣉ʒȝᘔ",
}
_LOOKS_LIKE: dict[str, str] = {}
for _letter, _others in _BY_LETTER.items():
    for _other in _others:
        _LOOKS_LIKE[_other] = _LOOKS_LIKE.get(_other, "") + _letter

_STANDS_FOR = {
    "0": "o",
    "1": "il",
    "2": "z",
    "3": "eз",
    "4": "aч",
    "5": "s",
    "6": "bgб",
    "7": "t",
    "8": "b",
    "9": "gq",
    "@": "a",
    "$": "s",
    "!": "i",
    "|": "il",
    "+": "t",
    "€": "e",
    "£": "l",
    "¥": "y",
    "¢": "c",
    "©": "c",
    "®": "r",
    "°": "o",
    "¤": "o",
    "§": "s",
    "†": "t",
    "‡": "t",
    "¡": "i",
    "∂": "d",
    "∆": "ad",
    "∑": "e",
    "∏": "n",
    "√": "v",
    "∀": "a",
    "∃": "e",
    "∈": "e",
    "∩": "n",
    "⊂": "c",
    "∫": "s",
    "○": "o",
    "●": "o",
    "◯": "o",
    "⊙": "o",
    "♭": "b",
    "฿": "b",
    "₿": "b",
    "₤": "l",
    "₦": "n",
    "₭": "k",
    "₮": "t",
    "₱": "p",
    "₩": "w",
    "₳": "a",
    "₵": "c",
    "₲": "g",
}
"""The letters for which digits and signs are used."""
_STYLED = {
    "и": "n",
    "я": "r",
    "п": "n",
    "л": "n",
    "ц": "u",
    "д": "ad",
    "ч": "y",
    "ж": "x",
    "э": "e",
    "ф": "o",
    "ъ": "b",
    "ь": "b",
    "з": "ez",
    "ю": "o",
    "щ": "w",
    "ћ": "h",
    "ђ": "h",
    "λ": "a",
    "δ": "ado",
    "ξ": "e",
    "π": "n",
    "ψ": "wy",
    "φ": "o",
    "θ": "o",
    "σ": "e",
    "ς": "sc",
    "γ": "r",
    "μ": "u",
}
"""Cyrillic and Greek letters, which stand for Latin ones only in words with Latin letters."""
_PAIRS = {"rn": "m", "nn": "m", "vv": "w", "uu": "w", "cl": "d", "cj": "g", "ij": "y", "lc": "k"}
"""The letter that two letters look like together."""
DRAWN = {
    "|\\/|": "m",
    "/\\/\\": "m",
    "\\/\\/": "w",
    "|\\|": "n",
    "|-|": "h",
    "|_|": "u",
    "|)": "d",
    "|>": "d",
    "|<": "k",
    "|3": "b",
    "/\\": "a",
    "\\/": "v",
    "()": "o",
    "[]": "o",
    "><": "x",
}
"""Letters that are drawn with several signs, the longest first."""
_NAMED = re.compile(
    r"(?:LATIN (?:SMALL |CAPITAL )?LETTER|REGIONAL INDICATOR SYMBOL LETTER) "
    r"(?:\w+ )*?([A-Z]{1,2})(?: WITH .*)?$"
)
"""The end of a Latin character's name, which contains its letters.

Examples are SMALL CAPITAL A, O WITH STROKE, AE, and NEGATIVE SQUARED LATIN CAPITAL LETTER A.
"""


@lru_cache(maxsize=4096)
def latin_base(character: str) -> str:
    """Return the Latin letters in a character's name, or the character: "o" for ø, "ae" for æ."""
    found = None if character.isascii() else _NAMED.search(unicodedata.name(character, ""))
    return character if found is None else found[1].lower()


@lru_cache(maxsize=4096)
def confusables_of(letter: str) -> frozenset[str]:
    """Return the lower-case letter and the letters that it looks like."""
    folded = letter.casefold()
    return frozenset((folded, *_LOOKS_LIKE.get(folded, "")))


def styled_letters(letter: str) -> frozenset[str]:
    """Return the Latin letters for which another script's letter is used in a Latin word."""
    return frozenset(_STYLED.get(letter, ""))


def pair_letters(first: str, second: str) -> frozenset[str]:
    """Return the letters that two letters look like together: "m" for r and n."""
    return frozenset(_PAIRS.get(first + second, ""))


def leet_letters(sign: str) -> frozenset[str]:
    """Return the letters for which a digit or a sign can be used."""
    return frozenset(_STANDS_FOR.get(sign, "") or _LOOKS_LIKE.get(sign, ""))
