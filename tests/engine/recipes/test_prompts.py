import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RecipeError
from engine.recipes.prompts import MAX_LENGTH, Prompt, parse_prompts, shorten

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(str.strip)
NUMBERS = st.floats(-1000, 1000)
PROMPTS = st.builds(Prompt, TEXTS, NUMBERS, st.none() | NUMBERS)


@given(st.lists(PROMPTS, min_size=1, max_size=5))
def test_what_is_written_is_read_back(prompts: list[Prompt]):
    assert parse_prompts(" | ".join(map(str, prompts))) == tuple(prompts)


@given(st.lists(st.text(r"ab\:| ", min_size=1).filter(str.strip), min_size=1, max_size=3))
def test_separators_and_backslashes_in_a_text_are_read_back(texts: list[str]):
    prompts = tuple(Prompt(text, 2.0) for text in texts)
    assert parse_prompts("|".join(map(str, prompts))) == prompts


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a red circle", [Prompt("a red circle")]),
        ("  a   red circle\t", [Prompt("a   red circle")]),
        ("fog:2", [Prompt("fog", 2.0)]),
        ("fog : -0.5 : -1e-1", [Prompt("fog", -0.5, -0.1)]),
        ("a star|fog:0|sea:1:0.3", [Prompt("a star"), Prompt("fog", 0.0), Prompt("sea", 1.0, 0.3)]),
        (r"at 12\:30:2", [Prompt("at 12:30", 2.0)]),
        (r"this \| that", [Prompt("this | that")]),
        (r"one \\: -1", [Prompt("one \\", -1.0)]),
        (r"a back\slash", [Prompt(r"a back\slash")]),
        ("красный круг 🎨 | دائرة", [Prompt("красный круг 🎨"), Prompt("دائرة")]),
    ],
)
def test_syntax(line: str, expected: list[Prompt]):
    assert parse_prompts(line) == tuple(expected)


@pytest.mark.parametrize(
    ("line", "culprit"),
    [
        ("", "prompt is empty"),
        (" \n\t", "prompt is empty"),
        ("a star | ", "prompt is empty"),
        ("| a star", "prompt is empty"),
        (":2", "prompt is empty"),
        ("a star:", "weight '' of 'a star'"),
        ("a star:much", "weight 'much' of 'a star' must be a finite number"),
        ("sea | a star:nan", "weight 'nan' of 'a star' must be a finite number"),
        ("a star:-inf", "weight '-inf' of 'a star' must be a finite number"),
        ("a star:1e999", "weight '1e999' of 'a star' must be a finite number"),
        ("a star:1001", "weight of 'a star' must be .* between -1000 and 1000, not 1001"),
        ("a star:1:soon", "stop value 'soon' of 'a star' must be a finite number"),
        ("a star:1:nan", "stop value 'nan' of 'a star' must be a finite number"),
        ("a star:1:-1e6", "stop value of 'a star' must be .* between -1000 and 1000, not -1000000"),
        ("a star:1:2:3", "'a star:1:2:3' has too many colons"),
        ("x" * (MAX_LENGTH + 1), "4001 characters; at most 4000"),
        ("a \udc80 star", r"'a \\udc80 star' contains characters that are not Unicode"),
        ("a star:" + "9" * 5000, "weight '9+…' of 'a star' must be a finite number"),
    ],
)
def test_what_does_not_follow_the_syntax_is_refused_by_name(line: str, culprit: str):
    with pytest.raises(RecipeError, match=culprit) as caught:
        parse_prompts(line)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 250


@pytest.mark.parametrize(
    ("values", "culprit"),
    [
        ((5,), "prompt must be text, not 5"),
        ((None,), "prompt must be text, not None"),
        (("a star", "2"), "weight of 'a star' must be a finite number .* not '2'"),
        (("a star", True), "weight of 'a star' must be a finite number .* not True"),
        (("a star", None), "weight of 'a star' must be a finite number .* not None"),
        (("a star", math.nan), "weight of 'a star' must be a finite number .* not nan"),
        (("a star", 10**400), "weight of 'a star' must be a finite number"),
        (("a star", 1, math.inf), "stop value of 'a star' must be a finite number .* not inf"),
        (("a star", 1, False), "stop value of 'a star' must be a finite number .* not False"),
        (("a star", 1, [0]), r"stop value of 'a star' must be a finite number .* not \[0\]"),
    ],
)
def test_a_prompt_of_values_that_are_not_allowed_is_refused(values: tuple[Any, ...], culprit: str):
    with pytest.raises(RecipeError, match=culprit):
        Prompt(*values)


def test_long_texts_are_shortened_to_one_line_for_messages():
    assert shorten("two\nlines \t here") == "two lines here"
    assert shorten("x" * 100, length=10) == "xxxxxxxxx…"
    assert shorten("x" * 10, length=10) == "x" * 10
