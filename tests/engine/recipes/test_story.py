"""Stories: how their chapters are written, read and stored, and how much each counts when."""

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.editing.edit_recipe import edit_recipe
from engine.errors import RecipeError
from engine.presets import make_recipe
from engine.recipes.open_edit_recipe import read_phrases
from engine.recipes.plain_recipe import read_plain
from engine.recipes.prompt_syntax import with_excluded
from engine.recipes.prompts import Prompt, line_of, parse_line, parse_prompts
from engine.recipes.recipe import Recipe
from engine.recipes.story import FADE, MAX_SHARE, MIN_SHARE, Chapter, Story

FOREST = "a forest ^ a burning forest | smoke:0.5 ^:0.5 ashes"
PIECES = st.sampled_from([*"ab :^|\\.5\n", " ^ ", "^:2", "--no "])
TEXTS = st.lists(PIECES, min_size=1, max_size=12).map("".join).filter(str.strip)
PROMPTS = st.builds(Prompt, TEXTS, st.sampled_from([1.0, 0.5, -0.5, 2.0]))
CHAPTERS = st.lists(
    st.tuples(st.lists(PROMPTS, min_size=1, max_size=3), st.floats(MIN_SHARE, MAX_SHARE)),
    min_size=2,
    max_size=5,
)
STORIES = st.builds(
    Story,
    st.lists(
        st.builds(Chapter, st.integers(1, 3), st.floats(0.01, 100)), min_size=2, max_size=5
    ).map(tuple),
    st.floats(0, 1),
)


def story(prompt: str = FOREST, **options: Any) -> Recipe:
    values: dict[str, Any] = {"seed": 1, "steps": 100} | options
    return make_recipe(prompt, **values)


def written(recipe: Recipe, **changes: Any) -> str:
    return json.dumps(json.loads(recipe.to_json()) | changes)


# --- The syntax


def test_chapters_stand_between_carets_with_their_own_prompts_and_shares():
    line = parse_line(FOREST)
    assert line.prompts == (
        Prompt("a forest"),
        Prompt("a burning forest"),
        Prompt("smoke", 0.5),
        Prompt("ashes"),
    )
    assert line.story == Story((Chapter(1), Chapter(2), Chapter(1, 0.5)))
    first = parse_line("^:2 a forest ^ ashes").story
    assert first is not None
    assert first.shares == pytest.approx((2 / 3, 1 / 3))


def test_a_number_behind_a_text_is_its_weight_in_a_story_too_and_that_is_said():
    line = parse_line("a forest ^ ashes:0.5")
    assert line.prompts[1] == Prompt("ashes", 0.5)
    assert line.story == Story((Chapter(1), Chapter(1)))
    said = "; ".join(map(str, line.explanation()))
    assert said.startswith("the prompt was read as 2 chapters; chapter 1 is 'a forest' for 50%")
    assert "the number behind 'ashes' is its weight" in said
    assert "as in ^:0.5" in said
    assert "weight" not in "; ".join(map(str, parse_line("a forest ^:0.5 ashes").explanation()))


@pytest.mark.parametrize(
    "text",
    [
        "^_^",
        "x^2",
        "a cat ^",
        "^ a cat",
        "^",
        "^ ^",
        "a ^:3",
        "e=mc^2 on a wall",
        "a^b ^_^ c",
        "a^ b",
    ],
)
def test_a_caret_that_separates_no_words_belongs_to_the_text(text: str):
    line = parse_line(text)
    assert line.story is None
    assert " ".join(prompt.text for prompt in line.prompts).startswith(text[:3])
    assert parse_prompts(" | ".join(map(str, line.prompts))) == line.prompts


def test_a_backslash_makes_a_caret_a_part_of_the_text():
    assert parse_prompts(r"a \^ b") == (Prompt("a ^ b"),)
    assert str(Prompt("a ^ b")) == r"a \^ b"
    assert parse_line(r"a \^ b ^ c").story == Story((Chapter(1), Chapter(1)))
    assert parse_prompts(r"(\^o^) \^_^") == (Prompt(r"(\^o^) \^_^"),)


@given(CHAPTERS)
def test_a_story_that_is_written_is_read_back(chapters: list[tuple[list[Prompt], float]]):
    told = Story(tuple(Chapter(len(prompts), share) for prompts, share in chapters))
    prompts = [prompt for own, _ in chapters for prompt in own]
    line = parse_line(line_of(prompts, told))
    assert (line.prompts, line.story) == (tuple(prompts), told)


def test_what_is_pushed_away_counts_in_every_chapter():
    excluded = Prompt("fog", -0.5)
    expected = (Prompt("a forest"), excluded, Prompt("ashes"), excluded)
    assert parse_prompts("a forest ^ ashes --no fog") == expected
    assert parse_prompts("a forest --no fog ^ ashes") == expected
    assert parse_prompts(with_excluded("a forest ^ ashes", "fog")) == expected
    hidden = with_excluded(r"a forest ^ ashes \^ dust --ar 2:1", "a|b")
    assert [each.text for each in parse_prompts(hidden)] == [
        *("a forest", "a|b", "ashes ^ dust", "a|b")
    ]
    assert parse_line(hidden).aspect == (2, 1)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("a ^:0 b", "the share '0' of a chapter must be a number from 0.001 to 1000"),
        ("a ^:-1 b", "the share '-1' of a chapter"),
        ("a ^:1/2 b", "the share '1/2' of a chapter"),
        ("a ^:nan b", "the share 'nan' of a chapter"),
        ("a ^:1e9 b", "such as .:0.5 for half as many steps"),
        ("a ^: b", "the share '' of a chapter"),
        ("^:-1 a ^ b", "the share '-1' of a chapter"),
        ("a ^ ^ b", "chapter 2 of the story is empty: write words on both sides"),
        ("^ a ^ b", "chapter 1 of the story is empty"),
        ("a ^ b ^", "chapter 3 of the story is empty"),
        ("a ^ --no fog ^ b", "chapter 2 of the story is empty"),
        (" ^ ".join("abcdefghijklmnopq"), "17 prompts together; at most 16 are allowed, so leave"),
        (" ^ ".join("abcdefghi") + " --no fog", "18 prompts together"),
    ],
)
def test_what_is_no_story_is_refused_by_name(line: str, reason: str):
    with pytest.raises(RecipeError, match=reason):
        parse_line(line)


def test_painters_without_stories_say_so():
    with pytest.raises(RecipeError, match="GLIDE cannot paint a story: leave out the chapters"):
        read_plain("a forest ^ ashes", "GLIDE")
    assert read_plain(r"a forest \^ ashes", "GLIDE") == "a forest ^ ashes"
    with pytest.raises(RecipeError, match="Open-Edit cannot paint a story"):
        read_phrases("a forest -> ashes ^ a -> b")


# --- How much each chapter counts


@given(STORIES, st.floats(0, 1))
def test_weights_sum_to_1_and_at_most_two_neighbors_count(told: Story, over: float):
    weights = told.weights_at(over)
    assert sum(weights) == pytest.approx(1)
    counting = [index for index, weight in enumerate(weights) if weight > 0]
    assert counting == list(range(counting[0], counting[-1] + 1))
    assert len(counting) <= 2


@given(STORIES)
def test_at_its_end_only_a_chapter_itself_counts(told: Story):
    ends = (*told.begins[1:], 1.0)
    for index, end in enumerate(ends):
        weights = told.weights_at(end - 1e-4 * told.shares[index])
        assert weights[index] == pytest.approx(1, abs=1e-3)


def test_a_chapter_fades_in_linearly_over_its_beginning():
    told = Story((Chapter(1), Chapter(1, 3.0)), 0.5)
    over = [0, 0.2, 0.25, 0.25 + 0.375 / 4, 0.25 + 0.375 / 2, 0.25 + 0.375, 0.9, 1]
    later = [told.weights_at(each)[1] for each in over]
    assert later == pytest.approx([0, 0, 0, 0.25, 0.5, 1, 1, 1])


def test_without_a_fade_chapters_change_from_one_step_to_the_next():
    told = Story((Chapter(1), Chapter(1), Chapter(1)), 0.0)
    assert told.first_steps(100) == (0, 34, 67)
    chapters = [told.weights_at(step / 100).index(1.0) for step in range(100)]
    assert chapters == [0] * 34 + [1] * 33 + [2] * 33


@given(STORIES, st.integers(1, 300))
def test_the_steps_of_a_run_follow_the_chapters(told: Story, steps: int):
    firsts = (*told.first_steps(steps), steps)
    for chapter, (first, following) in enumerate(pairwise(firsts)):
        for step in {first, following - 1} if first < following else ():
            assert told.place_at(step / steps).chapter == chapter


# --- In recipes


def test_a_story_is_read_back_and_a_recipe_without_one_is_written_as_before():
    recipe = story(fade=0.75)
    assert Recipe.from_json(recipe.to_json()) == recipe
    values = json.loads(recipe.to_json())
    assert values["version"] == 5
    shares = [(each["prompts"], each["share"]) for each in values["story"]["chapters"]]
    assert shares == [(1, 1.0), (2, 1.0), (1, 0.5)]
    assert values["story"]["fade"] == 0.75
    plain = json.loads(story("a forest").to_json())
    assert plain["version"] == 3
    assert "story" not in plain
    assert recipe.title == FOREST
    assert story("a forest ^ b").story == Story((Chapter(1), Chapter(1)), FADE)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"story": []}, "the story must be a JSON object"),
        ({"story": {"fade": 0.5}}, "chapters must be a list"),
        ({"story": {"chapters": [{"prompts": 4}], "fade": 0.5}}, "2 to 16 chapters"),
        ({"story": {"chapters": [{"prompts": 1}, {"prompts": 2}]}}, "3 prompts together, .* has 4"),
        (
            {"story": {"chapters": [{"prompts": 0}, {"prompts": 4}]}},
            "number of a chapter's prompts",
        ),
        (
            {"story": {"chapters": [{"prompts": 2, "share": 0}, {"prompts": 2}]}},
            "share of a chapter",
        ),
        ({"story": {"chapters": [{"prompts": 2}, {"prompts": 2}], "fade": 2}}, "fade of a story"),
        (
            {"story": {"chapters": [{"prompts": 2}, {"prompts": 2}], "end": 2}},
            "unknown keys: 'end'",
        ),
        ({"steps": 2}, "the chapter 'ashes' would get none of the 2 steps"),
    ],
)
def test_a_story_of_a_file_is_checked(changes: dict[str, Any], reason: str):
    with pytest.raises(RecipeError, match=reason):
        Recipe.from_json(written(story(), **changes))


def test_each_chapter_has_the_steps_of_a_picture_unless_others_are_named():
    one = make_recipe("a forest", seed=1).steps
    assert make_recipe("a forest ^ a fire ^:0.5 ashes", seed=1).steps == 3 * one
    assert make_recipe("a forest ^ ashes", seed=1, steps=50).steps == 50
    picture = Image.new("RGB", (64, 64))
    edits = [edit_recipe(prompt, picture, seed=1).steps for prompt in ("a forest", "a ^ b")]
    assert edits[1] == 2 * edits[0]


def test_weights_of_each_chapter_are_checked():
    with pytest.raises(RecipeError, match="all weights are zero"):
        story("a forest ^ ashes:0")
    with pytest.raises(RecipeError, match="only the chapters of a story fade"):
        story("a forest", fade=0.5)


def test_a_picture_shows_the_chapter_of_its_last_step():
    recipe = story("a | b:0.5 ^ c ^ d", steps=90, more=(10,))
    shown = {steps: recipe.at_chapter(steps) for steps in (0, 1, 30, 31, 60, 61, 90, 100)}
    assert all(each.story is None for each in shown.values())
    assert {steps: each.title for steps, each in shown.items()} == {
        **dict.fromkeys((0, 1, 30), "a | b:0.5"),
        **dict.fromkeys((31, 60), "c"),
        **dict.fromkeys((61, 90, 100), "d"),
    }
    plain = replace(recipe, story=None)
    assert plain.at_chapter(5) == plain
