"""Tell talk about a picture from words that say how to change it.

The rule is simple, so that it can be explained: a text without letters asks for nothing, and
neither does one that consists of thanks, praise, laughter and the like and of nothing else.
"""

import re

_NO_WORDS = re.compile(r"https?://\S+|<a?:\w+:\d+>|<[@#t/][^>\s]*>|:\w+:", re.IGNORECASE)
"""Links, custom emoji, mentions and time stamps, as Discord writes them."""
_WORD = re.compile(r"[^\W\d_]+")
_LAUGHTER = re.compile(r"(?:[bw]?a?(?:ha|he|hi|ja|je|хa|ха|lo)+[hl]?|x+d+|l+m+f?a+o+|kekw?)")
_REPEATED = re.compile(r"(.)\1+")


def _known(words: str) -> frozenset[str]:
    return frozenset(_REPEATED.sub(r"\1", word) for word in words.split())


_TALK = _known(
    "thanks thank thx tnx ty tysm cheers merci danke gracias grazie obrigado obrigada arigato "
    "спасибо lol rofl omg omfg wtf wow whoa woah yay oh ooh aw aww ah hm hmm mm uh um meh ew yikes "
    "oof bruh nice cool great awesome amazing beautiful lovely love loved like liked good best "
    "perfect neat epic cute gorgeous stunning fantastic wonderful brilliant incredible insane "
    "crazy funny hilarious weird creepy cursed congrats congratulations gg wp np sorry hi hello "
    "hey bye yes yeah yep yup no nope nah ok okay true same agreed indeed exactly interesting "
    "impressive what who why how when"
)
_FILLERS = _known(
    "a an the this that these those it its s m is are was were be so very really too much many "
    "lot lots and or but i im me my you u ur your we us he she they them their of for to at on in "
    "all here there well done just not bad such one work job picture pic image art bot man dude "
    "bro guys everyone did do does made make makes looks look looking pretty"
)


def has_words(text: str) -> bool:
    """Return True if a text has letters, outside of links, mentions and custom emoji."""
    return _WORD.search(_NO_WORDS.sub(" ", text)) is not None


def is_small_talk(text: str) -> bool:
    """Return True if a text is only thanks, praise, laughter and the like."""
    words = [
        _REPEATED.sub(r"\1", each) for each in _WORD.findall(_NO_WORDS.sub(" ", text).casefold())
    ]
    is_talk = [each in _TALK or _LAUGHTER.fullmatch(each) is not None for each in words]
    in_lists = (talk or each in _FILLERS for talk, each in zip(is_talk, words, strict=True))
    return any(is_talk) and all(in_lists)
