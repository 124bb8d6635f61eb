"""`/help` and the descriptions of options: what they say depends on the models that paint."""

from dataclasses import replace

import pytest

from bot.config import BotSettings
from engine.models import catalogue
from engine.models.catalogue import CATALOGUE
from engine.models.model_entry import COMBINATION, STYLES
from engine.models.painter_entry import EXAMPLES
from tests.harness.bot_harness import BotHarness, ephemeral_text, open_bot
from tests.harness.languages import put_texts, set_client_language

DEMO = CATALOGUE["demo"]


def description_of(bot: BotHarness, command: str, option: str) -> str:
    """Return how a command describes one of its options to Discord."""
    (found,) = (each for each in bot.client.tree.get_commands() if each.name == command)
    options = found.to_dict(bot.client.tree)["options"]
    return next(each["description"] for each in options if each["name"] == option)


async def test_examples_are_of_what_the_models_know(bot: BotHarness):
    helped = ephemeral_text(await bot.alice.slash(bot.channel, "help"))
    assert len(DEMO.examples) >= 3
    for example in (*DEMO.examples, DEMO.combination):
        assert f"{example}`" in helped
    for unknown in (*EXAMPLES, COMBINATION):
        assert unknown not in helped
    for command in ("imagine", "edit"):
        assert DEMO.examples[0] in description_of(bot, command, "prompt")
    assert DEMO.styles[0] in description_of(bot, "imagine", "style")
    offered = await bot.alice.autocomplete(bot.channel, "imagine", "style", "", prompt="a ring")
    assert [each["value"] for each in offered] == [*DEMO.styles]


async def test_other_models_have_other_examples(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    long = f"a cathedral {'of glass ' * 20}"
    mine = replace(DEMO, name="mine", limits="", examples=(long, *EXAMPLES), styles=STYLES)
    monkeypatch.setitem(catalogue.CATALOGUE, "mine", mine)
    engine = settings.engine.model_copy(update={"models": "mine"})
    async with open_bot(settings.model_copy(update={"engine": engine})) as bot:
        helped = ephemeral_text(await bot.alice.slash(bot.channel, "help"))
        assert "cathedral" in helped
        assert "circle" not in helped.replace(DEMO.combination, "")
        described = description_of(bot, "imagine", "prompt")
        assert "a cathedral" in described
        assert len(described) == 100
        assert STYLES[0] in description_of(bot, "imagine", "style")


async def test_help_in_a_language_that_needs_more_words_comes_in_several_answers(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    blend, history = (
        "- `/blend` paints what pictures have in common.",
        "- `/history` shows your pictures. You can post or rerun them.",
    )
    german = {blend: f"- `/blend` malt {'das Gemeinsame ' * 40}", history: "- `/history` zeigt"}
    put_texts(monkeypatch, "de", german)
    set_client_language(monkeypatch, "de")
    helped = await bot.alice.slash(bot.channel, "help")
    answers = [ephemeral_text(helped), *(each.content for each in helped.followups)]
    assert len(answers) == 2
    assert max(map(len, answers)) <= 2000
    assert all(each in "\n".join(answers) for each in german.values())
    assert "`/status` shows" in answers[-1]
