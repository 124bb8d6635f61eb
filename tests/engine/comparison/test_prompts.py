import pytest

from engine.comparison.prompts import PROMPT_SETS, find_prompts
from engine.errors import UsageError
from engine.recipes.prompts import parse_prompts


def test_the_figures_have_as_many_prompts_as_in_the_paper():
    assert {name: len(prompts) for name, prompts in PROMPT_SETS.items()} == {
        "fig2": 12,
        "fig4": 4,
        "fig8": 4,
        "fig9": 3,
        "fig15": 3,
        "fig16": 3,
        "fig17": 8,
        "app-e": 12,
        "app-f": 6,
    }
    assert "a charcoal drawing of a cathedral" in find_prompts("fig4")


def test_each_prompt_is_read_as_one_sentence_but_for_the_sums_of_prompts():
    several = {p for prompts in PROMPT_SETS.values() for p in prompts if len(parse_prompts(p)) > 1}
    assert several == {"A watercolor painting | A baseball game", "A charcoal drawing | A farm"}
    sums = [each for prompts in PROMPT_SETS.values() for each in prompts if each not in several]
    assert all(parse_prompts(each)[0].text == each for each in sums)


def test_an_unknown_figure_is_refused_with_those_that_there_are():
    with pytest.raises(UsageError, match=r"no prompts called 'Fig 4'.*fig2, fig4.*is it fig4"):
        find_prompts("Fig 4")
