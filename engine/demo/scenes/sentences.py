"""Put claims about scenes into English, in many wordings, and read them back.

Some forms are held out: only `sentence(..., held_out=True)` uses them, to measure a model on
wordings that it has not seen.
"""

import re
from random import Random

from engine.demo.scenes.claims import Claim, ThingClaim
from engine.demo.scenes.table import KINDS
from engine.models.scene_vocabulary import phrases_of, words_of
from engine.models.scene_word_lists import (
    COLOR_WORDS,
    GROUND_NOUNS,
    KIND_NOUNS,
    MEDIUM_PHRASES,
    PLACE_PHRASES,
    RELATION_PHRASES,
    SIZE_WORDS,
    SKY_PHRASES,
    STANDING_PHRASES,
)

FORMS = (
    "{things} {where} {when}",
    "{things} {when} {where}",
    "{when}, {things} {where}",
    "{where} {things} {when}",
    "{when} {where} {things}",
)
"""Forms of sentences with things."""
HELD_OUT_FORMS = (
    "I would like to see {things} {where} {when}",
    "could you draw {things} {when} {where}",
    "{where}, {when}: {things}",
    "a view of {things} {where}, {when}",
)
"""Forms of sentences that training never uses."""
_REQUESTS = ("show me", "please paint", "there is", "a picture of", "a scene with", "I want")
_REQUEST_SHARE = 0.25
_EMPTY_FORMS = ("{ground} {when}", "{when}, {ground}", "only {ground} {when}")
_AFTER = ("{scene}, {medium}", "{scene}, {medium} style", "{scene} as {medium}")
_BEFORE = ("{medium} of {scene}", "{medium}: {scene}")
_COUNTED = (
    "watercolor", "watercolour", "painting", "drawing", "sketch", "picture", "window", "woodcut",
    "print", "engraving", "illustration",
)  # fmt: skip
"""Last words of media that need an article."""
_LIST_SHARE = 0.18
"""Share of prompts that are a list of phrases."""
_COMMON_NOUN = 0.65
"""How often the most common noun of a kind is used."""
_NO_ARTICLES, _UPPER_CASE, _FULL_STOP = 0.12, 0.12, 0.08
_PREPOSITIONS = ("by", "at", "in", "under", "with", "while", "during", "beneath")
_PLURALS = ("hills", "dunes", "mountains", "woods", "snow")


def sentence(claim: Claim, random: Random, *, held_out: bool = False) -> str:
    """Word a claim in a form drawn at random; `read` gives the claim back.

    Args:
        claim: What to say; it must say something.
        random: Source of all choices.
        held_out: With True the form is one of `HELD_OUT_FORMS`, else never.
    """
    if not held_out and random.random() < _LIST_SHARE:
        return _finished(_listed(claim, random), random)
    text = _form(claim, random, HELD_OUT_FORMS if held_out else FORMS)
    if claim.medium is not None:
        text = _in_medium(text, claim.medium, random, _AFTER if held_out else _AFTER + _BEFORE)
    if not held_out and text.startswith(("a ", "the ")) and random.random() < _REQUEST_SHARE:
        text = f"{random.choice(_REQUESTS)} {text}"
    return _finished(text, random)


def two_prompts(claim: Claim, random: Random) -> tuple[str, str]:
    """Word a claim in two prompts: what is shown, and in which style.

    The style says the medium, and the sky if the claim says it. It is "" if neither is said.
    """
    content = Claim(ground=claim.ground, things=claim.things, relation=claim.relation)
    parts: list[str] = []
    if claim.medium is not None:
        parts.append(random.choice(MEDIUM_PHRASES[claim.medium]))
    if claim.sky is not None:
        parts.append(random.choice(SKY_PHRASES[claim.sky]))
    return sentence(content, random), _articles(", ".join(parts))


def read(text: str) -> Claim:
    """Return what a sentence says, as far as its words are known.

    At most two things are read. A color, a size or a place belongs to the thing that is nearest:
    before the noun, or after it ("in red", "on the left").
    """
    words = words_of(text)
    things: list[ThingClaim] = []
    said: dict[str, str] = {}
    waiting: dict[str, str] = {}
    for slot, value, start in phrases_of(text):
        if slot == "kind" and len(things) < 2 and all(each.kind != value for each in things):
            things.append(ThingClaim(value, **waiting))
            waiting = {}
        elif slot == "place" and things:
            things[-1] = _with(things[-1], "place", value)
        elif slot == "color" and things and start and words[start - 1] in ("in", "wearing"):
            things[-1] = _with(things[-1], "color", value)
        elif slot in ("color", "size", "place"):
            waiting[slot] = value
        elif slot == "relation":
            if len(things) == 1:
                said.setdefault("relation", value)
        elif slot != "kind":
            said.setdefault(slot, value)
    if len(things) < 2:
        said.pop("relation", None)
    return Claim(things=tuple(things), **said)


def _with(thing: ThingClaim, slot: str, value: str) -> ThingClaim:
    fields = {"color": thing.color, "size": thing.size, "place": thing.place, slot: value}
    return ThingClaim(thing.kind, **fields)


def _form(claim: Claim, random: Random, forms: tuple[str, ...]) -> str:
    when = _when(claim, random)
    if not claim.things:
        if claim.ground is None:
            return when
        ground = _ground(claim.ground, random)
        return random.choice(_EMPTY_FORMS).format(ground=ground, when=when)
    return random.choice(forms).format(
        things=_things(claim, random), where=_where(claim, random), when=when
    )


def _in_medium(text: str, medium: str, random: Random, forms: tuple[str, ...]) -> str:
    phrase = random.choice(MEDIUM_PHRASES[medium])
    is_noun = text.startswith(("a ", "the "))
    form = random.choice([each for each in forms if is_noun or " of " not in each])
    if phrase.split()[-1] in _COUNTED and "style" not in form and random.random() < 0.9:
        phrase = f"a {phrase}"
    return form.format(medium=phrase, scene=text) if text else phrase


def _listed(claim: Claim, random: Random) -> str:
    """Return a list of short phrases, in any order but that of the things."""
    parts: list[str] = []
    if claim.sky is not None:
        parts.append(random.choice(SKY_PHRASES[claim.sky]))
    if claim.ground is not None:
        parts.append(random.choice(GROUND_NOUNS[claim.ground]))
    if claim.medium is not None:
        parts.append(random.choice(MEDIUM_PHRASES[claim.medium]))
    random.shuffle(parts)
    if claim.things:
        things = _things(claim, random)
        parts.insert(0, things.removeprefix("a ") if random.random() < 0.5 else things)
    return ", ".join(parts)


def _things(claim: Claim, random: Random) -> str:
    first, *rest = (_thing(each, random) for each in claim.things)
    if not rest:
        return first
    link = random.choice(RELATION_PHRASES[claim.relation]) if claim.relation else "and"
    return f"{first} {link} {rest[0]}"


def _thing(thing: ThingClaim, random: Random) -> str:
    nouns = KIND_NOUNS[thing.kind]
    noun = nouns[0] if random.random() < _COMMON_NOUN else random.choice(nouns)
    article = "the" if thing.kind == "sun" else "a"
    size = f"{random.choice(SIZE_WORDS[thing.size])} " if thing.size else ""
    text = f"{article} {size}{noun}"
    if thing.color:
        color = random.choice(COLOR_WORDS[thing.color])
        pattern = random.random()
        if thing.kind == "person":
            text = f"{text} {random.choice(('in', 'dressed in', 'wearing'))} {color}"
        elif pattern < 0.85:
            text = f"{article} {size}{color} {noun}"
        else:
            text = f"{article} {size}{color} {random.choice(('colored', 'coloured'))} {noun}"
    if thing.place:
        text = f"{text} {random.choice(PLACE_PHRASES[thing.place])}"
    return text


def _where(claim: Claim, random: Random) -> str:
    if claim.ground is None:
        return ""
    if any(KINDS[each.kind].where == "sky" for each in claim.things[-1:]):
        return f"{random.choice(('over', 'above'))} {_ground(claim.ground, random)}"
    return random.choice(STANDING_PHRASES[claim.ground])


def _when(claim: Claim, random: Random) -> str:
    if claim.sky is None:
        return ""
    phrases = [each for each in SKY_PHRASES[claim.sky] if each.split()[0] in _PREPOSITIONS]
    return random.choice(phrases)


def _ground(ground: str, random: Random) -> str:
    noun = random.choice(GROUND_NOUNS[ground])
    if noun.split()[-1] in _PLURALS:
        return noun if random.random() < 0.5 else f"the {noun}"
    return f"{random.choice(('a', 'the'))} {noun}" if ground != "sea" else f"the {noun}"


def _finished(text: str, random: Random) -> str:
    text = re.sub(r"\s+", " ", text).strip(" ,:").replace(" ,", ",").replace(" :", ":")
    text = re.sub(r"[,:] ?(?=[,:])", "", text)
    if random.random() < _NO_ARTICLES:
        text = re.sub(r"^(?:a|the) ", "", text)
    text = _articles(text)
    if random.random() < _UPPER_CASE:
        text = text[0].upper() + text[1:]
    return f"{text}." if random.random() < _FULL_STOP else text


def _articles(text: str) -> str:
    return re.sub(r"\b([Aa]) (?=[aeio8])", r"\1n ", text)
