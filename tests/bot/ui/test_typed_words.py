"""Prompts have a limit that Discord knows, and what was typed comes back with a refusal."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import simcord
from PIL import Image

from bot.config import BotSettings, SafetySettings
from tests.harness.bot_harness import (
    BotHarness,
    encoded,
    ephemeral_text,
    make_settings,
    open_bot,
    result_of,
)

PICTURE = ("a.png", encoded(Image.new("RGB", (64, 64), "red")))
WORDS = "a damn castle on a hill"


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    safety = SafetySettings(blocked_words=("damn",))
    made = make_settings(tmp_path / "data").model_copy(update={"safety": safety})
    limits = made.limits.model_copy(update={"prompt_length": 4000})
    return made.model_copy(update={"limits": limits})


def options_of(bot: BotHarness, name: str) -> dict[str, dict[str, Any]]:
    found = bot.env.backend.find_command(name, None)
    assert found is not None
    return {each["name"]: each for each in found["options"]}


async def test_discord_knows_how_long_prompts_may_be(settings: BotSettings):
    limits = settings.limits.model_copy(update={"prompt_length": 50})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        for command, names in (
            ("imagine", ["prompt"]),
            ("edit", ["prompt"]),
            ("mask", ["what", "replace_with"]),
        ):
            for name in names:
                assert options_of(bot, command)[name]["max_length"] == 50
        assert options_of(bot, "imagine")["style"]["max_length"] == 100
        with pytest.raises(simcord.SetupError):
            await bot.imagine("a" * 51)


async def test_a_refused_form_gives_the_words_back(bot: BotHarness):
    await bot.imagine(steps=1)
    result = await result_of(bot)
    prompt = await bot.alice.click(result, label="Edit prompt")
    edit = await bot.alice.context_menu(bot.thread(), "Edit this image", result)
    mask = await bot.alice.context_menu(bot.thread(), "Mask something in it", result)
    for form, values in (
        (prompt, {"prompt": WORDS}),
        (edit, {"prompt": WORDS, "keep": ["50"]}),
        (mask, {"what": "a circle", "replace_with": WORDS}),
    ):
        assert f"\n{WORDS}\n```" in ephemeral_text(await bot.alice.submit_modal(form, values))


@pytest.mark.parametrize("words", [f"{'a castle, ' * 300}damn", "```a castle``` damn"])
async def test_words_that_do_not_fit_come_as_a_file(bot: BotHarness, words: str):
    await bot.imagine(steps=1)
    form = await bot.alice.click(await result_of(bot), label="Edit prompt")
    answered = await bot.alice.submit_modal(form, {"prompt": words})
    assert "in the file" in ephemeral_text(answered)
    assert answered.response is not None
    (file,) = answered.response.message.attachments
    assert (await file.read()).decode() == words


async def test_a_prompt_that_is_too_long_comes_back_from_a_command_too(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    """Discord keeps to a limit that it learned at the last start, and the host may lower it."""
    limits = bot.services.settings.limits.model_copy(update={"prompt_length": 10})
    settings = bot.services.settings.model_copy(update={"limits": limits})
    paintings = dataclasses.replace(bot.services.paintings, _settings=settings)
    services = dataclasses.replace(bot.services, settings=settings, paintings=paintings)
    cog = bot.client.get_cog("Imagine")
    monkeypatch.setattr(cog, "_services", services)
    answer = ephemeral_text(await bot.imagine("a castle on a hill"))
    assert "at most 10" in answer
    assert "\na castle on a hill\n```" in answer
