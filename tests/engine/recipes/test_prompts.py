import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RecipeError
from engine.recipes.checks import MAX_PROMPT_LENGTH
from engine.recipes.prompt_syntax import with_excluded
from engine.recipes.prompts import Prompt, parse_line, parse_prompts, shorten

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


PIECES = st.sampled_from(
    [
        *("a", "room 12", "1", "0.5", " ", ":", "::", "|", "\\", ",", "-", "(red:1.3)", "2049"),
        *("--no", "—no", "--ar", "16:9", "::2", ":smile:", "<:name:123>", "https://a.b:80/c"),
        *(" :3", "\t:.5"),
    ]
)


@given(st.lists(PIECES, min_size=1, max_size=8), st.sampled_from([1.0, 2.0, -0.5, 1e-7]), NUMBERS)
def test_every_sign_of_the_syntax_in_a_text_is_read_back(
    pieces: list[str], weight: float, stop: float
):
    text = "".join(pieces).strip() or "a"
    for prompts in ([Prompt(text, weight)], [Prompt(text, weight, stop), Prompt(text)]):
        assert parse_prompts(" | ".join(map(str, prompts))) == tuple(prompts)
        assert parse_line(" | ".join(map(str, prompts))).aspect is None


@given(st.lists(PIECES, min_size=1, max_size=8))
def test_what_is_typed_is_shown_in_a_form_that_can_be_typed_again(pieces: list[str]):
    try:
        prompts = parse_prompts("".join(pieces))
    except RecipeError:
        return
    assert parse_prompts(" | ".join(map(str, prompts))) == prompts


@pytest.mark.parametrize(
    "text",
    [
        "a clock showing 12:30",
        "16:9",
        "John 3:16",
        "at 10:15:30",
        "Star Wars: Return of the Jedi",
        "Blade Runner: 2049",
        "Re:Zero",
        "a star:",
        "a star:1:soon",
        "my love: Nan",
        "a cat :3",
        "a cat :-3",
        "fog:1 :8",
        "a cat :3:2",
        "https://example.com:8080",
        "like http://a.b/c.png?x=1:2",
        ":smile: a cat :100:",
        ":heart::fire:",
        "a cat <:name:123> <a:wave:45>",
        "a (red:1.3) car",
        "(red:1.3)",
        "std::vector",
        "a well--known place --no",
        "--ar wide",
        "a cat --v 5",
        "c:\\a",
    ],
)
def test_what_is_no_weight_belongs_to_the_text_and_is_shown_as_it_is(text: str):
    assert parse_prompts(text) == (Prompt(text),)
    assert not parse_line(text).is_weighted
    if "\\" not in text:
        assert str(Prompt(text)) == text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cat::2 dog::1", [Prompt("cat", 2.0), Prompt("dog")]),
        ("cat::2 dog", [Prompt("cat", 2.0), Prompt("dog")]),
        ("hot:: dog", [Prompt("hot"), Prompt("dog")]),
        ("a cat ::1.5, a dog ::-.5", [Prompt("a cat", 1.5), Prompt("a dog", -0.5)]),
        ("room 12::2 | :smile::3", [Prompt("room 12", 2.0), Prompt(":smile:", 3.0)]),
        ("fog::2:0.5", [Prompt("fog", 2.0, 0.5)]),
        (
            "a cat --no dogs, red fog",
            [Prompt("a cat"), Prompt("dogs", -0.5), Prompt("red fog", -0.5)],
        ),
        ("a cat —no dogs --ar 3:2", [Prompt("a cat"), Prompt("dogs", -0.5)]),
        (
            "a cat --no dogs --v 5 | sea:2",
            [Prompt("a cat --v 5"), Prompt("dogs", -0.5), Prompt("sea", 2.0)],
        ),
        (r"just say \--no to it", [Prompt("just say --no to it")]),
    ],
)
def test_what_users_of_midjourney_write_means_the_same(line: str, expected: list[Prompt]):
    assert parse_prompts(line) == tuple(expected)


def test_a_face_has_no_weight_but_its_text_can():
    assert parse_prompts("a cat :3::2 | fog : 2") == (Prompt("a cat :3", 2.0), Prompt("fog", 2.0))
    assert str(Prompt("a cat :3", 2.0)) == "a cat :3::2.0"


@pytest.mark.parametrize(
    ("line", "words", "expected"),
    [
        ("a cat", "fog, red sea", "a cat --no fog, red sea"),
        ("a cat:2 --no fog --ar 3:2", "sea", "a cat:2 --no fog --ar 3:2 --no sea"),
        ("", "fog", "--no fog"),
        ("a cat", " , ,", "a cat"),
        ("a cat", "a|b, c:2, --no d, e --v 5", None),
        ("a cat", "--ar 16:9", None),
        ("a cat", r"x\|y", None),
    ],
)
def test_what_is_pushed_away_is_added_to_a_line(line: str, words: str, expected: str | None):
    written = with_excluded(line, words)
    assert expected is None or written == expected
    excluded = [Prompt(each, -0.5) for each in words.split(",") if each.strip()]
    before = parse_prompts(line) if line else ()
    assert parse_prompts(written) == (*before, *excluded)
    assert parse_line(written).aspect == parse_line(line or "a").aspect


def test_an_aspect_ratio_is_no_part_of_the_text():
    line = parse_line("a cat --ar 16:9 | fog:2")
    assert line.prompts == (Prompt("a cat"), Prompt("fog", 2.0))
    assert line.aspect == (16, 9)
    assert parse_line("a cat --ar 16:0").aspect is None


def test_how_weights_were_read_is_explained():
    assert explained("a cat | a dog") == ""
    assert explained("fog:1 | cat::2:0.5 --no dogs") == (
        "the prompt was read as 'fog' with the weight 1, 'cat' with the weight 2 up to the stop "
        "value 0.5, 'dogs' with the weight -0.5"
    )
    assert explained("|".join(f"w{n}a:2" for n in range(9))).endswith(", and 4 more")
    assert explained("a (red:1.3) car").startswith("'(red:1.3)' was read as text")


def explained(line: str) -> str:
    return "; ".join(map(str, parse_line(line).explanation()))


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
        ("sea | a star:nan", "weight 'nan' of 'a star' must be a finite number"),
        ("a star:-inf", "weight '-inf' of 'a star' must be a finite number"),
        ("a star:1e999", "weight '1e999' of 'a star' must be a finite number"),
        ("a star:1001", "weight of 'a star' must be .* between -1000 and 1000, not 1001"),
        ("a star:1:nan", "stop value 'nan' of 'a star' must be a finite number"),
        ("a star:1:-1e6", "stop value of 'a star' must be .* between -1000 and 1000, not -1000000"),
        ("a star:1:2:3", "'a star:1:2:3' has too many colons"),
        ("a star:2049", r"not 2049.0 \(write .: for a colon in the text\)"),
        ("a star::1e999 sea::1", "weight '1e999' of 'a star' must be a finite number"),
        ("::2 sea", "prompt is empty"),
        ("x" * (MAX_PROMPT_LENGTH + 1), "4001 characters; at most 4000"),
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
