"""What the catalogue offers for the models of the drawn scenes: they know all of it."""

from engine.demo.scenes.sentences import read
from engine.models.catalogue import CATALOGUE
from engine.models.scene_vocabulary import SceneVocabulary
from engine.recipes.prompts import parse_prompts

SCENES = CATALOGUE["scenes"]


def test_what_the_catalogue_offers_is_known():
    lines = (*SCENES.examples, SCENES.combination, *SCENES.styles)
    texts = [prompt.text for line in lines for prompt in parse_prompts(line)]
    assert not {word for each in texts for word in SceneVocabulary().unknown_words(each)}


def test_each_style_names_another_medium():
    named = {read(f"a castle in the hills, {style}").medium for style in SCENES.styles}
    assert None not in named
    assert len(named) == len(SCENES.styles)


def test_pictures_are_described_with_phrases_that_the_models_know():
    assert SCENES.phrases is not None
    for subject in SCENES.phrases.subjects:
        (thing,) = read(subject).things
        assert thing.color or thing.kind == "sun"
    texts = sum(SCENES.phrases.looks, SCENES.phrases.subjects)
    assert not {word for each in texts for word in SceneVocabulary().unknown_words(each)}
