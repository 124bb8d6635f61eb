"""Prompts with words that the models do not know: people choose before anything is painted."""

from collections.abc import Sequence

import discord
import pytest
import simcord
from PIL import Image, ImageDraw

from bot.config import BotSettings
from bot.submission import questions
from engine import presets
from tests.harness.bot_harness import (
    FAST,
    PROMPT,
    BotHarness,
    encoded,
    ephemeral_text,
    is_accepted,
    open_bot,
    result_of,
    stored_recipe,
)
from tests.harness.interactions import labels, posted_with
from tests.harness.restartable_bot import open_restartable_bot

DRAGON = "a red dragon | fog:-0.5"
OFFER = "a red circle on a blue background"
ANYWAY = "Paint it anyway"


@pytest.fixture
def any_words() -> None:
    """Let the models know only the words of the demo models."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the preset few steps, because forms and replies cannot choose them."""
    demo = {**presets.PRESETS["demo"], "steps": 2}
    monkeypatch.setattr(presets, "PRESETS", {**presets.PRESETS, "demo": demo})


def scene() -> bytes:
    """Draw a red circle on blue, as the demo models know it."""
    picture = Image.new("RGB", (128, 128), (30, 60, 200))
    ImageDraw.Draw(picture).ellipse((40, 40, 88, 88), fill=(220, 30, 30))
    return encoded(picture)


def message_of(answered: simcord.InteractionResult) -> discord.Message:
    """Return the answer that only the person sees."""
    assert answered.response is not None
    assert answered.response.ephemeral
    return answered.response.message


def complaint(pressed: simcord.InteractionResult) -> str:
    """Return the answer beside the question, which only the person sees."""
    (answer,) = pressed.followups
    assert answer.ephemeral
    return answer.content


async def press(bot: BotHarness, answered: simcord.InteractionResult, label: str):
    return await bot.alice.click(message_of(answered), label=label)


async def test_nothing_is_painted_before_the_person_chose(bot: BotHarness):
    answered = await bot.imagine(DRAGON, steps=2, seed=7, count=2, size="landscape")
    said = ephemeral_text(answered)
    for part in ("know only colored shapes", "dragon", "fog", OFFER):
        assert part in said
    assert labels(message_of(answered)) == [OFFER, ANYWAY]
    assert not bot.channel.history()
    assert not await bot.services.store.jobs.list_open()


async def test_the_nearest_prompt_is_painted_with_all_options(bot: BotHarness):
    answered = await bot.imagine(DRAGON, steps=2, seed=7, count=2, preset="fast", style="woodcut")
    await press(bot, answered, OFFER)
    assert is_accepted(ephemeral_text(answered))
    assert not labels(message_of(answered))
    result = await result_of(bot)
    assert OFFER in result.content
    recipes = [await stored_recipe(bot, result, number) for number in (1, 2)]
    assert [(each.seed, each.steps) for each in recipes] == [(7, 2), (8, 2)]
    assert {prompt.text for each in recipes for prompt in each.prompts} == {OFFER}


async def test_it_is_painted_anyway_if_the_person_wants_that(bot: BotHarness):
    answered = await bot.imagine(DRAGON, steps=1, image=("scene.png", scene()))
    await press(bot, answered, ANYWAY)
    assert is_accepted(ephemeral_text(answered))
    result = await result_of(bot)
    recipe = await stored_recipe(bot, result)
    assert [(each.text, each.weight) for each in recipe.prompts] == [
        ("a red dragon", 1.0),
        ("fog", -0.5),
    ]
    assert recipe.init_image is not None
    # Whoever repeats it has seen what the models make of these words.
    assert is_accepted(ephemeral_text(await bot.bob.click(result, label="Rerun")))


async def test_styles_that_the_models_do_not_know_lead_to_the_question(bot: BotHarness):
    answered = await bot.imagine(PROMPT, steps=1, style="charcoal drawing")
    assert "this word: \u2068charcoal\u2069." in ephemeral_text(answered)
    assert labels(message_of(answered)) == [PROMPT, ANYWAY]
    assert is_accepted(ephemeral_text(await bot.imagine(PROMPT, steps=1, style="flat design")))


async def test_edits_and_masks_ask_before_they_paint(bot: BotHarness):
    image = ("scene.png", scene())
    edit = await bot.alice.slash(bot.channel, "edit", image=image, prompt="a green cat", steps=1)
    await press(bot, edit, "a green circle on a white background")
    recipe = await stored_recipe(bot, await result_of(bot))
    assert recipe.edit is not None
    assert recipe.prompts[0].text == "a green circle on a white background"
    mask = await bot.alice.slash(
        bot.channel, "mask", image=image, what="the shiny red circle", replace_with="a yelow ring"
    )
    assert "this word: \u2068shiny\u2069. So the mask may" in ephemeral_text(mask)
    asked = await press(bot, mask, "Paint it")
    assert labels(asked.followups[0].message) == ["a yellow ring", ANYWAY]
    assert "Paint it" in labels(message_of(mask))


async def test_the_form_for_another_prompt_asks_too(bot: BotHarness):
    await bot.imagine(steps=1)
    form = await bot.alice.click(await result_of(bot), label="Edit prompt")
    asked = await bot.alice.submit_modal(form, {"prompt": "a crimson ball"})
    await press(bot, asked, "a red circle")
    recipe = await stored_recipe(bot, await result_of(bot))
    assert recipe.prompts[0].text == "a red circle"


async def test_a_reply_is_asked_in_public_and_only_its_author_may_answer(bot: BotHarness):
    await bot.imagine(steps=1)
    thread, result = bot.thread(), await result_of(bot)
    for _ in range(2):  # the second one within a minute
        await bot.bob.send(thread, "a green dragon", reply_to=result)
    first, second = (each for each in thread.history() if ANYWAY in labels(each))
    assert "dragon" in first.content
    refused = await bot.alice.click(second, label=ANYWAY)
    assert "Someone else asked" in complaint(refused)
    await bot.bob.click(second, label=ANYWAY)
    edited = await result_of(bot, thread)
    assert (await stored_recipe(bot, edited)).prompts[0].text == "a green dragon"
    await bot.env.advance_time(FAST.question_seconds + 1)
    assert not any(ANYWAY in labels(each) for each in thread.history())


async def test_an_answer_passes_the_same_rules_as_any_request(settings: BotSettings):
    limits = settings.limits.model_copy(update={"pictures_per_day": 1})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        answered = await bot.imagine(DRAGON, steps=1)
        await bot.imagine(PROMPT, steps=1)
        refused = await press(bot, answered, OFFER)
        assert "at most 1 are allowed" in complaint(refused)
        assert labels(message_of(answered)) == [OFFER, ANYWAY]
        assert "at most 1 are allowed" in complaint(await press(bot, answered, ANYWAY))


MEANINGLESS: Sequence[str] = (
    "question:none:everything",
    "question:" + "9" * 80,
    "question:\n:anyway",
)


async def test_ids_that_mean_nothing_are_answered(bot: BotHarness):
    for custom_id in MEANINGLESS:
        message = await posted_with(bot, custom_id)
        pressed = await bot.alice.click(message, label="?")
        assert "I don't know this button" in ephemeral_text(pressed)


async def test_a_restart_forgets_requests_and_says_so(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with restartable.start() as bot:
            answered = await bot.imagine(DRAGON, steps=1)
        async with restartable.start() as bot:
            pressed = await press(bot, answered, OFFER)
            assert "I was restarted. Please ask for it again" in complaint(pressed)


async def test_only_the_newest_requests_wait(bot: BotHarness, monkeypatch: pytest.MonkeyPatch):
    image = ("scene.png", scene())
    old = [await bot.imagine(DRAGON, steps=1) for _ in range(6)]
    assert "any more" in complaint(await press(bot, old[0], ANYWAY))
    monkeypatch.setattr(questions, "_MOST_BYTES", 1)
    new = [await bot.imagine(DRAGON, steps=1, image=image) for _ in range(2)]
    for each in (*old[1:], new[0]):
        assert "any more" in complaint(await press(bot, each, ANYWAY))
    await press(bot, new[1], ANYWAY)
    assert is_accepted(ephemeral_text(new[1]))


async def test_deleting_everything_forgets_requests(bot: BotHarness):
    answered = await bot.imagine(DRAGON, steps=1)
    sure = await bot.alice.slash(bot.channel, "privacy delete")
    await press(bot, sure, "Delete everything")
    assert "any more" in complaint(await press(bot, answered, ANYWAY))
