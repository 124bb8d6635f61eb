"""`/style`: words saved under a name, offered by `/imagine`, and nobody else's."""

import asyncio
from collections.abc import Sequence

import pytest
import simcord

from bot.guild_settings import GuildSettings
from bot.saved_style import MAX_NAME, MAX_STYLE, MAX_STYLES, SavedStyle
from tests.harness.bot_harness import (
    BotHarness,
    ephemeral_text,
    result_of,
    stored_recipe,
)

WORDS = "ink drawing, wet paper"


async def told(who: simcord.MemberActor, bot: BotHarness, command: str, **options: object) -> str:
    return ephemeral_text(await who.slash(bot.channel, f"style {command}", **options))


async def saved(bot: BotHarness, name: str = "Mine", words: str = WORDS) -> str:
    return await told(bot.alice, bot, "save", name=name, words=words)


async def styles_of(bot: BotHarness, who: simcord.MemberActor) -> list[tuple[str, str]]:
    return [(s.name, s.words) for s in await bot.services.styles.of_user(who.id)]


async def offered(bot: BotHarness, who: simcord.MemberActor, typed: str = "") -> list[str]:
    choices = await who.autocomplete(bot.channel, "imagine", "style", typed, prompt="x")
    return [choice["value"] for choice in choices]


async def test_a_saved_style_is_offered_and_its_words_are_painted(bot: BotHarness):
    assert "Mine" in await saved(bot)
    assert (await offered(bot, bot.alice))[0] == "Mine"
    assert await offered(bot, bot.alice, "WET PAP") == ["Mine"]
    assert "Mine" not in await offered(bot, bot.bob)
    assert len(await offered(bot, bot.alice)) == len(await offered(bot, bot.bob)) + 1
    await bot.imagine("a red ring", steps=1, style="mine")
    recipe = await stored_recipe(bot, await result_of(bot))
    assert [prompt.text for prompt in recipe.prompts] == [f"a red ring, {WORDS}"]
    await bot.bob.slash(bot.channel, "imagine", prompt="a ring", steps=1, style="Mine")
    recipe = await stored_recipe(bot, await result_of(bot))
    assert [prompt.text for prompt in recipe.prompts] == ["a ring, Mine"]


async def test_none_stands_for_no_style(bot: BotHarness):
    assert "Choose another name" in await saved(bot, "NONE")
    await bot.imagine("a red ring", steps=1, style="None")
    recipe = await stored_recipe(bot, await result_of(bot))
    assert [prompt.text for prompt in recipe.prompts] == ["a red ring"]


async def test_a_name_in_another_case_or_form_is_the_same_name(bot: BotHarness):
    await saved(bot, "Café Noir", "first")
    await saved(bot, "CAFE\u0301  NOIR", "second")
    assert await styles_of(bot, bot.alice) == [("CAFE\u0301 NOIR", "second")]
    assert "Deleted" in await told(bot.alice, bot, "delete", name="café noir")
    assert await styles_of(bot, bot.alice) == []


@pytest.mark.parametrize(
    ("name", "kept", "shown"),
    [
        ("**b** ||x|| @everyone", "**b** ||x|| @everyone", r"\*\*b\*\* \|\|x\|\| \@everyone"),
        ("🎨👩‍🎨", "🎨👩‍🎨", "🎨👩‍🎨"),
        ("a\nb\t\u202ec", "a b c", "a b c"),
        ("نمط", "نمط", "نمط"),
        ("charcoal drawing", "charcoal drawing", "charcoal drawing"),
    ],
)
async def test_odd_names_are_kept_and_shown_as_they_are(
    bot: BotHarness, name: str, kept: str, shown: str
):
    assert shown in await saved(bot, name, "blue; DROP TABLE styles")
    assert await styles_of(bot, bot.alice) == [(kept, "blue; DROP TABLE styles")]
    assert shown in await told(bot.alice, bot, "list")
    assert await bot.services.styles.words(bot.alice.id, name) == "blue; DROP TABLE styles"
    assert (await offered(bot, bot.alice)).count(kept) == 1


NO_STYLES: Sequence[tuple[str, str, str]] = (
    (" \u200b ", "x", "at least one letter"),
    ("x", "\u202e ", "at least one word"),
    ("x", "damn", "blocked here"),
    ("d4mn", "x", "blocked here"),
)


async def test_what_can_be_no_style_is_refused(bot: BotHarness):
    await block(bot, "damn")
    for name, words, part in NO_STYLES:
        assert part in await saved(bot, name, words)
        assert await styles_of(bot, bot.alice) == []


async def block(bot: BotHarness, word: str) -> None:
    def change(before: GuildSettings) -> GuildSettings:
        return before.changed(blocked_words=(word,))

    await bot.services.store.guild_settings.change(bot.guild.id, change)


async def test_words_that_were_blocked_later_are_refused_when_used(bot: BotHarness):
    await saved(bot)
    await block(bot, "wet")
    assert "blocked here" in ephemeral_text(await bot.imagine(steps=1, style="mine"))
    assert await bot.services.store.jobs.count_open() == 0


async def test_discord_accepts_no_longer_names_and_words(bot: BotHarness):
    for name, words in (("x" * (MAX_NAME + 1), "x"), ("x", "x" * (MAX_STYLE + 1))):
        with pytest.raises(simcord.SetupError):
            await saved(bot, name, words)


async def test_as_many_styles_as_discord_shows_can_be_saved(bot: BotHarness):
    for number in range(MAX_STYLES):
        style = SavedStyle(f"{number:02}{'*' * 30}", "@" * MAX_STYLE)
        assert await bot.services.store.styles.save(bot.alice.id, style, MAX_STYLES)
    assert "which is the most" in await saved(bot)
    assert "Saved" in await saved(bot, f"03{'*' * 30}", "changed")  # replaces one
    listed = await bot.alice.slash(bot.channel, "style list")
    assert listed.response is not None
    (file,) = listed.response.attachments
    lines = (await file.read()).decode().splitlines()
    assert len(lines) == MAX_STYLES
    assert lines[3].endswith(": changed")
    assert len(await offered(bot, bot.alice)) == 25
    assert "Deleted" in await told(bot.alice, bot, "delete", name=f"03{'*' * 30}")
    assert "Saved" in await saved(bot)


async def test_two_styles_at_once_do_not_exceed_the_limit(bot: BotHarness):
    store = bot.services.store.styles
    tries = [store.save(5, SavedStyle(f"style {n}", "x"), 3) for n in range(6)]
    assert sum(await asyncio.gather(*tries)) == 3
    assert len(await store.of_user(5)) == 3


async def test_a_style_is_deleted_by_its_person_only(bot: BotHarness):
    await saved(bot)
    assert "no saved style called Elsewhere" in (
        await told(bot.alice, bot, "delete", name="Elsewhere")
    ).replace("\u2068", "").replace("\u2069", "")
    assert "no saved style" in await told(bot.bob, bot, "delete", name="Mine")
    choices = await bot.alice.autocomplete(bot.channel, "style delete", "name", "mi")
    assert [choice["value"] for choice in choices] == ["Mine"]
    assert "Deleted" in await told(bot.alice, bot, "delete", name="mINE")
    assert "no saved styles" in await told(bot.alice, bot, "list")


async def test_styles_are_the_same_in_direct_messages(bot: BotHarness):
    await saved(bot)
    listed = ephemeral_text(await bot.alice.user.slash("style list"))
    assert WORDS in listed


async def test_styles_are_exported_and_erased(bot: BotHarness):
    await saved(bot)
    account = await bot.services.store.exports.account(bot.alice.id)
    assert account["styles"] == [
        {"author_id": bot.alice.id, "key": "mine", "name": "Mine", "words": WORDS}
    ]
    await bot.services.store.personal_data.request_erasure(bot.alice.id)
    assert await styles_of(bot, bot.alice) == []
