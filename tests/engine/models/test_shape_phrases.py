"""The words of the demo Open-Edit, and phrases that it knows for others."""

import pytest

from engine.models.shape_phrases import ShapePhrases
from engine.recipes.prompts import Prompt


@pytest.mark.parametrize("phrase", ["red circle", "a Blue shape", "the white background", "star"])
def test_phrases_of_colors_and_things_are_known(phrase: str):
    assert not ShapePhrases().unknown_words(phrase)


def test_unknown_words_are_named_once_as_they_are_read():
    found = ShapePhrases().unknown_words("a red disc on a blue Wall disc")
    assert found == ("disc", "on", "wall")


@pytest.mark.parametrize(
    ("old", "new", "nearest"),
    [
        ("crimson disc", "lime disc", ("red circle", "green circle")),
        ("red ball", "blue", ("red circle", "blue circle")),
        ("white wall", "black wall", ("white background", "black background")),
        ("car", "red car", ("blue shape", "red shape")),
        ("a green star of five points", "a tree", ("green star", "white star")),
        ("scarlet ring", "ruby ring", ("red ring", "blue ring")),
        ("cat", "dog", ("red shape", "blue shape")),
    ],
)
def test_the_nearest_phrases_have_a_color_and_the_same_thing(
    old: str, new: str, nearest: tuple[str, str]
):
    vocabulary = ShapePhrases()
    found = vocabulary.nearest((Prompt(old), Prompt(new)))
    assert tuple(each.text for each in found) == nearest
    assert not any(vocabulary.unknown_words(each) for each in nearest)
