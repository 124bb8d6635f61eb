"""Sentences about scenes say what is true, in many wordings, and can be read back."""

from random import Random

import pytest

from engine.demo.scenes.claims import Claim, ThingClaim, describe, describe_fully
from engine.demo.scenes.completion import completed
from engine.demo.scenes.description import Description, Thing, sample_description
from engine.demo.scenes.sentences import HELD_OUT_FORMS, read, sentence, two_prompts
from engine.errors import UsageError
from engine.models.scene_vocabulary import SceneVocabulary
from engine.models.scene_words import SLOTS
from engine.recipes.prompts import Prompt

CASTLE = Description(
    "night", "hills", (Thing("castle", "red", "large", "middle"),), medium="watercolor"
)


@pytest.mark.parametrize("held_out", [False, True])
def test_sentences_are_true_and_are_read_back(held_out: bool):
    random = Random(1)
    for _ in range(1500):
        scene = sample_description(random)
        claim = describe(scene, random)
        assert claim.holds(scene)
        text = sentence(claim, random, held_out=held_out)
        assert read(text) == claim, text
        assert not SceneVocabulary().unknown_words(text)


def test_everything_that_can_be_said_is_true_and_read_back():
    random = Random(2)
    for _ in range(800):
        scene = sample_description(random)
        claim = describe_fully(scene)
        assert claim.holds(scene)
        assert read(sentence(claim, random)) == claim


def test_one_scene_has_many_wordings_and_training_has_no_held_out_ones():
    random = Random(3)
    claim = describe_fully(CASTLE)
    texts = {sentence(claim, random) for _ in range(300)}
    assert len(texts) > 250
    held_out = ("would like to see", "could you draw", "a view of")
    assert not any(phrase in text for phrase in held_out for text in texts)
    others = {sentence(claim, random, held_out=True) for _ in range(200)}
    assert len(HELD_OUT_FORMS) == 4
    assert any("could you draw" in text.lower() for text in others)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (Claim(sky="day"), Claim(sky="night")),
        (Claim(ground="sea"), Claim(ground="hills")),
        (Claim(medium="oil"), Claim(medium="watercolor")),
        (Claim(things=(ThingClaim("house"),)), Claim(things=(ThingClaim("castle"),))),
        (
            Claim(things=(ThingClaim("castle", "blue"),)),
            Claim(things=(ThingClaim("castle", "red"),)),
        ),
        (
            Claim(things=(ThingClaim("castle", place="left"),)),
            Claim(things=(ThingClaim("castle", size="large"),)),
        ),
    ],
)
def test_a_claim_is_true_only_of_scenes_that_it_fits(wrong: Claim, right: Claim):
    assert right.holds(CASTLE)
    assert not wrong.holds(CASTLE)


def test_relations_have_an_order_but_beside_has_none():
    things = tuple(ThingClaim(kind) for kind in ("bird", "house"))
    both = (Thing("bird", "red", "small", "left"), Thing("house", "red", "small", "left"))
    above = Description("day", "meadow", both, "above")
    assert Claim(things=things, relation="above").holds(above)
    assert not Claim(things=things[::-1], relation="above").holds(above)
    beside = Description("day", "meadow", both, "beside")
    assert Claim(things=things[::-1], relation="beside").holds(beside)


def test_people_write_in_their_own_ways():
    claim = read("A Grey CASTLE, hills; night – watercolour!")
    assert claim == Claim(
        sky="night", ground="hills", things=(ThingClaim("castle", "gray"),), medium="watercolor"
    )
    assert read("the dog's face beside a kitten on the left").things == (
        ThingClaim("dog"),
        ThingClaim("cat", place="left"),
    )
    assert read("a person in blue in front of a small white house") == Claim(
        things=(ThingClaim("person", "blue"), ThingClaim("house", "white", "small")),
        relation="in front of",
    )
    assert read("quantum economics") == Claim()
    read("house " * 5000)


def test_two_prompts_divide_content_and_style():
    random = Random(4)
    content, style = two_prompts(describe_fully(CASTLE), random)
    assert read(content) == Claim(
        ground="hills", things=(ThingClaim("castle", "red", "large", "middle"),)
    )
    assert read(style) == Claim(sky="night", medium="watercolor")
    assert two_prompts(Claim(ground="sea"), random)[1] == ""


def test_sentences_become_scenes_of_which_they_are_true():
    random = Random(5)
    for text in (
        "a red castle in the hills at night, watercolour",
        "a cat in front of a house",
        "a bird over a tree",
        "a person next to a palm on a beach at sunset",
        "the sea",
    ):
        for _ in range(5):
            assert read(text).holds(completed(read(text), random))


@pytest.mark.parametrize(
    ("text", "allowed"), [("a castle in the sea", "hills"), ("a castle in front of a cat", "cat")]
)
def test_what_does_not_go_together_is_refused_with_what_does(text: str, allowed: str):
    with pytest.raises(UsageError, match=allowed):
        completed(read(text), Random(6))


def test_words_that_are_unknown_are_named_and_left_out():
    words = SceneVocabulary()
    assert words.unknown_words("a steampunk castle, trending, a steampunk sky") == (
        "steampunk",
        "trending",
    )
    asked = (Prompt("a steampunk castle at night, 8k"), Prompt("cyberpunk"))
    assert [each.text for each in words.nearest(asked)] == ["a castle at night"]
    assert [each.text for each in words.nearest((Prompt("cyberpunk"),))] == ["a tree in a meadow"]
    assert words.nearest(()) == ()


def test_every_phrase_has_one_meaning():
    for slot, values in SLOTS.items():
        for value, phrases in values.items():
            for phrase in phrases:
                claim = read(f"{phrase} house" if slot in ("color", "size", "place") else phrase)
                if slot == "relation":
                    claim = read(f"a bird {phrase} a tree")
                    assert claim.relation == value
                elif slot == "kind":
                    assert [thing.kind for thing in claim.things] == [value]
                elif slot in ("color", "size", "place"):
                    assert getattr(claim.things[0], slot) == value
                else:
                    assert getattr(claim, slot) == value
