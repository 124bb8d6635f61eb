"""Stories through the doors of the bot: `/imagine`, buttons, `/recipe`, questions and refusals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from engine.recipes.story import Chapter, Story
from tests.harness.bot_harness import (
    BotHarness,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    pictures_of,
    recipe_of,
    result_of,
    stored_recipe,
)
from tests.harness.command_lines import pasted_line, run_line
from tests.harness.interactions import labels, recipes_in

CIRCLE, SQUARE = "a red circle on a blue background", "a green square on a yellow background"
TOLD = f"{CIRCLE} ^:0.5 {SQUARE}"


async def test_a_story_is_painted_told_and_found_in_its_recipe(bot: BotHarness):
    answered = await bot.imagine(TOLD, steps=6, fade=50, style="watercolour")
    said = ephemeral_text(answered)
    assert "The prompt was read as 2 chapters" in said
    assert f"chapter 2 is {SQUARE} for 33% of the steps" in said.replace("\u2068", "").replace(
        "\u2069", ""
    )
    result = await result_of(bot)
    recipe = await stored_recipe(bot, result)
    assert recipe.story == Story((Chapter(1), Chapter(1, 0.5)), 0.5)
    assert [each.text for each in recipe.prompts] == [
        f"{CIRCLE}, watercolour",
        f"{SQUARE}, watercolour",
    ]
    picture = await pictures_of(result)[0].read()
    assert recipe_of(picture) == recipe
    shown = await bot.alice.slash(bot.channel, "recipe", image=("a.png", picture))
    text = ephemeral_text(shown)
    for part in ("chapter 1, 67", "chapter 2, 33", "chapters fade in over 50"):
        assert part in text


async def test_the_line_that_paints_it_again_gives_the_same_bytes(bot: BotHarness):
    await bot.imagine(TOLD, steps=6, fade=0, seed=5, style="watercolour", negative="fog")
    result = await result_of(bot)
    line = pasted_line(ephemeral_text(await bot.alice.click(result, label="Recipe")))
    for part in ("^:0.5 ", "fade:0", "style:watercolour"):
        assert part in line
    await run_line(bot, bot.alice, bot.channel, line)
    again = await result_of(bot)
    assert await pictures_of(again)[0].read() == await pictures_of(result)[0].read()


async def test_the_form_for_another_prompt_shows_the_whole_story(bot: BotHarness):
    await bot.imagine(TOLD, steps=6, fade=50)
    result = await result_of(bot)
    form = await bot.bob.click(result, label="Edit prompt")
    assert TOLD in str(form.modal)
    answered = await bot.bob.submit_modal(form, {"prompt": f"{SQUARE} ^ {CIRCLE} ^ {SQUARE}"})
    assert is_accepted(ephemeral_text(answered))
    (recipe,) = await recipes_in(await result_of(bot))
    assert recipe.story == Story((Chapter(1), Chapter(1), Chapter(1)), 0.5)


async def test_a_variation_is_one_of_the_chapter_that_the_picture_shows(bot: BotHarness):
    await bot.imagine(TOLD, steps=6)
    result = await result_of(bot)
    await bot.bob.click(result, label="Vary")
    varied = await result_of(bot)
    recipe = await stored_recipe(bot, varied)
    assert (recipe.title, recipe.story) == (SQUARE, None)
    assert CIRCLE not in varied.content


async def test_a_rerun_and_more_steps_keep_the_story(bot: BotHarness):
    await bot.imagine(TOLD, steps=6)
    result = await result_of(bot)
    (before,) = await recipes_in(result)
    await bot.bob.click(result, label="Rerun")
    (again,) = await recipes_in(await result_of(bot))
    assert again.story == before.story
    form = await bot.alice.click(result, label="More steps")
    await bot.alice.submit_modal(form, {"steps": "3"})
    (longer,) = await recipes_in(await result_of(bot))
    assert (longer.story, longer.more) == (before.story, (3,))


async def test_an_edit_has_chapters(bot: BotHarness):
    picture = ("scene.png", encoded(Image.new("RGB", (64, 64), "red")))
    options = {"image": picture, "prompt": TOLD, "steps": 6, "fade": 10}
    answered = await bot.alice.slash(bot.channel, "edit", **options)
    assert "read as 2 chapters" in ephemeral_text(answered)
    recipe = await stored_recipe(bot, await result_of(bot))
    assert recipe.edit is not None
    assert recipe.story == Story((Chapter(1), Chapter(1, 0.5)), 0.1)


async def test_a_blocked_word_cannot_hide_in_any_chapter(tmp_path: Path):
    settings = make_settings(tmp_path)
    safety = settings.safety.model_copy(update={"blocked_words": ("sausage",)})
    async with open_bot(settings.model_copy(update={"safety": safety})) as bot:
        for prompt in (f"{CIRCLE} ^ a sausage", f"a sausage ^ {CIRCLE}", "a big sau ^ sage"):
            assert "is blocked here" in ephemeral_text(await bot.imagine(prompt))
        assert not bot.channel.history()


REFUSED: Sequence[tuple[dict[str, Any], str]] = (
    ({"prompt": "a star ^:0 a ring"}, "The share '0' of a chapter must be a number from 0.001"),
    ({"prompt": "a star ^:half a ring"}, "The share 'half' of a chapter"),
    ({"prompt": "a star ^ ^ a ring"}, "Chapter 2 of the story is empty"),
    ({"prompt": " ^ ".join(["a star"] * 17)}, "17 prompts together; at most 16 are allowed"),
    ({"prompt": "a star ^ a ring", "steps": 1}, "would get none of the 1 steps"),
    ({"prompt": "a star", "fade": 50}, "Only the chapters of a story fade into each other"),
    ({"prompt": "a star ^ a ring", "painter": "glide"}, "GLIDE cannot paint a story"),
    ({"prompt": "a star ^ a ring", "painter": "mindalle"}, "DALL-E cannot paint a story"),
    ({"prompt": "a star", "fade": 5, "painter": "glide"}, "GLIDE has no `fade`"),
)


async def test_what_is_no_story_is_refused_with_a_sentence(bot: BotHarness):
    for options, reason in REFUSED:
        answered = await bot.alice.slash(bot.channel, "imagine", **options)
        assert reason in ephemeral_text(answered), options
    assert not bot.channel.history()


class TestUnknownWords:
    """Questions about the words of any chapter."""

    @pytest.fixture
    def any_words(self) -> None:
        """Let the models know only the words of the demo models."""

    async def test_the_nearest_story_is_offered_and_painted(self, bot: BotHarness):
        answered = await bot.imagine(f"{CIRCLE} ^:2 a green dragon", steps=6, fade=50)
        said = ephemeral_text(answered)
        assert "dragon" in said
        assert answered.response is not None
        offer = labels(answered.response.message)[0]
        assert offer is not None
        await bot.alice.click(answered.response.message, label=offer)
        result = await result_of(bot)
        recipe = await stored_recipe(bot, result)
        assert recipe.story == Story((Chapter(1), Chapter(1, 2.0)), 0.5)
        assert recipe.prompts[0].text == CIRCLE
        assert "dragon" not in recipe.prompts[1].text
        assert recipe.prompts[1].text in result.content
