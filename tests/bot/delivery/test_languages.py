"""The languages of what a job leaves on Discord, and of what its author gets."""

import discord
import pytest

from engine.errors import RecipeError
from engine.vqgan_clip.generation import Generation
from tests.harness.bot_harness import (
    PROMPT,
    BotHarness,
    channel_of,
    ephemeral_text,
    pictures_of,
    posted,
    prefer,
    result_of,
)
from tests.harness.interactions import labels
from tests.harness.languages import mark_languages, set_client_language, set_server_language


@pytest.fixture
def german_in_france(bot: BotHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a person with a German client paint on a French server."""
    mark_languages(monkeypatch)
    set_client_language(monkeypatch, "de")
    set_server_language(channel_of(bot, bot.channel.id).guild, "fr")


def are_all(language: str, texts: list[str]) -> bool:
    return bool(texts) and all(each.startswith(f"{language}:") for each in texts)


@pytest.mark.usefixtures("german_in_france")
async def test_a_result_is_in_the_language_of_its_server_and_its_copy_in_that_of_its_author(
    bot: BotHarness,
):
    await prefer(bot, "dm")
    await bot.imagine(count=2)
    result = await result_of(bot)
    (shown,) = posted(bot.channel)
    (copy,) = bot.alice.user.dm_channel.history()
    for message in (result, shown):
        headline, facts = message.content.split("\n-# ")
        assert "fr:2 variations" in headline
        assert are_all("fr", facts.split(" · ")[1:])  # after the size
        assert are_all("fr", [each.description or "" for each in pictures_of(message)])
        assert are_all("fr", [each for each in labels(message) if each[1:] not in ("1", "2")])
    assert copy.content.startswith("de:Your 2 pictures of ")


@pytest.mark.usefixtures("german_in_france")
async def test_why_a_job_failed_is_stored_in_the_language_of_its_server(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    def fail(_: Generation) -> None:
        raise RecipeError("there is not enough memory free at the moment")

    monkeypatch.setattr(Generation, "step", fail)
    answered = await bot.imagine(PROMPT)
    await bot.wait_until_notified()
    record = await bot.services.store.jobs.get(1)
    assert record is not None
    assert record.reason == "Fr:there is not enough memory free at the moment."
    assert record.reason in posted(bot.channel)[0].content
    assert "fr:" not in ephemeral_text(answered)


@pytest.mark.usefixtures("german_in_france")
async def test_a_picture_that_is_taken_is_posted_in_the_language_of_the_server(bot: BotHarness):
    await bot.imagine(count=2)
    result = await result_of(bot)
    answered = await bot.alice.click(result, label="U2")
    taken: discord.Message = bot.thread().history()[-1]
    assert "-# fr:Picture 2 of 2 · fr:2 steps · fr:seed" in taken.content
    assert ephemeral_text(answered) == f"de:Posted: {taken.jump_url}"
