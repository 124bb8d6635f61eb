"""The language that moderators choose for what everybody in their server sees."""

import pytest

from bot.errors import UserError
from bot.submission.settings_changes import language_change
from tests.cogs.settings.moderators import hidden_channel, moderator, told_by
from tests.harness.bot_harness import BotHarness, ephemeral_text, result_of, until
from tests.harness.languages import put_texts, set_client_language, set_server_language

CHANGED = "⚙️ {person} changed the settings.\n{changes}"
FRENCH = {
    CHANGED: "⚙️ {person} a changé les réglages.\n{changes}",
    "In this server I paint only in {places}.": "Ici, je ne peins que dans {places}.",
}
GERMAN = {
    "**What is allowed in this server**": "**Was auf diesem Server erlaubt ist**",
    "as on Discord: {language}": "wie auf Discord: {language}",
}


async def test_what_everybody_sees_is_in_the_language_that_moderators_chose(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    put_texts(monkeypatch, "fr", FRENCH)
    mona, other = moderator(bot), bot.guild.create_text_channel("other")
    place = hidden_channel(bot, mona)
    text = await told_by(mona, bot.channel, "language", language="fr")
    assert text == "Language of public messages: as on Discord: English → Français"
    await bot.imagine(steps=1)
    result = await result_of(bot)
    record = await bot.services.store.jobs.by_post(result.id)
    assert record is not None
    assert record.job.language.name == "fr"
    await told_by(mona, bot.channel, "log set", channel=place)
    text = await told_by(mona, bot.channel, "channels add", channel=other)
    assert text.startswith("Where I paint:")  # Mona's client is English
    await until(lambda: any("a changé les réglages" in each.content for each in place.history()))
    refusal = f"Ici, je ne peins que dans {other.mention}."
    await bot.alice.send(bot.thread(), "a green circle", reply_to=result)
    assert bot.thread().history()[-1].content == refusal
    assert f"only in {other.mention}." in ephemeral_text(await bot.imagine(steps=1))


async def test_the_panel_offers_the_languages_in_the_language_of_the_moderator(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    put_texts(monkeypatch, "de", GERMAN)
    set_client_language(monkeypatch, "de")
    guild = bot.client.get_guild(bot.guild.id)
    assert guild is not None
    set_server_language(guild, "ja")
    mona = moderator(bot)
    panel = (await mona.slash(bot.channel, "settings show")).response
    assert panel is not None
    assert panel.content.startswith("**Was auf diesem Server erlaubt ist**")
    assert "wie auf Discord: 日本語" in panel.content
    panel = (await mona.select(panel, ["limits"], custom_id="settings:section:")).response
    assert panel is not None
    chosen = "settings:choice:language"
    panel = (await mona.select(panel, ["pt-BR"], custom_id=chosen)).response
    assert panel is not None
    assert "wie auf Discord: 日本語 → Português do Brasil" in panel.content
    panel = (await mona.select(panel, ["discord"], custom_id=chosen)).response
    assert panel is not None
    assert "Português do Brasil → wie auf Discord: 日本語" in panel.content
    assert (await bot.services.store.guild_settings.get(bot.guild.id)).language is None
    with pytest.raises(UserError, match="in the list"):
        language_change("pl")
