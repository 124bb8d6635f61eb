"""The letters that a character can be mistaken for.

Unicode's decompositions cover accents, fonts, circles and widths, and the names of Latin characters
contain their letter. For other scripts, the table below has each character of Unicode's
`confusables.txt` (17.0, https://www.unicode.org/reports/tr39/, under the Unicode licence v3,
https://www.unicode.org/license.txt) whose skeleton is one Latin letter, except those of
right-to-left scripts, which cannot be inside a Latin word. The characters əєηω are added.
"""

import re
import unicodedata
from functools import lru_cache

_BY_LETTER = {
    "a": "ɑαаᎪᗅ⍺ꓮ𐊠𖽀",
    "b": "ƅβвьᏏᏴᑲᖯᗷⲃꓐꞵ𐊂𐊡𐌁",
    "c": "сငၚᏟⲥꓚ𐊢𐌂𐐽𐔜🝌",
    "d": "ԁᎠᏧᑯᗞᗪꓒꓓ",
    "e": "əεеєҽᎬ℮⋿ⴹꓰ𐊆𑣆𑣎",
    "f": "ϝքᖴꓝ𐊇𐊥𐔥𑣂𝈓",
    "g": "ƍԍցᏀᏳꓖ",
    "h": "ηнһհᎻᏂᕼⲏꓧ𐋏",
    "i": "ǀɩιіӏւᎥᛁ∣⍳⏽ⲓⵏꓲꙇ𐊊𐌉𑣃𖼨",
    "j": "ϳјᎫᒍꓙ",
    "k": "κкᏦᛕⲕꓗ𐔘",
    "l": "ǀɩιіӏᏞᒪᛁ∣⏽ⲓⳑⵏꓡꓲ𐊊𐌉𐑃𐔦𑣃𑣒𖼖𖼨𝈪",
    "m": "μϻмᎷᗰᛖⲙꓟ𐊰𐌑",
    "n": "ηνոռⲛꓠ𐔓",
    "o": "οσϭоօଠഠဝჿዐⲟⵔꓳ𐊒𐊫𐐬𐓪𐔖𑣈𑣕𑣗",
    "p": "þƿρϸрᏢᑭ⍴ⲣⳏꓑ𐊕",
    "q": "ԛգզⵕ",
    "r": "гᎡᎱᏒᖇᴦⲅꓣꭇ𐓜𖼵𝈖",
    "s": "ƽѕտടᏕᏚꓢ𐊖𐑈𑣁𖼺",
    "t": "τтᎢ⊤⟙ⲧꓔ𐊗𐊱𐌕𑣜𖼊🝨",
    "u": "υսሀᑌ∪⋃ꓴ𐓶𑣘𖽂",
    "v": "νѵᏙᐯ∨⋁ⴸꓦꛟ𐔝𑜆𑣀𖼈𝈍",
    "w": "ωшѡԝաᎳᏔⲽꓪ𑜊𑜎𑜏",
    "x": "×χхᕁᕽ᙭᙮ᚷ╳⤫⤬⨯ⲭⵝꓫꭓ𐊐𐊴𐌗𐔧",
    "y": "ɣγυуүყᎩᎽⲩꓬ𐊲𑣄𑣜𖽃",
    "z": "ζᏃꓜ𑣄𑣉",
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
}
"""The letters for which digits and signs are used."""
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


def leet_letters(sign: str) -> frozenset[str]:
    """Return the letters for which a digit or a sign can be used."""
    return frozenset(_STANDS_FOR.get(sign, "") or _LOOKS_LIKE.get(sign, ""))
