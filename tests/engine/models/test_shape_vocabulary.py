"""The vocabulary of the demo models: what they were trained on is known, and offered."""

from random import Random

import pytest
import torch

from engine.demo.claims import describe
from engine.demo.wordings import TEMPLATES, phrase, plain_prompt
from engine.demo.world import COLORS, SHAPES, sample_scenes
from engine.models.catalogue import CATALOGUE
from engine.models.painter_entry import EXAMPLES
from engine.models.shape_vocabulary import ShapeVocabulary
from engine.models.vocabulary import OpenVocabulary
from engine.recipes.prompts import check_prompts, parse_prompts

KNOWN = ShapeVocabulary()


def nearest(line: str) -> str:
    """Return the nearest line that the models know, and check that they know it."""
    prompts = KNOWN.nearest(parse_prompts(line))
    check_prompts(prompts)
    assert not any(KNOWN.unknown_words(each.text) for each in prompts)
    return " | ".join(map(str, prompts))


def test_all_sentences_of_the_training_are_known():
    random = torch.Generator().manual_seed(1)
    sentences = phrase(describe(sample_scenes(3000, random), random), random)
    sentences += [
        plain_prompt(shape, color, COLORS[index % len(COLORS)], index)
        for index in range(len(TEMPLATES))
        for shape in SHAPES
        for color in COLORS
    ]
    assert not {word for each in sentences for word in KNOWN.unknown_words(each)}


def test_what_the_catalogue_offers_is_known():
    demo = CATALOGUE["demo"]
    assert isinstance(demo.vocabulary, ShapeVocabulary)
    lines = (*demo.examples, demo.combination, *demo.styles)
    texts = [prompt.text for line in lines for prompt in parse_prompts(line)]
    assert not {word for each in texts for word in KNOWN.unknown_words(each)}


def test_unknown_words_are_named_as_they_were_typed():
    assert KNOWN.unknown_words("A red Dragon, a dragon!") == ("dragon",)
    assert KNOWN.unknown_words("\N{CAT FACE} un chat") == ("\N{CAT FACE}", "un", "chat")
    assert KNOWN.unknown_words("I'd like: a “red” ring…") == ()


@pytest.mark.parametrize(
    ("line", "offer"),
    [
        ("a cat", "a red circle on a blue background"),
        ("\N{CAT FACE}", "a red circle on a blue background"),
        ("a green Dragon", "a green circle on a white background"),
        ("a dragon on a black background", "an orange circle on a black background"),
        ("a red cat on a red background", "a red circle on a blue background"),
        ("a small blue cat on the left of a castle", "a small blue circle on the left on a red "
         "background"),
        ("a yelow ring", "a yellow ring"),
        ("an crimson ball", "a red circle"),
        ("two Red squares!", "Red square!"),
        ("a shiny red disc above a fluffy blue box", "a red disc above a blue box"),
        ("a red circle, oil painting, minimalist", "a red circle, minimalist"),
        ("a cat, flat design", "a red circle on a blue background, flat design"),
        ("a red ring:2:0.5 | fog:0.5 | people:-0.3", "a red ring:2.0:0.5"),
        ("blue sky | a kitten on green:2", "something blue | a green circle on a white "
         "background:2.0"),
        ("cat:0 | dog:-1", "a red circle on a blue background:-1.0"),
        ("a car", "a red circle on a blue background"),
    ],
)  # fmt: skip
def test_the_nearest_prompt_keeps_what_is_known(line: str, offer: str):
    assert nearest(line) == offer


def test_whatever_is_typed_something_known_is_offered():
    random = Random(1)
    words = [*COLORS, *SHAPES, "a", "an", "on", "background", "left", "the", ",", "|", ":2", ":-1"]
    words += ["cat", "sqare", "x" * 30, "\N{CAT FACE}", "\u202e", "'", "İ", "ß", "ﬁ", "--no", "ça"]
    for _ in range(300):
        line = "a " + " ".join(random.choices(words, k=random.randint(1, 12)))
        try:
            parse_prompts(line)
        except ValueError:
            continue
        nearest(line)
    assert len(nearest("cat " * 1000)) < 100
    assert KNOWN.nearest(()) == ()


def test_models_with_an_open_vocabulary_know_everything():
    prompts = parse_prompts(EXAMPLES[0])
    assert OpenVocabulary().unknown_words(EXAMPLES[0]) == ()
    assert OpenVocabulary().nearest(prompts) == prompts
